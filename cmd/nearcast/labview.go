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

	"github.com/nearcast/nearcast/internal/lab"
)

// refresh is how often the screen and the lines look at the lab.
const refresh = 500 * time.Millisecond

// labScreen shows the live table until q, Ctrl-C or ctx ends it. The keys 1 to 5
// break a site, or mend it.
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
}

type statusMsg lab.Status
type noteMsg string

func (s *screen) Init() tea.Cmd { return s.look }

func (s *screen) look() tea.Msg { return statusMsg(s.lab.Status(s.ctx)) }

// Update implements tea.Model.
func (s *screen) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case statusMsg:
		s.status = lab.Status(msg)
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

// toggle breaks a site that is whole, and mends any other.
func (s *screen) toggle(cluster string) tea.Cmd {
	action, done := s.lab.Heal, cluster+" is mended"
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
	return "\n" + labTable(s.status) + "keys: 1 to 5 break or mend a site, q ends the lab\n" + s.note + "\n"
}

var (
	bad    = lipgloss.NewStyle().Foreground(lipgloss.Color("9"))
	header = lipgloss.NewStyle().Bold(true).Padding(0, 1)
	cell   = lipgloss.NewStyle().Padding(0, 1)
)

// labTable shows per site what it runs and whom it answers with, and the router's table.
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
			row = append(row, s.Answers[f])
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

// patience is how long labLines waits for a lab that is whole before it shows
// one that is not.
const patience = 15 * time.Second

// labLines prints the commands to try, the table, and then a line per change
// until ctx ends.
func labLines(ctx context.Context, l *lab.Lab, dir string) error {
	fmt.Println(labHelp(dir, l.Kubectl()))
	fmt.Println()
	tick := time.NewTicker(refresh)
	defer tick.Stop()
	before, shown, started := facts(l.Status(ctx)), false, time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		st := l.Status(ctx)
		now := facts(st)
		if !shown && (settled(now, before) || time.Since(started) > patience) {
			fmt.Println(labTable(st))
			shown = true
		}
		for _, line := range changes(before, now) {
			if shown {
				fmt.Println(time.Now().Format(time.TimeOnly), line)
			}
		}
		before = now
	}
}

// settled reports whether nothing changes and every resolver answers.
func settled(now, before map[string]string) bool {
	for k, v := range now {
		if v != before[k] || v == "(no answer)" || v == "(SERVFAIL)" {
			return false
		}
	}
	return now["route 198.51.100.53/32"] != "nobody"
}

// facts are what labLines watches, by what they are about.
func facts(st lab.Status) map[string]string {
	f := map[string]string{}
	for _, s := range st.Sites {
		f["dns of "+s.Name], f["functions of "+s.Name], f["speaker of "+s.Name] = s.DNS, s.Functions, s.Speaker
		for _, name := range lab.Functions {
			f[name+" asked at "+s.Name] = s.Answers[name]
		}
	}
	for _, r := range st.Routes {
		f["route "+r.Prefix] = "nobody"
		if len(r.From) > 0 {
			f["route "+r.Prefix] = strings.Join(r.From, ", ")
		}
	}
	return f
}

func changes(before, now map[string]string) []string {
	var lines []string
	for k, v := range now {
		if before[k] != v {
			lines = append(lines, fmt.Sprintf("%s: %s -> %s", k, before[k], v))
		}
	}
	slices.Sort(lines)
	return lines
}
