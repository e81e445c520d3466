package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nearcast/nearcast/lab"
)

// The pictures beside the report.
const (
	figureFile  = "figure5.svg"
	nbodyFile   = "figure5-n-body.svg"
	journeyFile = "journey.svg"
)

// write prints the tables, and writes the report with its pictures.
func (r Results) write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	paper, err := r.figureFive("user-manager")
	if err != nil {
		return err
	}
	nbody, err := r.figureFive("n-body")
	if err != nil {
		return err
	}
	journey, err := r.journeyFigure(itinerary)
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{figureFile: paper, nbodyFile: nbody, journeyFile: journey, "REPORT.md": []byte(r.report())} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return err
		}
	}
	fmt.Printf("%s\n\n%s\n%s\nwritten: %s\n", r.answer(), r.savings("user-manager"), r.gaps(), filepath.Join(dir, "REPORT.md"))
	return nil
}

func (r Results) report() string {
	var b strings.Builder
	add := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n\n", args...) }
	add("# The paper's evaluation, repeated")
	add("Commit %s, %s. `make evaluation` took %s; %d rounds of user-manager, %d of the others, every call once in each, in an order that changes. Times are in ms: the median (5th–95th percentile).",
		r.Machine.Commit, r.Machine.Date.Format(time.DateOnly), r.Took.Round(time.Second), r.Rounds, (r.Rounds+sparse-1)/sparse)
	add("## How much does the nearest cluster save?")
	add("%s", r.answer())
	add("How much longer a call takes by another policy than by *nearest*, in the same round from the same country:\n\n%s", r.savings("user-manager"))
	add("## Figure 5")
	add("![user-manager, from each country in each runtime: network latency, cold start, processing](%s)", figureFile)
	add("%s", figureText)
	add("%s", r.pairs("user-manager"))
	add("## What differs from the paper, and why")
	add("%s", r.differences())
	add("## The store in one country")
	add("%s", r.oneStore())
	add("## n-body")
	add("![n-body, likewise](%s)\n\n%s", nbodyFile, r.savings("n-body"))
	add("## A user moves")
	add("![each call of a user who moves from North Macedonia by way of Germany to the USA](%s)", journeyFile)
	add("%s", journeyText)
	add("%s", r.gaps())
	add("Each call of the first user of each mode, with like calls together (least–most ms):\n\n%s", r.calls())
	add("## How it was measured")
	add("%s\n\n%s", methodText, sources)
	b.WriteString(r.Machine.Markdown())
	return b.String()
}

// answer is the question's, in a sentence, for WebAssembly.
func (r Results) answer() string {
	all := Filter{Function: "user-manager", Runtime: "wasm"}
	nearest, random := all, all
	nearest.Policy, random.Policy = "nearest", "random"
	return fmt.Sprintf("A call of user-manager, a fresh WebAssembly instance, takes %s ms by the nearest cluster and %s ms by one at random, %s more on average. "+
		"Against each country's farthest cluster the nearest saves %s ms of a call over an open connection, and %s ms of one that must resolve and connect first.",
		spread(times(r.of(nearest), exchanged)), spread(times(r.of(random), exchanged)), figure(mean(r.saved(random, exchanged))),
		spread(r.savedOverFarthest(all, exchanged)), spread(r.savedOverFarthest(all, first)))
}

// savedOverFarthest is what nearest saves over each country's farthest cluster.
func (r Results) savedOverFarthest(f Filter, p part) (all []float64) {
	for _, c := range Countries {
		f.Country, f.Policy = c.Code, "at "+farthest(c)
		all = append(all, r.saved(f, p)...)
	}
	return all
}

// savings are by policy and runtime.
func (r Results) savings(function string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| policy | %s | with lookup and connecting |\n|---|%s\n", strings.Join(lab.Runtimes, " | "), strings.Repeat("---|", len(lab.Runtimes)+1))
	for _, policy := range []string{"random", "round-robin"} {
		fmt.Fprintf(&b, "| %s |", policy)
		for _, runtime := range lab.Runtimes {
			fmt.Fprintf(&b, " %s |", signed(r.saved(Filter{Function: function, Runtime: runtime, Policy: policy}, exchanged)))
		}
		fmt.Fprintf(&b, " %s |\n", signed(r.saved(Filter{Function: function, Policy: policy}, first)))
	}
	for _, c := range Countries {
		fmt.Fprintf(&b, "| from %s, always %s, the farthest |", c.Name, farthest(c))
		f := Filter{Function: function, Country: c.Code, Policy: "at " + farthest(c)}
		for _, runtime := range lab.Runtimes {
			f.Runtime = runtime
			fmt.Fprintf(&b, " %s |", signed(r.saved(f, exchanged)))
		}
		f.Runtime = ""
		fmt.Fprintf(&b, " %s |\n", signed(r.saved(f, first)))
	}
	return b.String()
}

// pairs are the figure's numbers, with the policies that the figure leaves out.
func (r Results) pairs(function string) string {
	var b strings.Builder
	b.WriteString("| from | by | answered by | runtime | network | cold start | processing | total | first call, with lookup and connecting |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, c := range Countries {
		for _, p := range policies(nil) {
			for _, runtime := range lab.Runtimes {
				samples := r.of(Filter{function, runtime, c.Code, p.Name})
				fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | **%s** | %s |\n", c.Code, p.Name, clusters(samples), runtime,
					spread(times(samples, network)), spread(times(samples, coldStart)), spread(times(samples, processing)), spread(times(samples, exchanged)), spread(times(samples, first)))
			}
		}
	}
	return b.String()
}

// clusters are those that answered, with how often where there are several.
func clusters(samples []Sample) string {
	counts := map[string]int{}
	for _, s := range samples {
		counts[s.Cluster]++
	}
	var all []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		if len(counts) == 1 {
			return name
		}
		all = append(all, fmt.Sprintf("%s %d", name, counts[name]))
	}
	return strings.Join(all, ", ")
}

// oneStore compares the functions by where their data is.
func (r Results) oneStore() string {
	var b strings.Builder
	const beside = "de-wide"
	fmt.Fprintf(&b, "| from | runtime | store beside each cluster: nearest | farthest | store in Germany: nearest | farthest | %s, beside the store |\n|---|---|---|---|---|---|---|\n", beside)
	for _, c := range Countries {
		for _, runtime := range []string{"wasm", "warm"} {
			fmt.Fprintf(&b, "| %s | %s |", c.Name, runtime)
			for _, cell := range []struct{ function, policy string }{
				{"user-manager", "nearest"}, {"user-manager", "at " + farthest(c)},
				{"user-manager-one-store", "nearest"}, {"user-manager-one-store", "at " + farthest(c)}, {"user-manager-one-store", "at " + beside},
			} {
				fmt.Fprintf(&b, " %s |", spread(times(r.of(Filter{cell.function, runtime, c.Code, cell.policy}), exchanged)))
			}
			b.WriteString("\n")
		}
	}
	return b.String() + "\n" + oneStoreText
}
