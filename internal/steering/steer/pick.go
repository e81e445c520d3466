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
		if Tier(tier) == Up && r.spare != nil {
			choice.Grain = max(c.grain, ByPrefix)
		}
		choice.Cluster = c.first(r, Tier(tier), in)
		choice.Probed, choice.Shaky = at.probed.has(choice.Cluster), at.shaky.has(choice.Cluster)
		return choice
	}
	return Choice{Cluster: -1, TTL: c.ttl}
}

// first returns the best candidate of the tier, which is not empty. A client that is not accepted
// there takes its next choice, so that where it goes does not depend on what else others shed: a
// policy that draws draws again.
func (c *compiled) first(r *ranks, tier Tier, in Input) int {
	if tier != Up || r.spare == nil {
		return c.rule.Pick(r.tiers[tier], in)
	}
	accepts := r.spare[in.step()]
	for range redraws {
		best := c.rule.Pick(r.tiers[Up], in)
		if accepts.has(best) {
			return best
		}
		if c.grain != ByDraw {
			return c.rule.Pick(accepts, in)
		}
		in.question.Turn += 1 << 32
	}
	return c.nearest(accepts, in)
}

// nearest returns the nearest member of the mask that has a weight, or the nearest if none has.
func (c *compiled) nearest(mask Mask, in Input) int {
	if m := in.Modifier; m != nil && m.Weights != nil {
		for _, cluster := range in.Order {
			if mask.has(int(cluster)) && m.Weights[cluster] > 0 {
				return int(cluster)
			}
		}
	}
	return mask.first(in.Order)
}

// redraws are enough for all but one of a thousand clients if nine tenths of the weight is where they
// are not accepted. The others go to the nearest that accepts them.
const redraws = 64

// Several reports whether the answer may have more than the chosen cluster: as many as the policy
// wants, or all of them if all are down. One of those may be alive, and the probes may be what is
// broken.
func (c Choice) Several() bool { return c.Most != 1 || c.Tier == Down }

// Answers returns the clusters of an answer with the choice, best first.
func (t *Table) Answers(s *Standing, q Question, choice Choice) []int {
	ranked, accept := t.rankTier(nil, s, q, choice.Tier)
	if choice.Tier == Down {
		return ranked
	}
	if choice.Most > 0 {
		accept = min(accept, int(choice.Most))
	}
	return ranked[:accept]
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
	dst, _ = t.rankTier(dst, s, q, tier)
	return dst
}

// rankTier is RankTier that also returns how many of the candidates, the first ones, accept the
// client.
func (t *Table) rankTier(dst []int, s *Standing, q Question, tier Tier) (ranked []int, accept int) {
	c := t.functions.Ptr(q.Function)
	r := &s.functions.At(q.Function).ranks[t.class(q)]
	if r.tiers[tier].empty() || c.turnsAway(t, &q) != nil {
		return dst, 0
	}
	in := t.input(s, c, q)
	accepts := slices.Clone(r.tiers[tier])
	if tier == Up && r.spare != nil {
		copy(accepts, r.spare[in.step()])
	}
	left := slices.Clone(r.tiers[tier])
	for next := c.first(r, tier, in); next >= 0; next = c.next(accepts, in) {
		dst = append(dst, next)
		accepts.clear(next)
		left.clear(next)
		accept++
	}
	for next := c.next(left, in); next >= 0; next = c.next(left, in) {
		dst = append(dst, next)
		left.clear(next)
	}
	return dst, accept
}

// next returns the best member of the mask, or -1 if it is empty.
func (c *compiled) next(mask Mask, in Input) int {
	if mask.empty() {
		return -1
	}
	return c.rule.Pick(mask, in)
}

// class indexes a function's ranks.
func (t *Table) class(q Question) int {
	if !t.Independent {
		return q.Horizon
	}
	return q.Horizon*int(families) + int(q.Family)
}
