package steer

import (
	"slices"
	"time"

	"github.com/nearcast/nearcast/internal/base/vector"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/steering/health"
)

// Standing is the judgement of every placement of one Table at one moment.
type Standing struct {
	// functions are indexed by function, nil if there is none; equal ones are shared.
	functions vector.Vector[*functionStanding]
	// rtts are by cluster, 0 if nothing was measured; order and latency, the estimates in
	// milliseconds, are derived from them.
	rtts    []time.Duration
	order   Order
	latency []float32
	table   *Table
	// Candidates counts the candidates in the default horizon, by tier.
	Candidates [tiers]int
}

// functionStanding is the standing of one function.
type functionStanding struct {
	key string
	// ranks are indexed by class: see Table.class.
	ranks []ranks
	// probed placements have a probe verdict; the verdicts of shaky ones may change at
	// the next probe.
	probed, shaky Mask
}

// ranks are the candidates of a function for one class of clients.
type ranks struct {
	tiers [tiers]Mask
	// spare replaces the tier Up for each eighth of the clients if load is shed; nil if
	// none is.
	spare *[steps]Mask
}

// Verdicts returns the probes' verdict on a target.
type Verdicts func(federation.SharedTarget) health.Verdict

// Unprobed implements Verdicts if nothing is probed.
func Unprobed(federation.SharedTarget) health.Verdict { return health.Verdict{} }

// Stand judges every placement of t. It keeps the round-trip times of before, which may
// be nil, so that noise does not reorder clusters.
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

// Restand updates before to t and to the current verdicts: it judges the functions that
// differ from before's Table, and the given ones, whose verdicts have changed. If nothing
// changes, it returns before itself. It keeps round-trip times, and only adds those of
// clusters that had none: see Measure.
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
		t.placedIn(moved, j.judge)
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

// placedIn calls judge for each function with a placement in any of the clusters. It looks at
// each list of placements once.
func (t *Table) placedIn(clusters Mask, judge func(function int)) {
	var lists memory[federation.ListKey, bool]
	for i, f := range t.State.All() {
		placed, known := lists.recall(f.Placements.Key())
		if !known {
			placed = slices.ContainsFunc(f.Placements, func(p *federation.Placement) bool { return clusters.has(p.Cluster) })
			lists.keep(f.Placements.Key(), placed)
		}
		if placed {
			judge(i)
		}
	}
}

func (s *Standing) same(before *Standing) bool {
	return s.JudgesLike(before) && slices.Equal(s.rtts, before.rtts)
}

// JudgesLike reports whether every placement stands as in other, which has the same
// functions.
func (s *Standing) JudgesLike(other *Standing) bool {
	for range vector.Changed(s.functions, other.functions) {
		return false
	}
	return true
}

// AllDown reports whether the function has candidates in the default horizon, and all are down.
func (s *Standing) AllDown(function int) bool {
	r := &s.functions.At(function).ranks[0]
	for tier := range Down {
		if !r.tiers[tier].empty() {
			return false
		}
	}
	return !r.tiers[Down].empty()
}

// Measure returns s with new round-trip times, by cluster; it returns s itself if none
// differs enough from the one in use. It takes ownership of measured.
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

// learn adds the round-trip times of clusters that had none, and reports whether there
// were any.
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

// settle replaces each value in measured by the round-trip time to rank by.
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

// moved returns the clusters whose placements may stand differently than in before
// because of what Karmada or the operator says about the cluster.
func (t *Table) moved(before *Table) Mask {
	moved := newMask(len(t.State.Clusters))
	for i := range t.State.Clusters {
		a, b := &t.State.Clusters[i], &before.State.Clusters[i]
		if a.Ready != b.Ready || a.Leaving != b.Leaving || a.Used != b.Used || a.Region != b.Region || !slices.Equal(a.Zones, b.Zones) || t.drained[i] != before.drained[i] || t.shed[i] != before.shed[i] {
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

// rtt returns the round-trip time in use for the cluster; 0 if there is none.
func (s *Standing) rtt(cluster string) time.Duration {
	if i := s.table.State.ClusterIndex(cluster); i >= 0 {
		return s.rtts[i]
	}
	return 0
}
