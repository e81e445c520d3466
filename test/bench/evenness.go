package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"
)

// shares are the loads at which an open loop measures latency, in per cent of what the
// slowest server of the group answers at saturation: all are sent the same.
var shares = []int{10, 50, 90}

// spellLasts is how long a spell is: some collections of garbage fall into each.
const spellLasts = 4 * time.Second

// Spell is what an open loop found of a target in one round, at one of the shares.
type Spell struct {
	P50, P99, P999 time.Duration
	// Sent is how many queries, Lost how many of them had no answer.
	Sent, Lost int
}

// spellPercentile is a percentile that is kept of a spell.
type spellPercentile struct {
	name string
	of   func(Spell) time.Duration
}

var (
	open99  = spellPercentile{"p99", func(s Spell) time.Duration { return s.P99 }}
	open999 = spellPercentile{"p99.9", func(s Spell) time.Duration { return s.P999 }}
)

// measure is the percentile at a share, by its index, in µs, one for each round.
func (p spellPercentile) measure(share int) measure {
	return measure{fmt.Sprintf("%s at %d %%", p.name, shares[share]), func(r Row) []float64 {
		all := make([]float64, len(r.Spells[share]))
		for i, s := range r.Spells[share] {
			all[i] = micros(p.of(s))
		}
		return all
	}}
}

// even are bounds of mark 6 for a percentile at every share.
func even(p spellPercentile, to string, most float64) (all []bound) {
	for i := range shares {
		all = append(all, bound{mark: 6, measure: p.measure(i), to: to, most: most})
	}
	return all
}

// evenness compares how even latencies are, in the chain and beyond it.
func evenness() []group {
	outside := beyond()
	outside.title = "Evenness beyond the chain"
	outside.bound("nearcast, direct, ECS, as deployed", append(even(open99, "gdnsd, ECS", 1.1), even(open999, "gdnsd, ECS", 1.5)...))
	outside.bound("nearcast, direct, ECS", append(even(open99, "gdnsd, ECS", 1.5), even(open999, "gdnsd, ECS", 3)...))
	outside.without("nearcast, direct, ECS")
	inside := steering().only("whoami, ECS, as deployed", "nearcast, ECS, as deployed")
	inside.title, inside.targets[0].to = "Evenness in the chain", ""
	inside.bound("nearcast, ECS, as deployed", even(open99, "whoami, ECS, as deployed", 1))
	inside.without("nearcast, ECS, as deployed")
	groups := []group{outside, inside}
	for i := range groups {
		groups[i].steady, groups[i].open = false, true
		groups[i].text = fmt.Sprintf("Queries as in *Steering*, sent when they are due, whether those before were answered or not; the latency is from then. "+
			"The loads are %s %% of what the slowest of the table answers at saturation. A lost query counts as %s. "+
			"Without collection, Go's collector is off: what its row lacks of the tail is the collector's.", listed(shares), longest)
	}
	return groups
}

// without adds a target like the named one that collects no garbage.
func (g *group) without(name string) {
	t := g.only(name).targets[0]
	t.name, t.deployed, t.uncollected, t.bounds = strings.TrimSuffix(name, ", as deployed")+", without collection", false, true, nil
	g.targets = append(g.targets, t)
}

// bound gives a target other bounds.
func (g group) bound(name string, bounds []bound) {
	for i := range g.targets {
		if g.targets[i].name == name {
			g.targets[i].bounds = bounds
		}
	}
}

func listed(numbers []int) string {
	words := make([]string, len(numbers))
	for i, n := range numbers {
		words[i] = fmt.Sprint(n)
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

// slowest is the median rate, in queries per second, of the slowest server.
func (t Table) slowest() float64 {
	least := rate.median(t.Rows[0])
	for _, r := range t.Rows {
		least = min(least, rate.median(r))
	}
	return least
}

// evenly lets the servers take turns under an open loop, at every share.
func (r *runner) evenly(ctx context.Context, servers []*server, table Table) error {
	for i := range table.Rows {
		table.Rows[i].Spells = make([][]Spell, len(shares))
	}
	for share, percent := range shares {
		queries := int(table.slowest() * float64(percent) / 100)
		for round := range r.rounds {
			for n := range servers {
				if err := ctx.Err(); err != nil {
					return err
				}
				i := (n + round) % len(servers)
				s, err := r.spell(servers[i], queries)
				if err != nil {
					return fmt.Errorf("%s: %w", table.Rows[i].name, err)
				}
				table.Rows[i].Spells[share] = append(table.Rows[i].Spells[share], s)
				r.progressed("%s, round %d of %d: %-34s p99 %5.0f µs, p99.9 %5.0f µs at %d queries a second", table.title, round+1, r.rounds, table.Rows[i].name, micros(s.P99), micros(s.P999), queries)
			}
		}
	}
	return nil
}

// spell sends one server queries at a rate per second.
func (r *runner) spell(s *server, queries int) (Spell, error) {
	raw, err := os.ReadFile(s.queries)
	if err != nil {
		return Spell{}, err
	}
	got, err := openly(netip.AddrPortFrom(netip.MustParseAddr(address), uint16(s.place.Port)), raw, queries, spellLasts)
	if err != nil {
		return Spell{}, err
	}
	return Spell{P50: got.at(50), P99: got.at(99), P999: got.at(99.9), Sent: got.sent, Lost: got.lost}, nil
}

// spells are the open loop's figures as a table: the medians of the rounds.
func (t Table) spells() string {
	var b strings.Builder
	head, line := "| server |", "|---|"
	for _, percent := range shares {
		head += fmt.Sprintf(" %d %%: p50 µs | p99 µs | least–most | p99.9 µs | least–most | lost |", percent)
		line += strings.Repeat("---|", 6)
	}
	b.WriteString(head + "\n" + line + "\n")
	for _, row := range t.Rows {
		fmt.Fprintf(&b, "| %s |", row.name)
		for i, all := range row.Spells {
			high, higher := open99.measure(i), open999.measure(i)
			middle := spellPercentile{"p50", func(s Spell) time.Duration { return s.P50 }}.measure(i)
			fmt.Fprintf(&b, " %s | %s | %s | %s | %s | %s |", figure(middle.median(row)), figure(high.median(row)), spread(high.of(row)), figure(higher.median(row)), spread(higher.of(row)), lostPart(all))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// lostPart is the share of the queries of all rounds without an answer.
func lostPart(all []Spell) string {
	sent, lost := 0, 0
	for _, s := range all {
		sent, lost = sent+s.Sent, lost+s.Lost
	}
	if lost == 0 {
		return "none"
	}
	return fmt.Sprintf("%.3f %%", 100*float64(lost)/float64(sent))
}
