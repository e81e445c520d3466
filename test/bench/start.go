package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/nearcast/nearcast/test/usage"
)

// starting compares how long servers take from exec to the first right answer, from files,
// from the last state on disk and from an API.
func starting(few, many size) group {
	g := group{
		title: "Starting", idle: true, starts: 5,
		text: fmt.Sprintf("From exec to the first right answer, as deployed, each server alone: %s functions in each of %d clusters, and %s in %d of %d each. "+
			"From a snapshot, the source is missing. The API is a process on the same machine, and its work counts as well.", grouped(few.functions), few.clusters, grouped(many.functions), many.placements, many.clusters),
	}
	for _, s := range []size{few, many} {
		for _, from := range []struct {
			name              string
			snapshot, follows bool
		}{{name: "files"}, {name: "a snapshot", snapshot: true}, {name: "the API", follows: true}} {
			g.targets = append(g.targets, target{
				name:    fmt.Sprintf("nearcast, %s, from %s", count(s.functions, "functions"), from.name),
				program: coreDNS, config: "nearcast", deployed: true, snapshot: from.snapshot, follows: from.follows, size: s, asks: subnets, expects: nearest,
			})
		}
	}
	within := func(i int, seconds float64) {
		g.targets[i].bounds = []bound{{mark: 8, measure: loading, most: seconds}}
	}
	within(1, 0.3)
	within(3, 2)
	within(4, 1)
	within(5, 2)
	return g
}

// sizes are curves of memory and loading over functions and over clusters.
func sizes() []group {
	return []group{
		overStarts("functions", fmt.Sprintf("%d clusters, each function in %d of them; %s locations.", large.clusters, large.placements, grouped(large.locations)),
			[]int{10, 100, 1000, 10_000, 100_000, 1_000_000}, func(n int) size {
				s := large
				s.functions = n
				return s
			}),
		overStarts("clusters", "10,000 functions, each in 8 of the clusters, or in both of two; 1,000 locations.",
			[]int{2, 16, 64, 256, 1024}, func(n int) size {
				return size{clusters: n, functions: 10_000, placements: min(n, 8), locations: 1000}
			}),
	}
}

// overStarts is a curve of memory and loading, as deployed.
func overStarts(axis, text string, counts []int, of func(int) size) group {
	g := group{title: "Size over " + axis, text: text + " As deployed, after one start.", axis: axis, idle: true, starts: 1}
	for _, n := range counts {
		g.targets = append(g.targets, target{
			name: "nearcast, " + count(n, axis), program: coreDNS, config: "nearcast", deployed: true, size: of(n), asks: subnets, expects: nearest, at: n,
		})
	}
	return g
}

// startAlone starts one server after the other, as often as the group wants, and ends each
// before the next.
func (r *runner) startAlone(ctx context.Context, servers []*server, table Table) error {
	for i, s := range servers {
		if err := s.saveState(ctx); err != nil {
			return fmt.Errorf("%s: %w", table.Rows[i].name, err)
		}
	}
	for range table.group.starts {
		for i, s := range servers {
			row := &table.Rows[i]
			took, cpu, err := s.start(ctx)
			var used usage.Bytes
			if err == nil {
				used, err = usage.Memory(s.cmd.Process.Pid)
			}
			s.stop()
			if err != nil {
				return fmt.Errorf("%s: %w", row.name, err)
			}
			row.Loading, row.LoadingCPU = append(row.Loading, took), append(row.LoadingCPU, cpu)
			row.Rest = row.Rest.Most(used)
			row.Loaded = row.Rest
			r.progressed("%s: %-45s ready after %6.2f s with %4.0f MiB", table.title, row.name, took.Seconds(), mebibytes(used.Resident))
		}
	}
	return nil
}

const (
	// savedWithin is how long the first state may take to be on disk; a site saves some
	// seconds after a change.
	savedWithin = 5 * time.Minute
	// endsWithin is how long a server may take to end.
	endsWithin = time.Minute
)

// saveState has a server that starts from its last state read its source, save and lose it.
func (s *server) saveState(ctx context.Context) error {
	if !s.target.snapshot {
		return nil
	}
	federation, err := s.place.Federation()
	if err != nil {
		return err
	}
	source := filepath.Join(s.place.Dir, "manifests")
	if err := os.Symlink(filepath.Join(federation, "manifests"), source); err != nil {
		return err
	}
	if _, _, err := s.start(ctx); err != nil {
		return err
	}
	for begin := time.Now(); ; time.Sleep(askEvery) {
		saved, err := filepath.Glob(filepath.Join(s.place.Dir, "snapshot", "*"))
		if err != nil {
			return err
		}
		if len(saved) > 0 {
			break
		}
		if time.Since(begin) > savedWithin || ctx.Err() != nil {
			s.stop()
			return fmt.Errorf("no state was saved within %s; its output: %s", time.Since(begin).Round(time.Second), s.said())
		}
	}
	return errors.Join(s.end(), os.Remove(source))
}

// end asks the server to end, and waits until it has.
func (s *server) end() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-s.gone:
		return nil
	case <-time.After(endsWithin):
		s.stop()
		return fmt.Errorf("did not end within %s; its output: %s", endsWithin, s.said())
	}
}

// starts are the figures of a group that was only started.
func (t Table) starts() string {
	var b strings.Builder
	b.WriteString("| server | s to the first answer | least–most | CPU s | MiB resident | anonymous |\n|---|---|---|---|---|---|\n")
	for _, row := range t.Rows {
		seconds := secondsOf(row.Loading)
		fmt.Fprintf(&b, "| %s | %.2f | %.2f–%.2f | %.2f | %s | %s |\n", row.name, median(seconds), slices.Min(seconds), slices.Max(seconds),
			loadingCPU.median(row), figure(resident.median(row)), figure(anonymous.median(row)))
	}
	return b.String()
}
