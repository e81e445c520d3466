// Command bench measures Nearcast and the servers that do the same side by side:
// the CPU that one query costs, the latency at a fixed rate, memory, loading, and
// how the cost grows with what is served. It writes a report and plots.
//
// Everything happens in one goroutine: one server is under load at a time.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	log.SetFlags(0)
	brief := flag.Bool("quick", false, "measure a selection in two minutes")
	only := flag.String("only", "", "measure only the tables whose title contains `TEXT`")
	most := flag.Int("most", 1_000_000, "measure memory and loading with up to `N` functions")
	rounds := flag.Int("rounds", 0, "run `N` rounds instead of the default")
	dir := flag.String("o", "test/bench", "write RESULTS.md and its plots to `DIR`")
	flag.Parse()
	p := full()
	if *brief {
		p = quick()
	}
	if *rounds > 0 {
		p.rounds = *rounds
	}
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM) // for as long as it runs
	if err := run(ctx, p.about(*only).below(*most), *dir); err != nil {
		log.Fatal("bench: ", err)
	}
}

// about is the plan with only the groups whose title has the text in it.
func (p plan) about(text string) plan {
	var kept []group
	for _, g := range p.groups {
		if strings.Contains(strings.ToLower(g.title), strings.ToLower(text)) {
			kept = append(kept, g)
		}
	}
	p.groups = kept
	return p
}

// below is the plan without what has more functions, of groups that are only started.
func (p plan) below(most int) plan {
	groups := slices.Clone(p.groups)
	for i, g := range groups {
		if g.idle {
			groups[i].targets = slices.DeleteFunc(slices.Clone(g.targets), func(t target) bool { return t.size.functions > most })
		}
	}
	p.groups = slices.DeleteFunc(groups, func(g group) bool { return len(g.targets) == 0 })
	return p
}

// run measures, writes and judges.
func run(ctx context.Context, p plan, dir string) (err error) {
	begin := time.Now()
	p, missing := p.available()
	for _, m := range missing {
		log.Print("skipped: ", m)
	}
	m, err := thisMachine(p)
	if err != nil {
		return err
	}
	g, err := newGenerator()
	if err != nil {
		return err
	}
	defer os.Remove(g.scratch)
	w, err := newWorld()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	tables, err := newRunner(p, w, g).measureAll(ctx)
	if err != nil {
		return err
	}
	results := Results{Machine: m, Rounds: p.rounds, Saturating: p.saturating, Steady: p.steady, Took: time.Since(begin), Tables: tables, Missing: missing}
	if err := results.write(dir); err != nil {
		return err
	}
	return results.missed()
}

// write writes the report and its plots into a directory.
func (r Results) write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := r.drawAll(dir); err != nil {
		return err
	}
	path := filepath.Join(dir, "RESULTS.md")
	if err := os.WriteFile(path, []byte(r.report()), 0o644); err != nil {
		return err
	}
	for _, t := range r.Tables {
		fmt.Printf("\n%s\n%s", t.title, t.tables())
	}
	fmt.Printf("\nwritten: %s\n", path)
	return nil
}

// missed is an error if a mark that is asserted was not reached.
func (r Results) missed() error {
	var all []string
	for _, v := range r.verdicts() {
		if v.asserted && !v.met() {
			all = append(all, fmt.Sprintf("target %d was missed: %s: got %s, want %s", v.mark, v.what, v.have, v.want))
		}
	}
	if len(all) == 0 {
		return nil
	}
	return errors.New(strings.Join(all, "\n"))
}
