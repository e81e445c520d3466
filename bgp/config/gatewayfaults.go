package config

import (
	"fmt"
	"net/netip"
	"slices"
)

// Taken returns the addresses that no router of a default route may have, with the reason.
func (c *Config) Taken() map[netip.Addr]string {
	all := map[netip.Addr]string{}
	for _, place := range c.places() {
		if place.own {
			all[place.addr] = fmt.Sprintf("the default route leads to %s, which is %s (%s)", place.addr, place.what, place.key)
		}
	}
	for i := range c.VIPs {
		all[c.VIPs[i].Address] = fmt.Sprintf("the default route leads to %s, which is a VIP of this speaker (vips[%d])", c.VIPs[i].Address, i)
	}
	return all
}

// PeersByName returns the peers that the file names directly, by address and by link.
func (c *Config) PeersByName() map[string]string {
	all := map[string]string{}
	for i := range c.Peers {
		if p := &c.Peers[i]; p.Gateway == "" {
			all[p.Name()] = fmt.Sprintf("the peer %s (peers[%d])", p.Name(), i)
		}
	}
	return all
}

// FaultOfRouter returns why the file cannot have a session with a router at the address; "" if it
// can.
func (c *Config) FaultOfRouter(a netip.Addr) string {
	i := slices.IndexFunc(c.Aggregates, func(g Aggregate) bool { return g.Prefix.Contains(a) })
	if i < 0 {
		return ""
	}
	return fmt.Sprintf("the default route leads to %s, which is in aggregate %s, and the aggregate would attract its traffic (aggregates[%d])", a, c.Aggregates[i].Prefix, i)
}
