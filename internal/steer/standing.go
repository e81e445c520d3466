package steer

import (
	"slices"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/health"
	"github.com/nearcast/nearcast/internal/vector"
)

// Standing is where every placement of one Table stands at one moment.
type Standing struct {
	// functions are by function, nil where there is none; equal ones are shared.
	functions vector.Vector[*stood]
	// rtts are by cluster, 0 where nothing was measured; order and latency, the
	// estimates in milliseconds, are what they make.
	rtts    []time.Duration
	order   Order
	latency []float32
	table   *Table
	// Candidates counts the candidates in the default horizon, by tier.
	Candidates [tiers]int
}

// stood is one function's standing.
type stood struct {
	key string
	// ranks are by class: see Table.class.
	ranks []ranks
	// probed placements have a verdict of probes; shaky ones' may change at the
	// next probe.
	probed, shaky Mask
}

// ranks are a function's candidates for one class of clients.
type ranks struct {
	tiers [tiers]Mask
	// spare replaces the tier Up for each eighth of the clients where load is
	// shed; nil where none is.
	spare *[steps]Mask
}

// Verdicts returns what the probes say of a target.
type Verdicts func(federation.Target) health.Verdict

// Unprobed are the Verdicts where nothing is probed.
func Unprobed(federation.Target) health.Verdict { return health.Verdict{} }

// Stand judges every placement of t. From before, which may be nil, it takes the
// round-trip times in use, so that noise does not reorder clusters.
func (t *Table) Stand(verdicts Verdicts, before *Standing) *Standing {
	s := &Standing{table: t}
	j := t.judging(verdicts, s)
	for i := range t.State.All() {
		j.judge(i)
	}
	s.functions, s.rtts = j.functions.Vector(), j.rtts
	s.settle(s.rtts, before)
	s.rank()
	return s
}

// Restand is before, brought to t and to now: it judges the functions that t has
// otherwise than before's Table, and those given, whose verdicts have changed. Where
// nothing stands otherwise it is before itself. Round-trip times stay as they are,
// but for clusters of which none was known: see Measure.
func (t *Table) Restand(verdicts Verdicts, before *Standing, functions []int) *Standing {
	old := before.table
	if t.memo != old.memo || t.Policy != old.Policy || t.Load != old.Load || !slices.Equal(t.Drains, old.Drains) {
		return t.Stand(verdicts, before)
	}
	s := *before
	s.table = t
	j := t.judging(verdicts, &s)
	for i := range vector.Changed(old.State.Functions, t.State.Functions) {
		j.judge(i)
	}
	if moved := t.moved(old); !moved.empty() {
		// All placements are looked at: some ten milliseconds for a hundred thousand functions.
		for i, f := range t.State.All() {
			if slices.ContainsFunc(f.Placements, func(p *federation.Placement) bool { return moved.has(p.Cluster) }) {
				j.judge(i)
			}
		}
	}
	for _, i := range functions {
		j.judge(i)
	}
	s.functions = j.functions.Vector()
	if s.learn(j.rtts) || t.geography != old.geography || t.home != old.home {
		s.rank()
	}
	if t == old && s.same(before) {
		return before
	}
	return &s
}

func (s *Standing) same(before *Standing) bool {
	for range vector.Changed(s.functions, before.functions) {
		return false
	}
	return slices.Equal(s.rtts, before.rtts)
}

// Measure is s with other round-trip times, by cluster; s itself where none is so
// far off the one in use that it counts. It keeps the times.
func (s *Standing) Measure(measured []time.Duration) *Standing {
	after := *s
	after.settle(measured, s)
	if slices.Equal(measured, s.rtts) {
		return s
	}
	after.rtts = measured
	after.rank()
	return &after
}

// learn takes the round-trip times of clusters of which none was known, and reports
// whether there are any.
func (s *Standing) learn(measured []time.Duration) bool {
	known := s.rtts
	s.rtts = slices.Clone(s.rtts)
	for i, rtt := range measured {
		if s.rtts[i] == 0 {
			s.rtts[i] = rtt
		}
	}
	return !slices.Equal(s.rtts, known)
}

// settle puts into measured the round-trip times to rank by.
func (s *Standing) settle(measured []time.Duration, before *Standing) {
	if before == nil {
		return
	}
	for i := range measured {
		measured[i] = settle(before.rtt(s.table.State.Clusters[i].Name), measured[i])
	}
}

// rank orders the clusters by the round-trip times.
func (s *Standing) rank() {
	s.order, s.latency = s.table.siteOrder(s.rtts), s.table.siteLatencies(s.rtts)
}

// moved are the clusters whose placements may stand otherwise than in before, for
// what Karmada or the operator says of the clusters.
func (t *Table) moved(before *Table) Mask {
	moved := newMask(len(t.State.Clusters))
	for i := range t.State.Clusters {
		a, b := &t.State.Clusters[i], &before.State.Clusters[i]
		if a.Ready != b.Ready || a.Leaving != b.Leaving || a.Used != b.Used || a.Region != b.Region || t.drained[i] != before.drained[i] {
			moved.set(i)
		}
	}
	return moved
}

func (t *Table) horizon(i int) string {
	if i == 0 {
		return ""
	}
	return t.Horizons[i-1]
}

// rtt returns the round-trip time in use for the cluster, 0 if there is none.
func (s *Standing) rtt(cluster string) time.Duration {
	if i := s.table.State.ClusterIndex(cluster); i >= 0 {
		return s.rtts[i]
	}
	return 0
}
