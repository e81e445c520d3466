package steer

import (
	"slices"

	"github.com/nearcast/nearcast/internal/federation/policy"
	"github.com/nearcast/nearcast/internal/steering/locate"
)

// Vantage is a position of clients for which the table need not have a location: those of
// a whole region, whose routes are exported.
type Vantage struct {
	at      locate.Location
	order   Order
	latency []float32
	local   bool
}

// From returns the Vantage of the location, which need not be in the table.
func (t *Table) From(l locate.Location) *Vantage {
	if t.isHere(l) {
		return &Vantage{at: l, local: true}
	}
	from := t.placeOf(l)
	return &Vantage{at: l, order: t.orderFrom(from), latency: t.latenciesFrom(from)}
}

// amongst policies send clients of one location to several members of the mask, which
// must not be empty.
type amongst interface {
	amongst(mask Mask, in Input) Mask
}

func (weighted) amongst(mask Mask, in Input) Mask { return weighty(mask, in) }

func (sticky) amongst(mask Mask, in Input) Mask { return weighty(mask, in) }

func (spread) amongst(mask Mask, _ Input) Mask { return mask }

// weighty returns the members that have a weight, or the nearest if none has.
func weighty(mask Mask, in Input) Mask {
	some := make(Mask, len(mask))
	for c := mask.next(0); c >= 0; c = mask.next(c + 1) {
		if in.Modifier.Weights[c] > 0 {
			some.set(c)
		}
	}
	if some.empty() {
		some.set(mask.first(in.Order))
	}
	return some
}

// Reach appends to dst, in cluster order, every cluster to which any client of the
// question's location is sent now, whatever its address and the time of its query: what a
// fixed answer for all of them must contain. It returns their tier; anycast means the
// function's VIPs.
func (t *Table) Reach(dst []int, s *Standing, q Question) (clusters []int, tier Tier, anycast bool) {
	c := t.functions.Ptr(q.Function)
	if c.turnsAway(t, &q) != nil {
		return dst, Down, false
	}
	if c.anycast {
		return dst, Up, true
	}
	r := &s.functions.At(q.Function).ranks[t.class(q)]
	for tier := range r.tiers {
		if mask := r.tiers[tier]; !mask.empty() {
			return t.reach(dst, c, r, Tier(tier), t.input(s, c, q)), Tier(tier), false
		}
	}
	return dst, Down, false
}

func (t *Table) reach(dst []int, c *compiled, r *ranks, tier Tier, in Input) []int {
	mask := r.tiers[tier]
	if _, several := c.rule.Policy.(amongst); tier == Up && r.spare == nil && !several && c.most == 1 {
		return append(dst, c.rule.Pick(mask, in))
	}
	all := make(Mask, len(mask))
	switch {
	case tier == Down:
		all = mask // one of them may be alive
	case tier == Up && r.spare != nil:
		for _, spare := range r.spare {
			c.add(all, spare, in)
		}
	default:
		c.add(all, mask, in)
	}
	for cluster := all.next(0); cluster >= 0; cluster = all.next(cluster + 1) {
		dst = append(dst, cluster)
	}
	return dst
}

// add adds to all the members of mask to which clients are sent.
func (c *compiled) add(all, mask Mask, in Input) {
	if p, ok := c.rule.Policy.(amongst); ok {
		mask = p.amongst(mask, in)
		for i := range mask {
			all[i] |= mask[i]
		}
		return
	}
	if c.most > 1 {
		mask = slices.Clone(mask)
	}
	for range c.most {
		best := c.rule.Pick(mask, in)
		if all.set(best); c.most == 1 {
			return
		}
		if mask.clear(best); mask.empty() {
			return
		}
	}
}

// WhenAllDown returns what is answered while all of the function is down; nil to answer with all candidates.
func (t *Table) WhenAllDown(function int) *policy.WhenDown { return t.functions.Ptr(function).whenDown }

// SameRanking reports whether two Tables that are derived from one another send clients
// to the same clusters, for a function that is in both and has the same standing.
func (t *Table) SameRanking(o *Table) bool {
	return t == o || t.memo == o.memo && t.geography == o.geography && t.home == o.home &&
		t.Policy == o.Policy && t.WhenDown == o.WhenDown && t.Load == o.Load && slices.Equal(t.costs, o.costs)
}

// Same reports whether the function's placements have the same standing in both. The
// function must be in both Tables, which must rank alike.
func (s *Standing) Same(o *Standing, function int) bool {
	a, b := s.functions.At(function), o.functions.At(function)
	return a == b || a.key == b.key
}

// SameSite reports whether clients at the site are equally far from everything in both.
func (s *Standing) SameSite(o *Standing) bool {
	return slices.Equal(s.order, o.order) && slices.Equal(s.latency, o.latency)
}

// Local reports whether the Vantage is at the site.
func (v *Vantage) Local() bool { return v.local }
