package site

import (
	"net/netip"

	"github.com/gaissmai/bart"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/locate"
	"github.com/nearcast/nearcast/internal/steer"
	"github.com/nearcast/nearcast/internal/vector"
)

// View is everything that a query needs, as of one moment. It is immutable.
type View struct {
	*steer.Table
	Standing *steer.Standing
	Names    *Names

	// servers are the names of the zones' name servers, sorted.
	servers  []string
	horizons *bart.Table[int]
	tenants  *tenants
	// activity is by function; empty where none is ever idle.
	activity vector.Vector[*activity]
	woken    chan<- struct{}
}

// Client is who asks, as steering sees it.
type Client struct {
	// Addr is the address that the client is known by.
	Addr     netip.Addr
	Location locate.ID
	// Scope is the length of the prefix around the client's subnet for which the
	// answer holds.
	Scope uint8
	// Embedding is how many bits of the subnet come before the IPv4 address that it
	// stands for; 0 where it stands for itself.
	Embedding int
	// Subnet is set where Addr is a client's subnet and not the source.
	Subnet bool
	// Own are the private names that the client sees; nil if there are none.
	Own *Names
	// Horizon is 0 for the default one, else 1 + its index in Options.Horizons.
	Horizon int
}

// Locate finds where a client is that asks from source, on behalf of subnet if
// that is valid. Access and the horizon follow the source alone: a
// subnet is only claimed.
func (v *View) Locate(source netip.Addr, subnet netip.Prefix) Client {
	source = source.Unmap().WithZone("")
	c := Client{Addr: source}
	c.Horizon, _ = v.horizons.Lookup(source)
	c.Own, _ = v.tenants.Lookup(source)
	switch {
	case !subnet.IsValid(), subnet.Bits() == 0:
		// A SOURCE PREFIX-LENGTH of 0 keeps the client's own address private (RFC 7871,
		// section 7.1.2); where its resolver is says no more of it than the query does.
		c.Location = v.locateSource(source)
	default:
		canonical, before := locate.Canonical(subnet)
		var bits uint8
		c.Location, bits = v.Locations.Lookup(canonical.Addr())
		c.Addr, c.Subnet, c.Embedding = canonical.Addr(), true, before
		c.Scope = bits + uint8(before)
		if c.Location == locate.Private {
			// Somebody else's private network: only who sent it is known.
			c.Location = v.locateSource(source)
		}
	}
	return c
}

// locateSource finds where the clients are on whose behalf the source may ask:
// its own, if it is a known resolver.
func (v *View) locateSource(source netip.Addr) locate.ID {
	canonical, _ := canonicalAddr(source)
	if id, known := v.Locations.Resolver(canonical); known {
		return id
	}
	id, _ := v.Locations.Lookup(canonical)
	return id
}

// canonicalAddr is locate.Canonical of one address.
func canonicalAddr(a netip.Addr) (canonical netip.Addr, before int) {
	p, before := locate.Canonical(netip.PrefixFrom(a, a.BitLen()))
	return p.Addr(), before
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
	p := v.Placements(function).In(cluster)
	if p == nil {
		return federation.Endpoint{}
	}
	return p.Endpoint(v.HorizonName(horizon))
}
