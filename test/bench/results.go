package main

import (
	"slices"
	"time"

	"github.com/nearcast/nearcast/test/usage"
)

// Results is all that a run found. They are plain data: the report and the plots
// are made of them alone.
type Results struct {
	Machine setting
	Rounds  int
	// Saturating and Steady are how long a turn's two parts last.
	Saturating, Steady time.Duration
	Took               time.Duration
	Tables             []Table
	// Missing are programs that could not be had, and why.
	Missing []string
}

// Table is what was found of a group.
type Table struct {
	group
	Rows []Row
}

// Row is what was found of a target.
type Row struct {
	target
	// Loading is from the start to the right answer, a figure per start;
	// LoadingCPU is the processor time of that.
	Loading, LoadingCPU []time.Duration
	// Rest and Loaded are memory, before the first query and at most after a turn.
	Rest, Loaded usage.Bytes
	Turns        []Turn
	// Spells are those of an open loop, by share, and then by round.
	Spells [][]Spell
	AtRest AtRest
}

// Turn is what was found of a target in a round.
type Turn struct {
	// Queries is how many were answered at saturation, in Lasted, for so much CPU.
	Queries     int
	Lasted, CPU time.Duration
	// P50 and P99 are of the latency at the fixed rate, of which Steady was reached.
	P50, P99 time.Duration
	Steady   float64
}

// measure is a figure of a row, one for each round or each start.
type measure struct {
	name string
	of   func(Row) []float64
}

var (
	// µs at saturation.
	perQuery = measure{"CPU per query", each(func(t Turn) float64 { return micros(t.CPU) / float64(t.Queries) })}
	// overall is the same of all rounds together: a collection of garbage falls
	// into one turn in some, and has to be paid all the same.
	overall    = measure{"CPU per query over all rounds", func(r Row) []float64 { return []float64{r.overall()} }}
	rate       = measure{"queries per second", each(func(t Turn) float64 { return float64(t.Queries) / t.Lasted.Seconds() })}
	busy       = measure{"cores", each(func(t Turn) float64 { return t.CPU.Seconds() / t.Lasted.Seconds() })}
	steadyRate = measure{"queries per second at the fixed rate", each(func(t Turn) float64 { return t.Steady })}
	p50        = measure{"p50", each(func(t Turn) float64 { return micros(t.P50) })}
	p99        = measure{"p99", each(func(t Turn) float64 { return micros(t.P99) })}
	loading    = measure{"time to load", func(r Row) []float64 { return secondsOf(r.Loading) }}
	loadingCPU = measure{"CPU to load", func(r Row) []float64 { return secondsOf(r.LoadingCPU) }}
	rest       = measure{"memory at rest, MB", func(r Row) []float64 { return []float64{float64(r.Rest.Proportional) / 1e6} }}
	loaded     = measure{"memory under load, MB", func(r Row) []float64 { return []float64{float64(r.Loaded.Proportional) / 1e6} }}
	// resident and anonymous are what the limit of a container counts, in MiB.
	resident  = measure{"resident under load, MiB", func(r Row) []float64 { return []float64{mebibytes(r.Loaded.Resident)} }}
	anonymous = measure{"anonymous under load, MiB", func(r Row) []float64 { return []float64{mebibytes(r.Loaded.Anonymous)} }}
)

// overall is the CPU per query, in µs, of all rounds together.
func (r Row) overall() float64 {
	var cpu time.Duration
	queries := 0
	for _, t := range r.Turns {
		cpu, queries = cpu+t.CPU, queries+t.Queries
	}
	return micros(cpu) / float64(queries)
}

func each(of func(Turn) float64) func(Row) []float64 {
	return func(r Row) []float64 {
		all := make([]float64, len(r.Turns))
		for i, t := range r.Turns {
			all[i] = of(t)
		}
		return all
	}
}

func secondsOf(all []time.Duration) []float64 {
	figures := make([]float64, len(all))
	for i, d := range all {
		figures[i] = d.Seconds()
	}
	return figures
}

func micros(d time.Duration) float64   { return float64(d) / float64(time.Microsecond) }
func mebibytes(n int64) float64        { return float64(n) / (1 << 20) }
func (m measure) median(r Row) float64 { return median(m.of(r)) }

// ratio returns how many times the other row's figure the row's is, round by
// round: what disturbed one round disturbed both.
func (m measure) ratio(r, to Row) []float64 {
	all, others := m.of(r), m.of(to)
	ratios := make([]float64, min(len(all), len(others)))
	for i := range ratios {
		ratios[i] = all[i] / others[i]
	}
	return ratios
}

// median is the middle one, or the mean of both.
func median(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	if len(sorted) == 0 {
		return 0
	}
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// row returns the row of that name.
func (t Table) row(name string) (Row, bool) {
	i := slices.IndexFunc(t.Rows, func(r Row) bool { return r.name == name })
	if i < 0 {
		return Row{}, false
	}
	return t.Rows[i], true
}

// relative is the median ratio of the row's CPU per query to its yardstick's; 0
// where it has none.
func (t Table) relative(r Row) float64 {
	to, ok := t.row(r.to)
	if !ok {
		return 0
	}
	return median(perQuery.ratio(r, to))
}
