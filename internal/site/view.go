package site

import (
	"net/netip"

	"github.com/gaissmai/bart"

	"github.com/nearcast/nearcast/internal/base/vector"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/steering/locate"
	"github.com/nearcast/nearcast/internal/steering/steer"
)

// View is everything that a query needs, at one moment. It is immutable.
type View struct {
	*steer.Table
	Standing *steer.Standing
	Names    *Names

	// servers are the names of the zones' name servers, sorted.
	servers  []string
	horizons *bart.Table[int]
	tenants  *tenants
	// activity is by function; empty if functions never become idle.
	activity vector.Vector[*activity]
	woken    chan<- struct{}
}

// Client is the client of a query, as steering sees it.
type Client struct {
	// Addr is the address by which the client is known.
	Addr     netip.Addr
	Location locate.ID
	// Scope is the length of the prefix around the client's subnet for which the answer
	// is valid.
	Scope uint8
	// Embedding is the number of bits of the subnet before the IPv4 address that it
	// embeds; 0 if it embeds none.
	Embedding int
	// Subnet is set if Addr is from a client subnet and not the source address.
	Subnet bool
	// Own holds the private names that the client sees; nil if there are none.
	Own *Names
	// Horizon is 0 for the default horizon, else 1 + its index in Options.Horizons.
	Horizon int
}

// Locate locates a client that queries from source, on behalf of subnet if that is valid.
// Access and the horizon depend only on the source: a subnet is only a claim.
func (v *View) Locate(source netip.Addr, subnet netip.Prefix) Client {
	source = source.Unmap().WithZone("")
	c := Client{Addr: source}
	c.Horizon, _ = v.horizons.Lookup(source)
	c.Own, _ = v.tenants.Lookup(source)
	switch {
	case !subnet.IsValid(), subnet.Bits() == 0:
		// A SOURCE PREFIX-LENGTH of 0 keeps the client's own address private (RFC 7871,
		// section 7.1.2); its resolver's location reveals no more than the query does.
		c.Location = v.locateSource(source)
	default:
		canonical, before := locate.Canonical(subnet)
		var bits uint8
		c.Location, bits = v.Locations.Lookup(canonical.Addr())
		c.Addr, c.Subnet, c.Embedding = canonical.Addr(), true, before
		c.Scope = bits + uint8(before)
		if c.Location == locate.Private {
			// A private network of somebody else: only the sender is known.
			c.Location = v.locateSource(source)
		}
	}
	return c
}

// locateSource locates the clients for which the source may query: the clients of the
// resolver if it is a known one, else the source itself.
func (v *View) locateSource(source netip.Addr) locate.ID {
	canonical, _ := canonicalAddr(source)
	if id, known := v.Locations.Resolver(canonical); known {
		return id
	}
	id, _ := v.Locations.Lookup(canonical)
	return id
}

// canonicalAddr is locate.Canonical for a single address.
func canonicalAddr(a netip.Addr) (canonical netip.Addr, before int) {
	p, before := locate.Canonical(netip.PrefixFrom(a, a.BitLen()))
	return p.Addr(), before
}

// Horizon is a class of clients that reach clusters at addresses of their own.
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
