package federation

import (
	"net/netip"
	"slices"
	"unsafe"

	"github.com/nearcast/nearcast/internal/federation/policy"
)

// Weight is one cluster's entry in nearcast.dev/weights.
type Weight struct {
	Cluster string
	Value   uint32
}

// Function is a routed hostname, or several hostnames that share one template.
type Function struct {
	// Template declares the function. Policy is nil if it leaves the choice to the zone;
	// TTL is 0 if it sets no bound.
	*Template
	// Hostnames are the annotated names that the function got, or its default name;
	// canonical: lower case, fully qualified; "*." begins a wildcard.
	Hostnames []string
	// Placements are sorted by cluster index. Functions with the same standing in a
	// cluster share one, so there are few, and those in use stay in the processor's
	// cache.
	Placements Placements
	// Unusual is never nil. Functions without anything unusual share one.
	*Unusual
}

// Unusual is what few functions have.
type Unusual struct {
	// VIPs are the annotated VIPs that the function got.
	VIPs []netip.Addr
	// Refused are the clusters that Karmada names for the function but that are not
	// candidates, with the reason; sorted by cluster.
	Refused []Refusal
	// Unplaced says why Karmada names no cluster for the function; "" if it names any.
	Unplaced string
	// WhenDown is what the function's own annotations say is answered while all is down, as far
	// as it may; nil if they do not say it.
	WhenDown *policy.WhenDown
}

// Anycast returns the endpoint of the function's VIPs.
func (f *Function) Anycast() Endpoint {
	e := Endpoint{VIP: true}
	for _, vip := range f.VIPs {
		e = e.Add(vip)
	}
	return e
}

// Placements are the placements of a function, sorted by cluster.
type Placements []*Placement

// In returns the placement in the cluster, or nil. It does not allocate.
func (all Placements) In(cluster int) *Placement {
	i, found := slices.BinarySearchFunc(all, cluster, func(p *Placement, cluster int) int { return p.Cluster - cluster })
	if !found {
		return nil
	}
	return all[i]
}

// Placed returns the function's placements; none if f is nil.
func (f *Function) Placed() Placements {
	if f == nil {
		return nil
	}
	return f.Placements
}

// ListKey identifies a list of placements in memory. Lists with the same key are equal.
type ListKey struct {
	first **Placement
	n     int
}

// Key returns the key of the list, which equal lists mostly share: see package build.
func (all Placements) Key() ListKey { return ListKey{unsafe.SliceData(all), len(all)} }

// Leaving returns whether Karmada names the cluster for the function, and why traffic
// moves away from there; "" if it does not. A function whose only address is a VIP has no
// candidate, but can still be leaving.
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
