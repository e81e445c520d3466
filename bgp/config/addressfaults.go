package config

import (
	"fmt"
	"net/netip"
)

// Ranges in which no host has its address (RFC 6890).
var (
	thisNetwork = netip.MustParsePrefix("0.0.0.0/8")
	future      = netip.MustParsePrefix("240.0.0.0/4") // includes 255.255.255.255
)

// faultOfAddress returns why no router or machine can have the address; "" if one can.
func faultOfAddress(a netip.Addr) string {
	switch {
	case a.IsUnspecified():
		return fmt.Sprintf("%s is the unspecified address; write a specific address", a)
	case a.IsMulticast():
		return fmt.Sprintf("%s is a multicast address", a)
	case a.Is4() && thisNetwork.Contains(a), a.Is4() && future.Contains(a):
		return fmt.Sprintf("%s is reserved (RFC 6890)", a)
	case a.Is6() && a.IsLinkLocalUnicast() && a.Zone() == "":
		return fmt.Sprintf("%s is link-local and has no zone: write %[1]s%%eth0, or set interface: eth0", a)
	case a.Zone() != "" && !a.IsLinkLocalUnicast():
		return fmt.Sprintf("%s has a zone, which only link-local addresses have", a)
	}
	return ""
}

// faultOfTarget returns why a check cannot use the address; "" if it can.
func faultOfTarget(at netip.AddrPort) string {
	if !at.IsValid() || at.Port() == 0 {
		return "address:port is required"
	}
	return faultOfAddress(at.Addr().Unmap())
}

func (c *Config) checkRouterID(fault faultFunc) {
	switch {
	case !c.RouterID.Is4() || c.RouterID.IsUnspecified():
		fault("routerID", "an IPv4 address is required")
	case c.RouterID.IsMulticast() || faultOfAddress(c.RouterID) != "":
		fault("routerID", "%s; use an IPv4 address of this machine", faultOfAddress(c.RouterID))
	}
}

// place is an address of this site or of a router, and where the file names it.
type place struct {
	addr netip.Addr
	key  string
	what string
	own  bool // it belongs to this machine
}

// places returns all addresses that the file assigns to machines, without duplicates.
func (c *Config) places() []place {
	all := []place{{c.RouterID, "routerID", "this speaker's router ID", true}}
	for i, at := range c.Listen {
		all = append(all, place{at.Addr().Unmap(), fmt.Sprintf("listen[%d]", i), "an address of this machine", true})
	}
	for i := range c.Peers {
		p, key := &c.Peers[i], fmt.Sprintf("peers[%d]", i)
		all = append(all, place{p.Address, key + ".address", "the router", false},
			place{p.LocalAddress, key + ".localAddress", "an address of this machine", true},
			place{p.NextHop, key + ".nextHop", "an address of this machine", true})
	}
	valid, seen := all[:0], map[netip.Addr]string{}
	for _, p := range all {
		if p.addr.IsValid() && !p.addr.IsUnspecified() && seen[p.addr] != p.what { // many peers may have one localAddress
			valid, seen[p.addr] = append(valid, p), p.what
		}
	}
	return valid
}

// checkOwn reports peers that are this machine itself.
func (c *Config) checkOwn(fault faultFunc) {
	own := map[netip.Addr]place{}
	for _, here := range c.places() {
		if _, known := own[here.addr]; here.own && !known {
			own[here.addr] = here
		}
	}
	for i := range c.Peers {
		if here, is := own[c.Peers[i].Address]; is {
			fault(fmt.Sprintf("peers[%d].address", i), "%s is %s (%s): a speaker cannot peer with itself; write the router's address", here.addr, here.what, here.key)
		}
	}
}

// The shortest prefixes allowed for a pool. Anything shorter is a typo that covers nearly
// everything.
const (
	shortest4 = 8
	shortest6 = 16
)

// checkPools reports pools from which a tenant could take the address of a machine.
func (c *Config) checkPools(fault faultFunc) {
	for i := range c.Pools {
		c.Pools[i].check(fault.under(fmt.Sprintf("pools[%d]", i)))
		for j, cidr := range c.Pools[i].CIDRs {
			key := fmt.Sprintf("pools[%d].cidrs[%d]", i, j)
			for _, here := range c.places() {
				if cidr.Contains(here.addr.WithZone("")) {
					fault(key, "%s contains %s, %s (%s), which a Service could then announce; exclude it from the range", cidr, here.addr, here.what, here.key)
				}
			}
		}
	}
}

// faultOfRange returns why Services must not have the range; "" if they may.
func faultOfRange(cidr netip.Prefix) string {
	least := shortest4
	if cidr.Addr().Is6() {
		least = shortest6
	}
	if cidr.Bits() < least {
		return fmt.Sprintf("%s is too large for one site: the shortest prefix allowed is /%d", cidr, least)
	}
	for _, bad := range []struct{ cidr, what string }{
		{"127.0.0.0/8", "loopback"}, {"169.254.0.0/16", "link-local"}, {"224.0.0.0/4", "multicast"}, {"240.0.0.0/4", "reserved"}, {"0.0.0.0/8", "reserved"},
		{"::/16", "reserved"}, {"fe80::/10", "link-local"}, {"ff00::/8", "multicast"},
	} {
		if netip.MustParsePrefix(bad.cidr).Overlaps(cidr) {
			return fmt.Sprintf("%s is %s: none of its addresses can be announced", cidr, bad.what)
		}
	}
	return ""
}
