package steer

import (
	"encoding/binary"
	"slices"
	"time"
	"unsafe"

	"github.com/nearcast/nearcast/internal/base/vector"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/policy"
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
	// drains is set if single functions are drained.
	drains bool
	// Most functions share their placements, and most placements are shared: each is judged
	// once.
	alike      memory[likeJudged, *functionStanding]
	placements memory[*federation.Placement, judged]
}

// likeJudged is what the standing of a function depends on.
type likeJudged struct {
	placements federation.ListKey
	threshold  float64
	drained    bool
	fence      *policy.Fence // the first of those for clusters; nil if there is none
}

func (t *Table) judging(verdicts Verdicts, s *Standing) *judging {
	return &judging{
		Table: t, verdicts: verdicts, standing: s, functions: s.functions.Edit(), rtts: make([]time.Duration, len(t.State.Clusters)),
		drains: slices.ContainsFunc(t.Drains, func(d Drain) bool { return d.Kind == DrainFunction }),
	}
}

// judge judges the function, which may no longer exist.
func (j *judging) judge(function int) {
	was := j.functions.Get(function)
	var is *functionStanding
	if j.State.Functions.At(function) != nil {
		is = j.standingOf(function, was)
	}
	if was != is {
		j.functions.Set(function, is)
		was.count(&j.standing.Candidates, -1)
		is.count(&j.standing.Candidates, 1)
	}
}

// standingOf returns the standing of the function, which had the standing was.
func (j *judging) standingOf(function int, was *functionStanding) *functionStanding {
	f := j.State.Functions.At(function)
	c := j.Table.functions.Ptr(function)
	like := likeJudged{placements: f.Placements.Key(), threshold: c.rule.threshold, fence: unsafe.SliceData(c.clusters)}
	if j.drains {
		like.drained = j.functionDrain(f) != ""
	}
	is, known := j.alike.recall(like)
	if known {
		return is
	}
	j.all = j.judgement(j.all[:0], f, &c.fences, like)
	j.key = j.all.key(j.key[:0])
	if is = was; was == nil || was.key != string(j.key) {
		is = j.interned(j.all, j.key)
	}
	j.alike.keep(like, is)
	return is
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

// judgement judges the function's placements that are inside its fences.
func (j *judging) judgement(all judgement, f *federation.Function, within *fences, like likeJudged) judgement {
	for _, p := range f.Placements {
		if within.excludes(&j.State.Clusters[p.Cluster]) != nil {
			continue
		}
		one, known := j.placements.recall(p)
		if !known {
			one = j.judged(p)
			j.placements.keep(p, one)
		}
		if like.drained && one.tier == Up {
			one.tier = Leaving
		}
		all = append(all, one)
	}
	j.thin(all, like.threshold)
	return all
}

// judged judges the placement of a function that is not drained, and records for its
// cluster the least round-trip time to any placement.
func (j *judging) judged(p *federation.Placement) judged {
	c := &j.State.Clusters[p.Cluster]
	probe := j.verdicts(p.Target)
	if rtt := probe.RTT; rtt > 0 && (j.rtts[p.Cluster] == 0 || rtt < j.rtts[p.Cluster]) {
		j.rtts[p.Cluster] = rtt
	}
	load, known := loadOf(p, c, probe)
	shed := max(uint8(j.Load.step(load, known)), uint8(j.shed[p.Cluster].Eighths))
	one := judged{cluster: p.Cluster, tier: j.verdict(p, "", probe).Tier, shed: shed, classes: j.classes(p)}
	if probe.State != health.Unknown {
		one.flags |= isProbed
	}
	if probe.Shaky {
		one.flags |= isShaky
	}
	return one
}

// verdict judges a placement of a function that is drained at this site if drained says
// why; if it is up but drained, it is Leaving.
func (t *Table) verdict(p *federation.Placement, drained string, probe health.Verdict) Verdict {
	v := Judge(p, &t.State.Clusters[p.Cluster], probe)
	if v.Tier != Up {
		return v
	}
	why := t.drained[p.Cluster]
	if why == "" {
		why = drained
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
