package steer

import (
	"encoding/binary"
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
			if slices.ContainsFunc(f.Placements, func(p federation.Placement) bool { return moved.has(p.Cluster) }) {
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

// judging brings a Standing's functions to what the verdicts say.
type judging struct {
	*Table
	verdicts  Verdicts
	standing  *Standing
	functions *vector.Editor[*stood]
	rtts      []time.Duration // the least measured of what is judged, by cluster
	all       judgement       // of the last function, whose room the next one has
	key       []byte
}

func (t *Table) judging(verdicts Verdicts, s *Standing) *judging {
	return &judging{Table: t, verdicts: verdicts, standing: s, functions: s.functions.Edit(), rtts: make([]time.Duration, len(t.State.Clusters))}
}

// judge judges the function, of which there may be none any more.
func (j *judging) judge(function int) {
	var was, is *stood
	if function < j.functions.Len() {
		was = j.functions.At(function)
	}
	if j.State.Functions.At(function) != nil {
		j.all = j.judgement(j.all[:0], function, j.verdicts, j.rtts)
		j.key = j.all.key(j.key[:0])
		if was != nil && was.key == string(j.key) {
			return
		}
		is = j.interned(j.all, j.key)
	}
	if was != is {
		j.functions.Set(function, is)
		was.count(&j.standing.Candidates, -1)
		is.count(&j.standing.Candidates, 1)
	}
}

// count adds to n by how much the function's candidates count.
func (s *stood) count(n *[tiers]int, by int) {
	if s == nil {
		return
	}
	for tier := range n {
		n[tier] += by * s.ranks[0].tiers[tier].count()
	}
}

// judged is what is known of one placement.
type judged struct {
	cluster int
	tier    Tier
	shed    uint8
	flags   uint8
	classes uint64 // the ranks in which it is a candidate
}

const (
	isProbed = 1 << iota
	isShaky
)

type judgement []judged

// judgement judges the function's placements. The least round-trip time to any
// placement is its cluster's.
func (t *Table) judgement(all judgement, function int, verdicts Verdicts, rtts []time.Duration) judgement {
	f := t.State.Functions.At(function)
	for i := range f.Placements {
		p := &f.Placements[i]
		c := &t.State.Clusters[p.Cluster]
		probe := verdicts(p.Target.Value())
		if rtt := probe.RTT; rtt > 0 && (rtts[p.Cluster] == 0 || rtt < rtts[p.Cluster]) {
			rtts[p.Cluster] = rtt
		}
		load, _ := loadOf(p, c, probe)
		j := judged{cluster: p.Cluster, tier: t.verdict(function, p, probe).Tier, shed: uint8(t.Load.step(load)), classes: t.classes(p)}
		if probe.State != health.Unknown {
			j.flags |= isProbed
		}
		if probe.Shaky {
			j.flags |= isShaky
		}
		all = append(all, j)
	}
	t.thin(all, t.functions.Ptr(function).rule.threshold)
	return all
}

// verdict judges the placement, and moves what is drained at this site to Leaving.
func (t *Table) verdict(function int, p *federation.Placement, probe health.Verdict) Verdict {
	v := Judge(p, &t.State.Clusters[p.Cluster], probe)
	if v.Tier != Up {
		return v
	}
	for _, why := range [...]string{t.drained[p.Cluster], t.functions.Ptr(function).drained} {
		if why != "" {
			return Verdict{Leaving, why + "; " + v.Reason}
		}
	}
	return v
}

// thin moves those that are up in a region of which too few are to the tier Thin.
func (t *Table) thin(all judgement, threshold float64) {
	if threshold == 0 {
		return
	}
	region := func(j judged) string { return t.State.Clusters[j.cluster].Region }
	placed, up := map[string]int{}, map[string]int{}
	for _, j := range all {
		placed[region(j)]++
		if j.tier == Up {
			up[region(j)]++
		}
	}
	for i, j := range all {
		if r := region(j); j.tier == Up && float64(up[r]) < threshold*float64(placed[r]) {
			all[i].tier = Thin
		}
	}
}

// classes returns the set of classes of clients that can reach the placement.
func (t *Table) classes(p *federation.Placement) uint64 {
	var set uint64
	for h := range 1 + len(t.Horizons) {
		e := p.Endpoint(t.horizon(h))
		if e.IsZero() {
			continue
		}
		if !t.Independent {
			set |= 1 << h
			continue
		}
		for family, has := range [families]bool{AnyFamily: true, V4: len(e.V4) > 0, V6: len(e.V6) > 0} {
			if has {
				set |= 1 << t.class(Question{Horizon: h, Family: Family(family)})
			}
		}
	}
	return set
}

// MaxHorizons is how many Options.Horizons a set of classes has room for.
const MaxHorizons = 64/int(families) - 1

func (all judgement) key(key []byte) []byte {
	for _, j := range all {
		key = binary.AppendUvarint(key, uint64(j.cluster))
		key = append(key, byte(j.tier), j.shed, j.flags)
		key = binary.AppendUvarint(key, j.classes)
	}
	return key
}

// interned returns the standing that a judgement makes, whose key it is.
func (t *Table) interned(all judgement, key []byte) *stood {
	if same := t.standings[string(key)]; same != nil {
		return same
	}
	if len(t.standings) == mostInterned {
		t.standings = map[string]*stood{}
	}
	s := t.stand(all, string(key))
	t.standings[s.key] = s
	return s
}

// stand makes the masks of a judgement.
func (t *Table) stand(all judgement, key string) *stood {
	n := len(t.State.Clusters)
	classes := 1 + len(t.Horizons)
	if t.Independent {
		classes *= int(families)
	}
	s := &stood{key: key, ranks: make([]ranks, classes), probed: newMask(n), shaky: newMask(n)}
	shed := make([]uint8, n)
	for _, j := range all {
		shed[j.cluster] = j.shed
		if j.flags&isProbed != 0 {
			s.probed.set(j.cluster)
		}
		if j.flags&isShaky != 0 {
			s.shaky.set(j.cluster)
		}
	}
	for class := range s.ranks {
		r := &s.ranks[class]
		for tier := range r.tiers {
			r.tiers[tier] = newMask(n)
		}
		for _, j := range all {
			if j.classes&(1<<class) != 0 {
				r.tiers[j.tier].set(j.cluster)
			}
		}
		r.spare = relieve(r.tiers[Up], shed)
	}
	return s
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
