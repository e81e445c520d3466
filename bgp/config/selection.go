package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/nearcast/nearcast/bgp/route"
)

// Named reports whether the names include the peer or its group; no names include every peer.
func (p *Peer) Named(names []string) bool {
	return len(names) == 0 || slices.Contains(names, p.Entry()) || p.Group != "" && slices.Contains(names, p.Group)
}

// gets reports whether the peer is sent a route to the prefix that is for the names.
func (p *Peer) gets(prefix netip.Prefix, names []string) bool {
	e := p.Export()
	return p.Carries(route.FamilyOf(prefix.Addr())) && p.Named(names) && e.Takes(prefix)
}

// SentTo returns the peers that are sent a route to the prefix that is for the names.
func (c *Config) SentTo(prefix netip.Prefix, names []string) []*Peer {
	var all []*Peer
	for i := range c.Peers {
		if p := &c.Peers[i]; p.gets(prefix, names) {
			all = append(all, p)
		}
	}
	return all
}

// WhyNobody explains why no peer is sent a route to the prefix that is for the names.
func (c *Config) WhyNobody(prefix netip.Prefix, names []string) string {
	family := route.FamilyOf(prefix.Addr())
	of, all := "no peer", c.Peers
	if len(names) > 0 {
		of = "no peer of " + strings.Join(names, ", ")
		all = slices.DeleteFunc(slices.Clone(c.Peers), func(p Peer) bool { return !p.Named(names) })
	}
	if slices.ContainsFunc(all, func(p Peer) bool { return p.Carries(family) }) {
		return fmt.Sprintf("%s accepts it: no peer that carries %s has it in its vips", of, family)
	}
	return fmt.Sprintf("%s carries %s", of, family)
}

// checkSending determines what each peer is sent, and reports the faults.
func (c *Config) checkSending(fault faultFunc) {
	have := c.carried()
	for i := range c.Peers {
		p := &c.Peers[i]
		under := fault.under(fmt.Sprintf("peers[%d]", i))
		checkAdded(p.Attributes, &c.States, under.under("attributes"))
		checkAddedByPeer(p.Attributes, have, under.under("attributes"))
		p.checkVIPs(under)
		p.prefer(c.ASN, &c.States)
	}
	known := c.names()
	for _, s := range c.sources() {
		s.checkNames(known, fault.under(s.key))
		checkAdded(s.attributes, &c.States, fault.under(s.key+".attributes"))
	}
	c.checkAlike(fault)
	c.checkLists(fault)
	c.checkPrepends(fault)
	c.checkRoom(fault)
}

// names returns the names by which lists can refer to peers: their own, and groups.
func (c *Config) names() map[string]bool {
	all := map[string]bool{}
	for i := range c.Peers {
		all[c.Peers[i].Entry()] = true
	}
	for name := range c.Groups {
		all[name] = true
	}
	return all
}

// carried returns the extended communities that a route may have without those that a peer adds.
func (c *Config) carried() map[route.ExtendedCommunity]bool {
	all := map[route.ExtendedCommunity]bool{}
	have := []*route.Attributes{&c.States.Up, &c.States.Degraded.Attributes, &c.States.Draining.Attributes}
	for _, s := range c.sources() {
		have = append(have, s.attributes)
	}
	for _, a := range have {
		if a == nil {
			continue
		}
		for _, one := range a.Communities.Extended {
			all[one] = true
		}
	}
	return all
}

func (p *Peer) checkVIPs(fault faultFunc) {
	if p.VIPs != nil && len(p.VIPs) == 0 {
		fault("vips", "%s", emptyList)
	}
	for i, prefix := range p.VIPs {
		key := fmt.Sprintf("vips[%d]", i)
		switch {
		case prefix != prefix.Masked() || prefix.Addr().Is4In6():
			fault(key, "%s has bits set beyond its length", prefix)
		case !p.Carries(route.FamilyOf(prefix.Addr())):
			fault(key, "%s is %s, which is not in the peer's families", prefix, route.FamilyOf(prefix.Addr()))
		case slices.Contains(p.VIPs[:i], prefix):
			fault(key, "%s is listed twice", prefix)
		}
	}
}

// emptyList is the fault of a list of names or prefixes that is empty: it would select none,
// whereas an absent list selects all.
const emptyList = "is empty, so no peer would be sent it; omit it for all peers"

// checkAlike reports peers with the same link-local address on different links that are to be sent
// different routes: an export policy cannot distinguish links.
func (c *Config) checkAlike(fault faultFunc) {
	for i := range c.Peers {
		for j := range i {
			p, o := &c.Peers[i], &c.Peers[j]
			if p.Address.Zone() == "" || p.Address.WithZone("") != o.Address.WithZone("") {
				continue
			}
			const why = "%s and %s of peers[%d] have the same link-local address on two links, so the speaker cannot send them different routes; give one of the routers another address"
			pe, oe := p.Export(), o.Export()
			if !pe.Equal(&oe) {
				fault(fmt.Sprintf("peers[%d]", i), why, p.Name(), o.Name(), j)
			}
			for _, s := range c.sources() {
				if p.Named(s.names) != o.Named(s.names) {
					fault(s.key+".peers", why, p.Name(), o.Name(), j)
				}
			}
		}
	}
}

// mostLists limits the number of different peer lists: each becomes a rule that is evaluated for
// every route and peer.
const mostLists = 64

// checkLists reports more different lists than are allowed, regardless of their names.
func (c *Config) checkLists(fault faultFunc) {
	a, lists := NewAudience(c.Peers), map[string]bool{}
	for _, s := range c.sources() {
		if len(s.names) == 0 {
			continue
		}
		if lists[strings.Join(a.Of(s.names), "\n")] = true; len(lists) > mostLists {
			fault(s.key+".peers", "exceeds the limit of %d different lists of peers; put peers into groups, and list the groups", mostLists)
			return
		}
	}
}
