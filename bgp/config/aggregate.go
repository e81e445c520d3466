package config

import (
	"fmt"
	"net/netip"

	"github.com/nearcast/nearcast/bgp/route"
)

// Aggregate is a prefix that is announced while enough of the VIPs in it are. Distant routers
// accept no route to a single address: /24 and /48 are the longest prefixes that the internet
// carries.
type Aggregate struct {
	Prefix netip.Prefix `yaml:"prefix"`
	// Least is how many of its VIPs must be announced. It defaults to 1 with host routes. Without
	// host routes it defaults to all, because the prefix then also attracts packets to VIPs that
	// are not announced.
	Least int `yaml:"least"`
	// HostRoutes announces its VIPs with routes of their own as well; the default is true.
	HostRoutes *bool `yaml:"hostRoutes"`
	// Discard makes this machine drop packets to addresses that nobody has here, which it would
	// otherwise send back to the router; the default is true.
	Discard *bool `yaml:"discard"`
	// Peers and Attributes apply to its own route, as in VIP.
	Peers      []string          `yaml:"peers"`
	Attributes *route.Attributes `yaml:"attributes"`
}

// The shortest aggregates allowed. Anything shorter is larger than any site, so it is a typo.
const (
	shortestIPv4 = 8
	shortestIPv6 = 16
)

// HasHostRoutes reports whether the VIPs of the aggregate are announced beside it.
func (a *Aggregate) HasHostRoutes() bool { return a.HostRoutes == nil || *a.HostRoutes }

// Discards reports whether this machine drops packets to addresses of the aggregate that nobody has.
func (a *Aggregate) Discards() bool { return a.Discard == nil || *a.Discard }

func (c *Config) checkAggregates(fault faultFunc) {
	for i := range c.Aggregates {
		a := &c.Aggregates[i]
		key := fmt.Sprintf("aggregates[%d]", i)
		c.checkPrefix(a.Prefix, fault.under(key))
		if a.Least < 0 {
			fault(key+".least", "%d is negative", a.Least)
		}
		for _, o := range c.Aggregates[:i] {
			if a.Prefix.IsValid() && a.Prefix.Overlaps(o.Prefix) {
				fault(key+".prefix", "%s overlaps %s, another aggregate", a.Prefix, o.Prefix)
			}
		}
	}
}

func (c *Config) checkPrefix(p netip.Prefix, fault faultFunc) {
	shortest := shortestIPv4
	if p.Addr().Is6() {
		shortest = shortestIPv6
	}
	switch {
	case !p.IsValid():
		fault("prefix", "is required, such as 198.51.100.0/24")
		return
	case p != p.Masked() || p.Addr().Is4In6():
		fault("prefix", "%s has bits set beyond its length", p)
	case p.IsSingleIP() || p.Bits() < shortest:
		fault("prefix", "%s is not from /%d to /%d", p, shortest, p.Addr().BitLen()-1)
	}
	for i := range c.Peers {
		if peer := &c.Peers[i]; p.Contains(peer.Address) || p.Contains(peer.LocalAddress) {
			fault("prefix", "%s contains an address of peer %s, or this site's address on that session; the aggregate would attract that traffic", p, peer.Name())
		}
	}
}
