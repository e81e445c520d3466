package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/lipgloss/table"

	"github.com/nearcast/nearcast/lab"
)

// refresh is how often the screen and the lines are updated.
const refresh = 500 * time.Millisecond

// labScreen shows the live table until q, Ctrl-C or the end of ctx. The keys 1 to 5 break or repair
// a site.
func labScreen(ctx context.Context, l *lab.Lab, dir string) error {
	fmt.Println(labHelp(dir, l.Kubectl()))
	program := tea.NewProgram(&screen{ctx: ctx, lab: l}, tea.WithContext(ctx), tea.WithoutSignalHandler())
	if _, err := program.Run(); ctx.Err() == nil {
		return err
	}
	return nil // ended by a signal
}

// screen is bubbletea's model of the lab.
type screen struct {
	ctx    context.Context
	lab    *lab.Lab
	status lab.Status
	note   string
	// happened holds the latest events, with their times.
	happened []string
}

// mostEvents is how many events the screen shows: a failure with its consequences.
const mostEvents = 6

type statusMsg lab.Status
type noteMsg string

func (s *screen) Init() tea.Cmd { return s.look }

func (s *screen) look() tea.Msg { return statusMsg(s.lab.Status(s.ctx)) }

// Update implements tea.Model.
func (s *screen) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case statusMsg:
		s.take(lab.Status(msg))
		return s, tea.Tick(refresh, func(time.Time) tea.Msg { return s.look() })
	case noteMsg:
		s.note = string(msg)
	case tea.KeyMsg:
		key := msg.String()
		switch {
		case key == "q" || key == "ctrl+c":
			return s, tea.Quit
		case len(key) == 1 && key[0] >= '1' && key[0] <= '5':
			return s, s.toggle(lab.Sites[key[0]-'1'].Name)
		}
	}
	return s, nil
}

// take shows the status, and the changes since the previous one.
func (s *screen) take(now lab.Status) {
	if len(s.status.Sites) > 0 {
		for _, line := range events(s.status, now) {
			s.happened = append(s.happened, time.Now().Format(time.TimeOnly)+" "+line)
		}
	}
	s.happened = s.happened[max(0, len(s.happened)-mostEvents):]
	s.status = now
}

// toggle breaks a site that works, and repairs any other.
func (s *screen) toggle(cluster string) tea.Cmd {
	action, done := s.lab.Heal, cluster+" is repaired"
	i := slices.IndexFunc(s.status.Sites, func(st lab.SiteStatus) bool { return st.Name == cluster })
	if i >= 0 && s.status.Sites[i].DNS == "up" && s.status.Sites[i].Speaker == "up" && s.status.Sites[i].Functions != "down" {
		action, done = s.lab.Fail, cluster+" is broken"
	}
	return func() tea.Msg {
		if err := action(cluster, ""); err != nil {
			return noteMsg(err.Error())
		}
		return noteMsg(done)
	}
}

// View implements tea.Model.
func (s *screen) View() string {
	return "\n" + labTable(s.status) + "keys: 1 to 5 break or repair a site, q stops the lab\n" + s.note + "\n" + strings.Join(s.happened, "\n") + "\n"
}

var (
	bad    = lipgloss.NewStyle().Foreground(lipgloss.Color("9"))
	header = lipgloss.NewStyle().Bold(true).Padding(0, 1)
	cell   = lipgloss.NewStyle().Padding(0, 1)
)

// labTable shows what each site runs and answers, and the router's table.
func labTable(st lab.Status) string {
	sites := table.New().Border(lipgloss.RoundedBorder()).StyleFunc(func(row, _ int) lipgloss.Style {
		if row == table.HeaderRow {
			return header
		}
		return cell
	})
	headers := []string{"site", "dns", "functions", "speaker"}
	for _, f := range lab.Functions {
		headers = append(headers, f+" →")
	}
	sites.Headers(append(headers, "announces")...)
	for i, s := range st.Sites {
		row := []string{
			fmt.Sprintf("%d %s", i+1, s.Name), mark(s.DNS, fmt.Sprintf(":%d", s.DNSPort)),
			mark(s.Functions, s.Functions), mark(s.Speaker, s.Speaker),
		}
		for _, f := range lab.Functions {
			row = append(row, answered(st, s, f))
		}
		sites.Row(append(row, announced(s))...)
	}
	var routes strings.Builder
	for _, r := range st.Routes {
		from := "nobody"
		if len(r.From) > 0 {
			from = strings.Join(r.From, ", ")
		}
		fmt.Fprintf(&routes, "  %s from %s\n", r.Prefix, from)
	}
	return sites.String() + "\nthe router's table:\n" + routes.String()
}

// answered returns what the site's resolver answers; for answers drawn by weight, all possible
// ones.
func answered(st lab.Status, s lab.SiteStatus, function string) string {
	i := slices.IndexFunc(st.Functions, func(f lab.FunctionStatus) bool { return f.Name == function })
	if i >= 0 && st.Functions[i].Drawn && len(st.Functions[i].Up) > 0 && s.DNS == "up" {
		return strings.Join(st.Functions[i].Up, " or ")
	}
	return s.Answers[function]
}

func mark(state, text string) string {
	if state == "down" {
		return bad.Render("down")
	}
	return text
}

func announced(s lab.SiteStatus) string {
	var vips []string
	for _, v := range s.VIPs {
		if v.Announced {
			vips = append(vips, v.Address)
		}
	}
	return strings.Join(vips, " ")
}

// startWait is how long labLines waits for all parts of the lab to work before it shows the lab
// anyway.
const startWait = 15 * time.Second

// labLines prints the commands to try, the table, and then each event on a line, until ctx ends.
func labLines(ctx context.Context, l *lab.Lab, dir string) error {
	fmt.Println(labHelp(dir, l.Kubectl()))
	fmt.Println()
	tick := time.NewTicker(refresh)
	defer tick.Stop()
	before, shown, doubted, started := l.Status(ctx), false, false, time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now := l.Status(ctx)
		if ctx.Err() != nil {
			return nil // queries since then were not answered
		}
		if doubted = !doubted && doubtful(now); doubted {
			continue
		}
		if shown {
			for _, line := range events(before, now) {
				fmt.Println(time.Now().Format(time.TimeOnly), line)
			}
		} else if shown = settled(now, before) || time.Since(started) > startWait; shown {
			fmt.Println(labTable(now))
		}
		before = now
	}
}

// settled reports whether nothing has changed and every resolver answers.
func settled(now, before lab.Status) bool {
	for _, s := range now.Sites {
		for _, answer := range s.Answers {
			if answer == lab.NoAnswer || answer == "(SERVFAIL)" {
				return false
			}
		}
	}
	announced := func(r lab.RouteStatus) bool { return len(r.From) > 0 }
	return len(events(before, now)) == 0 && slices.ContainsFunc(now.Routes, announced)
}
