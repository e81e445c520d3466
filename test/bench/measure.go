package main

import (
	"context"
	"fmt"
	"log"
	"slices"
	"time"

	"github.com/nearcast/nearcast/test/usage"
)

// plan is what a run measures, and how long.
type plan struct {
	groups             []group
	rounds             int
	saturating, steady time.Duration
}

// available is the plan without the programs that are not available, and why they
// cannot: not every machine has Debian's packages.
func (p plan) available() (plan, []string) {
	var missing []string
	failed := map[string]bool{}
	groups := slices.Clone(p.groups)
	for i, g := range groups {
		groups[i].targets = slices.DeleteFunc(slices.Clone(g.targets), func(t target) bool {
			if _, tried := failed[t.program.name]; !tried {
				err := t.program.get()
				failed[t.program.name] = err != nil
				if err != nil {
					missing = append(missing, fmt.Sprintf("%s: %v", t.program.name, err))
				}
			}
			return failed[t.program.name]
		})
	}
	p.groups = groups
	return p, missing
}

const (
	// tries is how often a turn is begun before its fault counts: it may be that of
	// something else on the machine.
	tries = 3
	// fixedRate, in queries per second, is what latency is measured at: less than
	// any server but those with many views can answer.
	fixedRate = 20_000
	// warming fills caches before the first round.
	warming = 500 * time.Millisecond
)

// runner carries out a plan.
type runner struct {
	plan
	world     *world
	generator generator

	begin       time.Time
	done, turns int
}

func newRunner(p plan, w *world, g generator) *runner {
	r := &runner{plan: p, world: w, generator: g, begin: time.Now()}
	for _, group := range p.groups {
		r.turns += len(group.targets) * group.turns(p.rounds)
	}
	return r
}

// turns is how many turns each target has.
func (g group) turns(rounds int) int {
	switch {
	case g.idle:
		return g.starts
	case g.rests:
		return 1
	case g.open:
		return rounds * (1 + len(shares))
	}
	return rounds
}

// measureAll measures group by group.
func (r *runner) measureAll(ctx context.Context) ([]Table, error) {
	var tables []Table
	for _, g := range r.groups {
		table, err := r.measure(ctx, g)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", g.title, err)
		}
		tables = append(tables, table)
	}
	return tables, nil
}

// measure has all targets of a group up together and lets them take turns.
func (r *runner) measure(ctx context.Context, g group) (Table, error) {
	table := Table{group: g}
	var servers []*server
	defer func() {
		for _, s := range servers {
			s.stop()
		}
	}()
	for _, t := range g.targets {
		s, err := r.world.newServer(t)
		if err != nil {
			return table, fmt.Errorf("%s: %w", t.name, err)
		}
		servers = append(servers, s)
		table.Rows = append(table.Rows, Row{target: t})
	}
	switch {
	case g.idle:
		return table, r.startAlone(ctx, servers, table)
	case g.rests:
		return table, r.restAlone(ctx, servers, table)
	}
	if err := startAll(ctx, g, servers, table.Rows); err != nil {
		return table, err
	}
	for i, s := range servers {
		if err := ctx.Err(); err != nil {
			return table, err
		}
		if err := r.warm(s, &table.Rows[i]); err != nil {
			return table, fmt.Errorf("%s: %w", s.target.name, err)
		}
	}
	for round := range r.rounds {
		for n := range servers {
			if err := ctx.Err(); err != nil {
				return table, err
			}
			// Each round begins with another, so that none is always after the same.
			i := (n + round) % len(servers)
			if err := r.patientTurn(g, servers[i], &table.Rows[i], round); err != nil {
				return table, fmt.Errorf("%s: %w", servers[i].target.name, err)
			}
		}
	}
	if g.open {
		return table, r.evenly(ctx, servers, table)
	}
	return table, nil
}

// startAll starts the servers one after the other, as often as the group wants,
// and leaves them running.
func startAll(ctx context.Context, g group, servers []*server, rows []Row) error {
	for range max(g.starts, 1) {
		for i, s := range servers {
			s.stop()
			took, cpu, err := s.start(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", s.target.name, err)
			}
			rows[i].Loading, rows[i].LoadingCPU = append(rows[i].Loading, took), append(rows[i].LoadingCPU, cpu)
			log.Printf("%s: %s ready after %.1f s", g.title, s.target.name, took.Seconds())
		}
	}
	return nil
}

func (r *runner) warm(s *server, row *Row) error {
	var err error
	if row.Rest, err = usage.Memory(s.cmd.Process.Pid); err != nil {
		return err
	}
	_, err = r.generator.warm(s.place.Port, s.queries, warming)
	return err
}

// patientTurn repeats a turn that failed.
func (r *runner) patientTurn(g group, s *server, row *Row, round int) error {
	for try := 1; ; try++ {
		err := r.turn(g, s, row, round)
		if err == nil || try == tries {
			return err
		}
		log.Printf("%s: retrying: %v", row.name, err)
	}
}

// turn loads one server.
func (r *runner) turn(g group, s *server, row *Row, round int) error {
	turn, err := r.saturated(s)
	if err != nil {
		return err
	}
	after, err := usage.Memory(s.cmd.Process.Pid)
	if err != nil {
		return err
	}
	row.Loaded = row.Loaded.Most(after)
	if g.steady {
		steady, err := r.generator.steady(s.place.Port, s.queries, r.steady, fixedRate)
		if err != nil {
			return err
		}
		turn.P50, turn.P99, turn.Steady = steady.p50, steady.p99, steady.rate()
	}
	row.Turns = append(row.Turns, turn)
	r.progress(g, *row, round)
	return nil
}

// saturated measures CPU per query.
func (r *runner) saturated(s *server) (Turn, error) {
	before, err := usage.CPU(s.cmd.Process.Pid)
	if err != nil {
		return Turn{}, err
	}
	load, err := r.generator.saturate(s.place.Port, s.queries, r.saturating)
	if err != nil {
		return Turn{}, err
	}
	after, err := usage.CPU(s.cmd.Process.Pid)
	if err != nil {
		return Turn{}, err
	}
	return Turn{Queries: load.answered, Lasted: load.lasted, CPU: after - before}, nil
}

// progress prints what was found of a turn.
func (r *runner) progress(g group, row Row, round int) {
	r.progressed("%s, round %d of %d: %-34s %6.1f µs/query %7.0f q/s", g.title, round+1, r.rounds, row.name, perQuery.of(row)[round], rate.of(row)[round])
}

// progressed prints what was found, and about how long the rest will take.
func (r *runner) progressed(format string, found ...any) {
	r.done++
	left := time.Since(r.begin) / time.Duration(r.done) * time.Duration(r.turns-r.done)
	log.Printf("%s  (%d of %d turns, about %s left)", fmt.Sprintf(format, found...), r.done, r.turns, left.Round(time.Second))
}
