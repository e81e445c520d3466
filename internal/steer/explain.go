package steer

import (
	"slices"

	"github.com/nearcast/nearcast/internal/federation"
)

// Candidate is one cluster's standing for one question.
type Candidate struct {
	Cluster string `json:"cluster"`
	// Tier is "refused" where the cluster is no candidate.
	Tier string `json:"tier"`
	// Reason is why it is in its tier, or why it was refused.
	Reason string `json:"reason"`
	// Term is what put it in its place within the tier.
	Term string `json:"term,omitempty"`
	// Target is what is probed.
	Target    string   `json:"probe,omitempty"`
	Addresses []string `json:"addresses,omitempty"`
}

// Explain returns every cluster that Karmada names for the function: the
// candidates in the order in which they would answer, then the refused.
func (t *Table) Explain(s *Standing, q Question, verdicts Verdicts) []Candidate {
	f := t.State.Functions[q.Function]
	c := &t.functions[q.Function]
	in := t.input(s, c, q)
	var all []Candidate
	ranked := t.Rank(nil, s, q)
	for _, cluster := range ranked {
		p := f.PlacementIn(cluster)
		v := Judge(p, &t.State.Clusters[cluster], verdicts(p.Target))
		all = append(all, Candidate{
			Cluster: t.State.Clusters[cluster].Name, Tier: v.Tier.String(), Reason: v.Reason,
			Term: c.policy.Term(cluster, in), Target: p.Target.String(),
			Addresses: addresses(p.Endpoint(t.horizon(q.Horizon))),
		})
	}
	for _, p := range f.Placements {
		if !slices.Contains(ranked, p.Cluster) {
			all = append(all, Candidate{
				Cluster: t.State.Clusters[p.Cluster].Name, Tier: "refused",
				Reason: "no address in the client's horizon",
			})
		}
	}
	for _, r := range f.Refused {
		all = append(all, Candidate{Cluster: r.Cluster, Tier: "refused", Reason: r.Reason})
	}
	return all
}

func addresses(e federation.Endpoint) []string {
	var out []string
	for _, a := range slices.Concat(e.V4, e.V6) {
		out = append(out, a.String())
	}
	return out
}
