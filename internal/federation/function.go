package federation

import (
	"net/netip"
	"slices"
)

// Weight is one cluster's entry in nearcast.dev/weights.
type Weight struct {
	Cluster string
	Value   uint32
}

// Function is a routed hostname, or several that share one template.
type Function struct {
	// Template is what declares it. Policy is nil where it leaves the choice to the
	// zone, TTL is 0 where it sets no bound.
	*Template
	// Hostnames are those that it has, of the annotated ones or the default; canonical:
	// lower case, fully qualified; "*." leads a wildcard.
	Hostnames []string
	// VIPs are those that it has, of the annotated ones.
	VIPs []netip.Addr
	// Placements are sorted by cluster index. Functions that stand alike in a cluster
	// share one, so that there are few, and those asked for are in the processor's cache.
	Placements Placements
	// Refused are the clusters that Karmada names for the function and that are
	// no candidates, with the reason; sorted by cluster.
	Refused []Refusal
	// Unplaced says why Karmada names no cluster for the function; "" where it names some.
	Unplaced string
}

// Anycast is where the function's VIPs are.
func (f *Function) Anycast() Endpoint {
	e := Endpoint{VIP: true}
	for _, vip := range f.VIPs {
		e = e.Add(vip)
	}
	return e
}

// Placements are a function's, by cluster.
type Placements []*Placement

// In returns the one in the cluster, or nil. It does not allocate.
func (all Placements) In(cluster int) *Placement {
	i, found := slices.BinarySearchFunc(all, cluster, func(p *Placement, cluster int) int { return p.Cluster - cluster })
	if !found {
		return nil
	}
	return all[i]
}

// Leaving returns whether Karmada names the cluster for the function, and why it
// is moved away from there; "" if it is not. A function whose only address is a VIP
// is no candidate anywhere, and leaves all the same.
func (f *Function) Leaving(cluster int, name string) (placed bool, why string) {
	if p := f.Placements.In(cluster); p != nil {
		return true, p.Leaving
	}
	for _, r := range f.Refused {
		if r.Cluster == name {
			return true, r.Leaving
		}
	}
	return false, ""
}
