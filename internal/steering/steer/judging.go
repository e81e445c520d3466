package steer

import (
	"encoding/binary"
	"time"

	"github.com/nearcast/nearcast/internal/base/vector"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/steering/health"
)

// judging updates a Standing's functions to the verdicts.
type judging struct {
	*Table
	verdicts  Verdicts
	standing  *Standing
	functions *vector.Editor[*functionStanding]
	rtts      []time.Duration // the least measured for the judged functions, by cluster
	all       judgement       // of the last function; its memory is reused
	key       []byte
}

func (t *Table) judging(verdicts Verdicts, s *Standing) *judging {
	return &judging{Table: t, verdicts: verdicts, standing: s, functions: s.functions.Edit(), rtts: make([]time.Duration, len(t.State.Clusters))}
}

// judge judges the function, which may no longer exist.
func (j *judging) judge(function int) {
	was := j.functions.Get(function)
	var is *functionStanding
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

// count adds by to n for each of the function's candidates.
func (s *functionStanding) count(n *[tiers]int, by int) {
	if s == nil {
		return
	}
	for tier := range n {
		n[tier] += by * s.ranks[0].tiers[tier].count()
	}
}

// judged is the judgement of one placement.
type judged struct {
	cluster int
	tier    Tier
	shed    uint8
	flags   uint8
	classes uint64 // the classes in which it is a candidate
}

const (
	isProbed = 1 << iota
	isShaky
)

type judgement []judged

// judgement judges the function's placements, and records for each cluster the least
// round-trip time to any placement.
func (t *Table) judgement(all judgement, function int, verdicts Verdicts, rtts []time.Duration) judgement {
	for _, p := range t.State.Functions.At(function).Placements {
		c := &t.State.Clusters[p.Cluster]
		probe := verdicts(p.Target)
		if rtt := probe.RTT; rtt > 0 && (rtts[p.Cluster] == 0 || rtt < rtts[p.Cluster]) {
			rtts[p.Cluster] = rtt
		}
		load, known := loadOf(p, c, probe)
		j := judged{cluster: p.Cluster, tier: t.verdict(function, p, probe).Tier, shed: uint8(t.Load.step(load, known)), classes: t.classes(p)}
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

// verdict judges the placement; if it is up but drained at this site, it is Leaving.
func (t *Table) verdict(function int, p *federation.Placement, probe health.Verdict) Verdict {
	v := Judge(p, &t.State.Clusters[p.Cluster], probe)
	if v.Tier != Up {
		return v
	}
	why := t.drained[p.Cluster]
	if why == "" {
		why = t.functionDrain(function)
	}
	if why != "" {
		return Verdict{Leaving, why + "; " + v.Reason}
	}
	return v
}

// thin moves placements that are up to the tier Thin if too few in their region are up.
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

// classes returns the set of client classes that can reach the placement.
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

// MaxHorizons is the number of Options.Horizons for which a set of classes has room.
const MaxHorizons = 64/int(families) - 1

func (all judgement) key(key []byte) []byte {
	for _, j := range all {
		key = binary.AppendUvarint(key, uint64(j.cluster))
		key = append(key, byte(j.tier), j.shed, j.flags)
		key = binary.AppendUvarint(key, j.classes)
	}
	return key
}

// interned returns the standing for a judgement with the key.
func (t *Table) interned(all judgement, key []byte) *functionStanding {
	if same := t.standings[string(key)]; same != nil {
		return same
	}
	if len(t.standings) == mostInterned {
		t.standings = map[string]*functionStanding{}
	}
	s := t.stand(all, string(key))
	t.standings[s.key] = s
	return s
}

// stand builds the masks of a judgement.
func (t *Table) stand(all judgement, key string) *functionStanding {
	n := len(t.State.Clusters)
	classes := 1 + len(t.Horizons)
	if t.Independent {
		classes *= int(families)
	}
	s := &functionStanding{key: key, ranks: make([]ranks, classes), probed: newMask(n), shaky: newMask(n)}
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
