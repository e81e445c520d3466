package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// report is the results as Markdown.
func (r Results) report() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Speed\n\nCommit %s, %s. Medians of %d interleaved rounds of %s s at saturation", r.Machine.Commit, r.Machine.Date.Format(time.DateOnly), r.Rounds, seconds(r.Saturating))
	fmt.Fprintf(&b, " and %s s at %s queries a second, over loopback UDP. It took %s.\n\n", seconds(r.Steady), grouped(fixedRate), r.Took.Round(time.Second))
	b.WriteString("## Marks\n\n| target | what | required | measured | |\n|---|---|---|---|---|\n")
	for _, v := range r.verdicts() {
		fmt.Fprintf(&b, "| %d | %s | %s | %s | %s |\n", v.mark, v.what, v.want, v.have, v)
	}
	if len(r.Missing) > 0 {
		fmt.Fprintf(&b, "\nSkipped, because it was not available:\n\n- %s\n", strings.Join(r.Missing, "\n- "))
	}
	for _, t := range r.Tables {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n", t.title, t.text)
		for _, p := range t.plots() {
			fmt.Fprintf(&b, "![%s](%s)\n", p.title, p.file)
		}
		b.WriteString("\n" + t.tables())
	}
	b.WriteString(reading)
	b.WriteString(r.Machine.markdown())
	return b.String()
}

// tables are all of the table's figures.
func (t Table) tables() string {
	switch {
	case t.idle:
		return t.starts()
	case t.rests:
		return t.atRest()
	case t.open:
		return t.markdown() + "\n" + t.spells()
	}
	return t.markdown()
}

// markdown is the table as text.
func (t Table) markdown() string {
	var b strings.Builder
	head := []string{"server", "CPU µs/query", "least–most", "ratio", "least–most", "all rounds", "queries/s", "cores"}
	if t.steady {
		head = append(head, "p50 µs", "p99 µs")
	}
	head = append(head, "MiB at rest", "MiB loaded", "resident", "anonymous", "s to load", "CPU s to load")
	fmt.Fprintf(&b, "| %s |\n|%s\n", strings.Join(head, " | "), strings.Repeat("---|", len(head)))
	for _, row := range t.Rows {
		cells := []string{row.name, figure(perQuery.median(row)), spread(perQuery.of(row))}
		cells = append(cells, t.ratioCells(row)...)
		cells = append(cells, figure(row.overall()), grouped(int(rate.median(row))), fmt.Sprintf("%.1f", busy.median(row)))
		if t.steady {
			cells = append(cells, latencyCells(row)...)
		}
		cells = append(cells, figure(mebibytes(row.Rest.Proportional)), figure(mebibytes(row.Loaded.Proportional)), figure(resident.median(row)), figure(anonymous.median(row)), fmt.Sprintf("%.2f", loading.median(row)), fmt.Sprintf("%.2f", loadingCPU.median(row)))
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	return b.String()
}

// ratioCells are the ratio to the yardstick and its spread.
func (t Table) ratioCells(row Row) []string {
	to, ok := t.row(row.to)
	if !ok {
		return []string{"1", ""}
	}
	ratios := perQuery.ratio(row, to)
	return []string{fmt.Sprintf("**%.2f** × %s", median(ratios), row.to), fmt.Sprintf("%.2f–%.2f", slices.Min(ratios), slices.Max(ratios))}
}

// reached is the share of the fixed rate below which its latency says nothing.
const reached = 0.95

// keptUp reports whether the server could answer at the fixed rate.
func (r Row) keptUp() bool { return steadyRate.median(r) >= reached*fixedRate }

func latencyCells(row Row) []string {
	if !row.keptUp() {
		return []string{"fell behind", "fell behind"}
	}
	return []string{grouped(int(p50.median(row))), grouped(int(p99.median(row)))}
}

// figure has three digits, or all that are left of the point.
func figure(f float64) string {
	switch {
	case f < 9.995:
		return fmt.Sprintf("%.2f", f)
	case f < 99.95:
		return fmt.Sprintf("%.1f", f)
	default:
		return grouped(int(math.Round(f)))
	}
}

func spread(all []float64) string {
	return figure(slices.Min(all)) + "–" + figure(slices.Max(all))
}

// grouped writes thousands apart.
func grouped(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// reading is how the tables are to be read.
const reading = `
The speaker has figures of its own, in [speaker/RESULTS.md](speaker/RESULTS.md).

## How to read it

- **CPU µs/query** is user and system time of the server's processes over a turn at saturation, divided by the queries answered.
  *cores* is how many it kept busy: dnsperf needs some too, and a server that leaves one idle is faster than dnsperf.
- **ratio** is the median of the rounds' ratios to the yardstick in the same round, which was asked the same queries. Differences
  under 15 % mean nothing; absolute figures of two runs cannot be compared, and hardly those of two tables.
- **as deployed** is with the collector's settings of manifests/nearcast, GOGC=400 and GOMEMLIMIT=448MiB; all others have Go's.
- **all rounds** is the CPU of all rounds divided by all their queries. Where it is well above the median, a few turns paid for
  all: Go collects garbage in bursts, the longer the more is kept, and a turn has one or none.
- **p50** and **p99** are the medians of the rounds' percentiles at the fixed rate. *fell behind* is one that did not answer so many.
- **lost** is the part of an open loop's queries that no answer came to. At 90 % the sender needs most of a core, so that servers and
  sender disturb each other; it does so alike for all servers of a table.
- **MiB** are the proportional set size: after the start, and the most after a turn at saturation. **resident** is all that a limit counts
  then, with the pages of files that servers share; **anonymous** is its part that the kernel cannot drop and read again.
- **s to load** is from the start until the server answers rightly, **CPU s to load** what that took of all cores.
- **sleeps** are of a server's threads: each ended when something woke it. **on the network** is what a server and those that it
  talks to send each other: probes, and requests to the API.
- All servers of a table are up together, have as many threads as there are cores, and are asked 100,000 queries in one random
  order, again and again. A round that disturbs one is not taken out.
- Every configuration is a commented template in [configs](configs), one folder per kind of server; [targets.go](targets.go) and
  [growth.go](growth.go) say which is used where. The names, subnets and rules are made by [workload.go](workload.go),
  [federation.go](federation.go) and [rules.go](rules.go), alike in every run.
`
