package steer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nearcast/nearcast/internal/federation"
)

// Candidate is the standing of one cluster for one question.
type Candidate struct {
	Cluster string `json:"cluster"`
	// Tier is "refused" if the cluster is not a candidate.
	Tier string `json:"tier"`
	// Reason says why it is in its tier, or why it was refused.
	Reason string `json:"reason"`
	// Term is what determined its position within the tier.
	Term string `json:"term,omitempty"`
	// Load says what is known of its load, and which share of the clients leaves because
	// of it.
	Load string `json:"load,omitempty"`
	// Target is what is probed.
	Target    string   `json:"probe,omitempty"`
	Addresses []string `json:"addresses,omitempty"`
}

// Explain returns every cluster that Karmada names for the function: first the candidates
// in the order in which they would answer, then the refused clusters.
func (t *Table) Explain(s *Standing, q Question, verdicts Verdicts) []Candidate {
	f := t.State.Functions.At(q.Function)
	c := t.functions.Ptr(q.Function)
	in := t.input(s, c, q)
	all := []Candidate{} // [] in JSON if empty
	var ranked []int
	for _, tier := range Tiers {
		for _, cluster := range t.RankTier(nil, s, q, tier) {
			ranked = append(ranked, cluster)
			all = append(all, t.candidate(q, in, f, f.Placements.In(cluster), tier, verdicts))
		}
	}
	for _, p := range f.Placements {
		if !slices.Contains(ranked, p.Cluster) {
			cluster := &t.State.Clusters[p.Cluster]
			all = append(all, Candidate{Cluster: cluster.Name, Tier: "refused", Reason: c.refusal(t, &q, cluster)})
		}
	}
	for _, r := range f.Refused {
		all = append(all, Candidate{Cluster: r.Cluster, Tier: "refused", Reason: r.Reason})
	}
	return all
}

// refusal says why a placement of the function in the cluster is not a candidate.
func (f *fences) refusal(t *Table, q *Question, c *federation.Cluster) string {
	if fence := f.turnsAway(t, q); fence != nil {
		return "the client is outside of the policy's " + fence.Of("clients")
	}
	if fence := f.excludes(c); fence != nil {
		return "outside of the policy's " + fence.Of("clusters")
	}
	return "no address in the client's horizon"
}

// Fallen returns the function's placements that are not up, with the reasons. It asks for no
// reason of a placement that stands up: mostly, all do.
func (t *Table) Fallen(s *Standing, function int, verdicts Verdicts) []Candidate {
	var all []Candidate
	f := t.State.Functions.At(function)
	drained := t.functionDrain(f)
	up, fences := s.functions.At(function).ranks[0].tiers[Up], &t.functions.Ptr(function).fences
	for _, p := range f.Placements {
		if up.has(p.Cluster) || fences.excludes(&t.State.Clusters[p.Cluster]) != nil {
			continue
		}
		if v := t.verdict(p, drained, verdicts(p.Target)); v.Tier != Up {
			all = append(all, Candidate{Cluster: t.State.Clusters[p.Cluster].Name, Tier: v.Tier.String(), Reason: v.Reason})
		}
	}
	return all
}

func (t *Table) candidate(q Question, in Input, f *federation.Function, p *federation.Placement, tier Tier, verdicts Verdicts) Candidate {
	c := &t.State.Clusters[p.Cluster]
	probe := verdicts(p.Target)
	v := t.verdict(p, t.functionDrain(f), probe)
	rule := t.functions.Ptr(q.Function).rule
	if tier == Thin {
		v.Reason += fmt.Sprintf("; too few are up in region %s for threshold %g%%", c.Region, 100*rule.threshold)
	}
	if why := f.Withheld(p); why != "" {
		v.Reason += "; " + why
	}
	load, source := loadOf(p, c, probe)
	how := source.describe(load, p)
	if step := t.Load.step(load, source); step > 0 {
		how += fmt.Sprintf("; %d of %d clients leave", step, steps)
	}
	if shed := t.shed[p.Cluster]; shed.Eighths > 0 {
		how = strings.TrimPrefix(how+"; "+shed.why, "; ")
	}
	return Candidate{
		Cluster: c.Name, Tier: tier.String(), Reason: v.Reason,
		Term: rule.Term(p.Cluster, in), Load: how, Target: p.Target.Value().String(),
		Addresses: addresses(p.Endpoint(t.horizon(q.Horizon))),
	}
}

func addresses(e federation.Endpoint) []string {
	var out []string
	for _, a := range slices.Concat(e.V4, e.V6) {
		out = append(out, a.String())
	}
	return out
}
