package config

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/nearcast/nearcast/bgp/route"
)

// source is something in the file that produces routes: a VIP, an aggregate or a pool.
type source struct {
	key      string
	prefixes []netip.Prefix
	// pool is set if addresses in the prefixes are meant.
	pool       bool
	names      []string // of peers, as in the source's part of the file
	attributes *route.Attributes
}

// sources returns the valid sources of the file, in its order.
func (c *Config) sources() []source {
	var all []source
	for i := range c.VIPs {
		if v := &c.VIPs[i]; v.Address.IsValid() {
			all = append(all, source{fmt.Sprintf("vips[%d]", i), []netip.Prefix{route.Host(v.Address)}, false, v.Peers, v.Attributes})
		}
	}
	for i := range c.Aggregates {
		if a := &c.Aggregates[i]; a.Prefix.IsValid() {
			all = append(all, source{fmt.Sprintf("aggregates[%d]", i), []netip.Prefix{a.Prefix}, false, a.Peers, a.Attributes})
		}
	}
	for i := range c.Pools {
		p := &c.Pools[i]
		all = append(all, source{fmt.Sprintf("pools[%d]", i), p.CIDRs, true, p.Peers, p.Attributes})
	}
	return all
}

// checkNames reports names that no peer has, and normalises addresses.
func (s *source) checkNames(known map[string]bool, fault faultFunc) {
	if s.names != nil && len(s.names) == 0 {
		fault("peers", "%s", emptyList)
	}
	for i, name := range s.names {
		key := fmt.Sprintf("peers[%d]", i)
		if a, err := netip.ParseAddr(name); err == nil {
			s.names[i] = a.Unmap().String()
		}
		if !known[s.names[i]] {
			fault(key, "%q is not a peer or a group; write a peer's address or interface, gateway/ipv4 or gateway/ipv6, or the group of peers", name)
		}
		if slices.Contains(s.names[:i], s.names[i]) {
			fault(key, "%s is listed twice", name)
		}
	}
}

// checkRecipients reports VIPs, aggregates and pools that go to no peer. Unknown names and peers
// without a family are separate faults.
func (c *Config) checkRecipients(fault faultFunc) {
	if len(c.Peers) == 0 || slices.ContainsFunc(c.Peers, func(p Peer) bool { return len(p.Families) == 0 }) {
		return
	}
	known := c.names()
	for _, s := range c.sources() {
		if slices.ContainsFunc(s.names, func(name string) bool { return !known[name] }) {
			continue
		}
		for i, prefix := range s.prefixes {
			switch {
			case !prefix.IsValid() || c.reaches(prefix, &s):
			case s.pool && len(s.names) > 0:
				fault(fmt.Sprintf("%s.cidrs[%d]", s.key, i), "no Service can announce an address of %s: %s", prefix, c.WhyNobody(prefix, s.names))
			case !s.pool:
				fault(s.key, "%s is sent to no peer: %s", short(prefix), c.WhyNobody(prefix, s.names))
			}
		}
	}
}

// reaches reports whether any peer is sent a route to the prefix or, for a pool, to an address in
// it.
func (c *Config) reaches(prefix netip.Prefix, s *source) bool {
	for i := range c.Peers {
		if s.goesTo(&c.Peers[i], prefix) {
			return true
		}
	}
	return false
}

// goesTo reports whether the peer is sent a route to the prefix or, for a pool, to an address in
// it.
func (s *source) goesTo(p *Peer, prefix netip.Prefix) bool {
	if s.pool {
		return p.mayGet(prefix, s.names)
	}
	return p.gets(prefix, s.names)
}

// recipients returns the peers that are sent any route of the source.
func (c *Config) recipients(s *source) []*Peer {
	var all []*Peer
	for i := range c.Peers {
		p := &c.Peers[i]
		if slices.ContainsFunc(s.prefixes, func(prefix netip.Prefix) bool { return s.goesTo(p, prefix) }) {
			all = append(all, p)
		}
	}
	return all
}

// mayGet reports whether the peer is sent routes to any address in the prefix.
func (p *Peer) mayGet(prefix netip.Prefix, names []string) bool {
	return p.Carries(route.FamilyOf(prefix.Addr())) && p.Named(names) &&
		(len(p.VIPs) == 0 || slices.ContainsFunc(p.VIPs, prefix.Overlaps))
}

// checkPrepends reports paths longer than routers accept: those of a state plus what a VIP, an
// aggregate or a pool adds, and each peer that it goes to.
func (c *Config) checkPrepends(fault faultFunc) {
	most := c.States.Draining.Prepend // no state has more
	tooMany := func(key, name string, counts ...int) {
		fault(key+".attributes.prepend", "%s plus the %d of states.draining is %d prepends%s, more than %d", counted(counts), most, most+sum(counts), name, route.MaxPrepend)
	}
	for i := range c.Peers {
		p := &c.Peers[i]
		if n := p.prepends(c.ASN); n > 0 && most+n > route.MaxPrepend {
			tooMany(fmt.Sprintf("peers[%d]", i), "", n)
		}
	}
	for _, s := range c.sources() {
		if s.attributes == nil || s.attributes.Prepend <= 0 {
			continue
		}
		for i := range c.Peers {
			p := &c.Peers[i]
			own, at := s.attributes.Prepend, p.prepends(c.ASN)
			if p.ASN == c.ASN || most+own+at <= route.MaxPrepend || !slices.ContainsFunc(s.prefixes, func(prefix netip.Prefix) bool { return p.mayGet(prefix, s.names) }) {
				continue
			}
			tooMany(s.key, " at peer "+p.Name(), own, at)
			break
		}
	}
}

// prepends returns how many prepends the peer adds; iBGP has none.
func (p *Peer) prepends(asn uint32) int {
	if p.Attributes == nil || p.ASN == asn {
		return 0
	}
	return p.Attributes.Prepend
}

func sum(counts []int) (n int) {
	for _, one := range counts {
		n += one
	}
	return n
}

// counted formats the prepends of a source and, if there are any, those of the peer.
func counted(counts []int) string {
	if len(counts) < 2 || counts[1] == 0 {
		return fmt.Sprint(counts[0])
	}
	return fmt.Sprintf("%d, plus the peer's %d,", counts[0], counts[1])
}
