package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nearcast/nearcast/lab"
)

// events returns the changes between two states of the lab, one line each: first what failed or
// recovered, then the consequences. The consequences of a failed resolver are not repeated for each
// of its answers.
func events(before, now lab.Status) []string {
	return slices.Concat(partEvents(before, now), answerEvents(before, now), routeEvents(before, now))
}

// partEvents reports which parts of which site went down or came up.
func partEvents(before, now lab.Status) []string {
	var lines []string
	for i, site := range now.Sites {
		changed := map[string][]string{}
		was, is := parts(before.Sites[i]), parts(site)
		for j, part := range [...]string{"dns", "functions", "speaker"} {
			if was[j] != is[j] {
				changed[is[j]] = append(changed[is[j]], part)
			}
		}
		for _, state := range [...]string{"down", "up"} {
			if len(changed[state]) > 0 {
				lines = append(lines, fmt.Sprintf("%s: %s %s %s", site.Name, list(changed[state]), verb(changed[state]), state))
			}
		}
	}
	return lines
}

// verb returns the verb form for the parts: functions are plural.
func verb(parts []string) string {
	if len(parts) == 1 && parts[0] != "functions" {
		return "is"
	}
	return "are"
}

func parts(s lab.SiteStatus) [3]string { return [3]string{s.DNS, s.Functions, s.Speaker} }

// answerEvents reports what resolvers answer now, with equal changes in one line. An answer drawn
// by weight varies even if nothing has changed; for these, only the clusters count.
func answerEvents(before, now lab.Status) []string {
	var lines []string
	for _, f := range now.Functions {
		if !f.Drawn {
			lines = append(lines, movedAnswers(f.Name, before, now)...)
			continue
		}
		i := slices.IndexFunc(before.Functions, func(o lab.FunctionStatus) bool { return o.Name == f.Name })
		if i >= 0 && !slices.Equal(before.Functions[i].Up, f.Up) {
			lines = append(lines, fmt.Sprintf("%s: by weight from %s", f.Name, list(f.Up)))
		}
	}
	return lines
}

// movedAnswers omits resolvers that do not answer now, which partEvents reports, or did not before.
func movedAnswers(function string, before, now lab.Status) []string {
	moved := map[string][]string{} // sites, by their old and new answer
	var order []string
	for i, site := range now.Sites {
		was, is := before.Sites[i].Answers[function], site.Answers[function]
		if was == is || was == lab.NoAnswer || site.DNS == "down" {
			continue
		}
		change := fmt.Sprintf("%s, no longer %s", is, was)
		if moved[change] == nil {
			order = append(order, change)
		}
		moved[change] = append(moved[change], site.Name)
	}
	var lines []string
	for _, change := range order {
		lines = append(lines, fmt.Sprintf("%s at %s: %s", function, list(moved[change]), change))
	}
	return lines
}

// routeEvents reports whose routes the router lost or received.
func routeEvents(before, now lab.Status) []string {
	var lines []string
	for _, site := range now.Sites {
		was, is := prefixes(before.Routes, site.Name), prefixes(now.Routes, site.Name)
		if lost := missing(was, is); len(lost) > 0 {
			lines = append(lines, fmt.Sprintf("the router has no route from %s to %s", site.Name, list(lost)))
		}
		if got := missing(is, was); len(got) > 0 {
			lines = append(lines, fmt.Sprintf("the router has a route from %s to %s", site.Name, list(got)))
		}
	}
	return lines
}

// prefixes returns the prefixes that the router has from the site.
func prefixes(routes []lab.RouteStatus, site string) []string {
	var all []string
	for _, r := range routes {
		if slices.Contains(r.From, site) {
			all = append(all, r.Prefix)
		}
	}
	return all
}

// missing returns the elements of a that b lacks.
func missing(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(one string) bool { return slices.Contains(b, one) })
}

// list joins words as in a sentence.
func list(words []string) string {
	switch n := len(words); n {
	case 0:
		return "none"
	case 1:
		return words[0]
	default:
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
}

// doubtful reports whether a running resolver did not answer in time, which can happen once on a
// busy machine.
func doubtful(st lab.Status) bool {
	return slices.ContainsFunc(st.Sites, func(s lab.SiteStatus) bool {
		for _, answer := range s.Answers {
			if answer == lab.NoAnswer && s.DNS == "up" {
				return true
			}
		}
		return false
	})
}
