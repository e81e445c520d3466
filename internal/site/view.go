package site

import (
	"net/netip"

	"github.com/gaissmai/bart"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/locate"
	"github.com/nearcast/nearcast/internal/steer"
)

// View is everything that a query needs, as of one moment. It is immutable.
type View struct {
	*steer.Table
	Standing *steer.Standing
	Names    *Names

	horizons *bart.Table[int]
}

// Client is who asks, as steering sees it.
type Client struct {
	// Addr is the address that the client is known by.
	Addr     netip.Addr
	Location locate.ID
	// Scope is the length of the prefix around the client's subnet for which the
	// answer holds.
	Scope uint8
	// Subnet is set where Addr is a client's subnet and not the source.
	Subnet bool
	// Horizon is 0 for the default one, else 1 + its index in Options.Horizons.
	Horizon int
}

// Locate finds where a client is that asks from source, on behalf of subnet if
// that is valid. The horizon follows the source alone: a subnet is only claimed.
func (v *View) Locate(source netip.Addr, subnet netip.Prefix) Client {
	source = source.Unmap().WithZone("")
	c := Client{Addr: source}
	c.Horizon, _ = v.horizons.Lookup(source)
	switch {
	case !subnet.IsValid():
		c.Location, _ = v.Locations.Lookup(source)
	case subnet.Bits() == 0:
		// The client asked not to be located: RFC 7871, section 7.1.2.
	default:
		c.Location, c.Scope = v.Locations.Lookup(subnet.Addr())
		c.Addr, c.Subnet = subnet.Addr(), true
		if c.Location == locate.Private {
			// Somebody else's private network: only who sent it is known.
			c.Location, _ = v.Locations.Lookup(source)
		}
	}
	return c
}

// Horizon is a class of clients that reach a cluster by addresses of its own.
type Horizon struct {
	Name     string
	Prefixes []netip.Prefix
}

func horizonTable(horizons []Horizon) *bart.Table[int] {
	t := new(bart.Table[int])
	for i, h := range horizons {
		for _, p := range h.Prefixes {
			t.Insert(p, i+1)
		}
	}
	return t
}

// HorizonName returns the horizon's name; "" for the default one.
func (v *View) HorizonName(i int) string {
	if i == 0 {
		return ""
	}
	return v.Horizons[i-1]
}

// Endpoint returns where the function is reached in the cluster.
func (v *View) Endpoint(function, cluster, horizon int) federation.Endpoint {
	p := v.State.Functions[function].PlacementIn(cluster)
	if p == nil {
		return federation.Endpoint{}
	}
	return p.Endpoint(v.HorizonName(horizon))
}
