package steer

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/health"
)

// Standing is where every placement of one Table stands at one moment.
type Standing struct {
	// functions are by function; equal ones are shared.
	functions []*stood
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
	s := &Standing{table: t, functions: make([]*stood, len(t.State.Functions))}
	measured := make([]time.Duration, len(t.State.Clusters))
	interned := map[string]*stood{}
	for i := range t.State.Functions {
		j := t.judge(i, verdicts, measured)
		for tier, n := range j.count() {
			s.Candidates[tier] += n
		}
		key := j.key()
		if interned[string(key)] == nil {
			interned[string(key)] = t.stand(j, string(key))
		}
		s.functions[i] = interned[string(key)]
	}
	s.rtts = measured
	if before != nil {
		for i := range measured {
			measured[i] = settle(before.rtt(t.State.Clusters[i].Name), measured[i])
		}
	}
	s.order, s.latency = t.siteOrder(s.rtts), t.siteLatencies(s.rtts)
	return s
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

// judge judges the function's placements. The least round-trip time to any
// placement is its cluster's.
func (t *Table) judge(function int, verdicts Verdicts, rtts []time.Duration) judgement {
	f := t.State.Functions[function]
	all := make(judgement, 0, len(f.Placements))
	for i := range f.Placements {
		p := &f.Placements[i]
		c := &t.State.Clusters[p.Cluster]
		probe := verdicts(p.Target)
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
	t.thin(all, t.functions[function].rule.threshold)
	return all
}

// verdict judges the placement, and moves what is drained at this site to Leaving.
func (t *Table) verdict(function int, p *federation.Placement, probe health.Verdict) Verdict {
	v := Judge(p, &t.State.Clusters[p.Cluster], probe)
	if v.Tier != Up {
		return v
	}
	for _, why := range [...]string{t.drained[p.Cluster], t.functions[function].drained} {
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

func (all judgement) count() (n [tiers]int) {
	for _, j := range all {
		if j.classes&1 != 0 {
			n[j.tier]++
		}
	}
	return n
}

func (all judgement) key() []byte {
	key := make([]byte, 0, 16*len(all))
	for _, j := range all {
		key = binary.AppendUvarint(key, uint64(j.cluster))
		key = append(key, byte(j.tier), j.shed, j.flags)
		key = binary.AppendUvarint(key, j.classes)
	}
	return key
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

// Equal reports whether the two, of one Table, answer alike.
func (s *Standing) Equal(o *Standing) bool {
	return o != nil && s.Candidates == o.Candidates && slices.Equal(s.order, o.order) && slices.Equal(s.rtts, o.rtts) &&
		slices.EqualFunc(s.functions, o.functions, func(a, b *stood) bool { return a.key == b.key })
}
