package steer

import (
	"net/netip"
	"slices"
	"time"

	"github.com/nearcast/nearcast/internal/federation/policy"
	"github.com/nearcast/nearcast/internal/steering/locate"
)

// Family is the address family to which a question is limited.
type Family uint8

// The families of a Question.
const (
	AnyFamily Family = iota
	V4
	V6
	families
)

// Question asks for a cluster for one client and one function.
type Question struct {
	// Function indexes State.Functions.
	Function int
	Location locate.ID
	// From, if not nil, says where the client is, instead of Location.
	From *Vantage
	// Horizon is 0 for the default horizon, else 1 + its index in Options.Horizons.
	Horizon int
	// Family is only used if families are independent.
	Family Family
	// Client is the address by which the client is known.
	Client netip.Addr
	// Turn numbers the draws of a client. Questions that must agree, such as those for A
	// and AAAA, use the same turn.
	Turn uint64
}

// Choice is the answer to a Question.
type Choice struct {
	// Cluster indexes State.Clusters; -1 if there is no candidate.
	Cluster int
	Tier    Tier
	// Anycast is set if the answer is the function's VIPs.
	Anycast bool
	// Most is how many candidates of the tier the answer has; 0 for all.
	Most uint8
	// Fenced is set if the client is turned away.
	Fenced bool
	// Steered is set if the answer depends on the client; Grain says how finely.
	Steered bool
	Grain   Grain
	// Probed is set if probes can end the answer, Shaky if the next one may.
	Probed, Shaky bool
	// TTL is the maximum that the function wants; 0 if it sets none.
	TTL time.Duration
}

// Pick answers the question. It does not allocate.
func (t *Table) Pick(s *Standing, q Question) Choice {
	c := t.functions.Ptr(q.Function)
	if c.turnsAway(t, &q) != nil {
		return Choice{Cluster: -1, Fenced: true, Steered: true, TTL: c.ttl}
	}
	if c.anycast {
		return Choice{Cluster: -1, Anycast: true, TTL: c.ttl}
	}
	at := s.functions.At(q.Function)
	r := &at.ranks[t.class(q)]
	for tier := range r.tiers {
		if r.tiers[tier].empty() {
			continue
		}
		in := t.input(s, c, q)
		choice := Choice{Tier: Tier(tier), Steered: true, Grain: c.grain, Most: c.most, TTL: c.ttl}
		mask := r.tiers[tier]
		if Tier(tier) == Up && r.spare != nil {
			mask, choice.Grain = r.spare[in.step()], max(c.grain, ByPrefix)
		}
		choice.Cluster = c.rule.Pick(mask, in)
		choice.Probed, choice.Shaky = at.probed.has(choice.Cluster), at.shaky.has(choice.Cluster)
		return choice
	}
	return Choice{Cluster: -1, TTL: c.ttl}
}

// Several reports whether the answer may have more than the chosen cluster: as many as the policy
// wants, or all of them if all are down. One of those may be alive, and the probes may be what is
// broken.
func (c Choice) Several() bool { return c.Most != 1 || c.Tier == Down }

// Best returns those of the tier's candidates, best first, that the answer has.
func (c Choice) Best(ranked []int) []int {
	if c.Most == 0 || c.Tier == Down {
		return ranked
	}
	return ranked[:min(len(ranked), int(c.Most))]
}

// Lost reports whether nothing is up, or there is no candidate at all.
func (c Choice) Lost() bool {
	if c.Cluster < 0 {
		return !c.Anycast && !c.Fenced
	}
	return c.Tier == Down
}

// Instead returns what answers for the function's candidates if all is lost; nil if they do.
func (t *Table) Instead(function int, c Choice) *policy.WhenDown {
	if !c.Lost() {
		return nil
	}
	return t.WhenAllDown(function)
}

// Rank appends every candidate to dst, in the order in which they would answer.
func (t *Table) Rank(dst []int, s *Standing, q Question) []int {
	for tier := range Tiers {
		dst = t.RankTier(dst, s, q, Tier(tier))
	}
	return dst
}

// RankTier appends the tier's candidates to dst, in the order in which they
// would answer.
func (t *Table) RankTier(dst []int, s *Standing, q Question, tier Tier) []int {
	c := t.functions.Ptr(q.Function)
	if c.turnsAway(t, &q) != nil {
		return dst
	}
	in := t.input(s, c, q)
	r := &s.functions.At(q.Function).ranks[t.class(q)]
	left := slices.Clone(r.tiers[tier])
	take := func(mask Mask) {
		for !mask.empty() {
			cluster := c.rule.Pick(mask, in)
			dst = append(dst, cluster)
			mask.clear(cluster)
			left.clear(cluster)
		}
	}
	if tier == Up && r.spare != nil {
		take(slices.Clone(r.spare[in.step()]))
	}
	take(left)
	return dst
}

// class indexes a function's ranks.
func (t *Table) class(q Question) int {
	if !t.Independent {
		return q.Horizon
	}
	return q.Horizon*int(families) + int(q.Family)
}
