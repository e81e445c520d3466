package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nearcast/nearcast/lab"
)

// events are what changed between two looks at the lab, a line each: first what broke or came
// back, then what follows from it. What follows from a resolver that is down is not repeated for
// each of its answers.
func events(before, now lab.Status) []string {
	return slices.Concat(partEvents(before, now), answerEvents(before, now), routeEvents(before, now))
}

// partEvents say which parts of which site went down or came up.
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

// verb is that of the parts: functions are many.
func verb(parts []string) string {
	if len(parts) == 1 && parts[0] != "functions" {
		return "is"
	}
	return "are"
}

func parts(s lab.SiteStatus) [3]string { return [3]string{s.DNS, s.Functions, s.Speaker} }

// answerEvents say whom resolvers name now, those that changed alike in one line. An answer that is drawn
// by weight differs from the one before while nothing has changed: of it the clusters count.
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

// movedAnswers leaves out resolvers that do not answer, which partEvents say, or did not.
func movedAnswers(function string, before, now lab.Status) []string {
	moved := map[string][]string{} // sites, by what they answered and answer
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

// routeEvents say whose routes the router lost or got.
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

// prefixes are those that the router has from the site.
func prefixes(routes []lab.RouteStatus, site string) []string {
	var all []string
	for _, r := range routes {
		if slices.Contains(r.From, site) {
			all = append(all, r.Prefix)
		}
	}
	return all
}

// missing are those of a that b lacks.
func missing(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(one string) bool { return slices.Contains(b, one) })
}

// list joins words as a sentence does.
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

// doubtful reports whether a resolver that runs did not answer in time, as happens once on a busy machine.
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
