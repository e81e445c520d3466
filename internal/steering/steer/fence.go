package steer

import (
	"slices"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/policy"
	"github.com/nearcast/nearcast/internal/steering/locate"
)

// fences are the limits of a function: its policy's and the operator's, which a tenant's policy
// does not replace. Both are nil if nothing is limited.
type fences struct{ clusters, clients []policy.Fence }

func (t *Table) fencesOf(f *federation.Function) (all fences) {
	for _, r := range []*policy.Rule{t.Policy, f.Policy} {
		if r == nil {
			continue
		}
		if r.Clusters.Limits() {
			all.clusters = append(all.clusters, r.Clusters)
		}
		if r.Clients.Limits() {
			all.clients = append(all.clients, r.Clients)
		}
	}
	return all
}

// excludes returns the fence that the cluster is outside of; nil if it is inside of all.
func (f *fences) excludes(c *federation.Cluster) *policy.Fence {
	return broken(f.clusters, c.Region, c.Zones)
}

func broken(fences []policy.Fence, region string, zones []string) *policy.Fence {
	i := slices.IndexFunc(fences, func(f policy.Fence) bool { return !f.Admits(region, zones) })
	if i < 0 {
		return nil
	}
	return &fences[i]
}

// turnsAway returns the fence that the client is outside of; nil if it is inside of all. It does not
// allocate.
func (f *fences) turnsAway(t *Table, q *Question) *policy.Fence {
	switch {
	case f.clients == nil:
		return nil
	case q.From != nil && !q.From.local:
		return brokenBy(f.clients, q.From.at)
	case q.From == nil && t.Locations.IsUnread():
		return &f.clients[0] // nobody knows where the client is
	case t.isLocal(q):
		return broken(f.clients, t.here.region, t.here.zones)
	}
	return brokenBy(f.clients, t.Locations.Location(q.Location))
}

func brokenBy(fences []policy.Fence, l locate.Location) *policy.Fence {
	if l.Zone == "" {
		return broken(fences, l.Region, nil)
	}
	zone := [1]string{l.Zone}
	return broken(fences, l.Region, zone[:])
}

// TurnsAway reports whether clients at the vantage are outside of the function's fences.
func (t *Table) TurnsAway(function int, from *Vantage) bool {
	return t.functions.Ptr(function).turnsAway(t, &Question{From: from}) != nil
}
