package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/vip"
)

// warnOfSending reports settings for what peers are sent that have no effect, or probably not the
// intended one.
func (c *Config) warnOfSending(warn faultFunc) {
	sources := c.sources()
	for i := range c.Peers {
		p := &c.Peers[i]
		under := warn.under(fmt.Sprintf("peers[%d]", i))
		c.warnOfAttributes(p.Attributes, []*Peer{p}, under.under("attributes"))
		p.warnOfVIPs(sources, under)
		p.warnOfNothing(sources, under)
	}
	for _, s := range sources {
		if s.attributes != nil {
			c.warnOfAttributes(s.attributes, c.recipients(&s), warn.under(s.key+".attributes"))
		}
	}
	c.warnOfMembers(warn)
	c.warnOfSharedPools(warn)
}

// warnOfAttributes reports additions for peers that do not see them, and a local preference at
// which two states become equal.
func (c *Config) warnOfAttributes(a *route.Attributes, peers []*Peer, warn faultFunc) {
	if a == nil || len(peers) == 0 { // no peers is a fault, or a Service's matter
		return
	}
	internal := func(p *Peer) bool { return p.ASN == c.ASN }
	if a.Prepend > 0 && !slices.ContainsFunc(peers, func(p *Peer) bool { return !internal(p) }) {
		warn("prepend", "has no effect: it is for eBGP, but the sessions are iBGP; set localPreference")
	}
	if a.LocalPreference == nil {
		return
	}
	if !slices.ContainsFunc(peers, internal) {
		warn("localPreference", "has no effect: it is for iBGP, but the sessions are eBGP; set prepend or med")
		return
	}
	up, degraded := c.States.Of(vip.Up, a), c.States.Of(vip.Degraded, a)
	if route.ValueOr(c.States.Degraded.LocalPreference, route.DefaultPreference) < c.States.preference() && *up.LocalPreference == *degraded.LocalPreference {
		warn("localPreference", "%d leaves no lower value for a degraded site, which would be sent with the same; write a greater one", *a.LocalPreference)
	}
}

// warnOfVIPs reports prefixes in the peer's list that contain nothing.
func (p *Peer) warnOfVIPs(sources []source, warn faultFunc) {
	for i, in := range p.VIPs {
		if !slices.ContainsFunc(sources, func(s source) bool {
			return slices.ContainsFunc(s.prefixes, func(o netip.Prefix) bool { return route.Inside(o, in) || s.pool && o.Overlaps(in) })
		}) {
			warn(fmt.Sprintf("vips[%d]", i), "no VIP, aggregate or pool is in %s", in)
		}
	}
}

// warnOfNothing reports a peer that is sent no route although routes name it.
func (p *Peer) warnOfNothing(sources []source, warn faultFunc) {
	carried := false
	for _, s := range sources {
		for _, prefix := range s.prefixes {
			if s.goesTo(p, prefix) {
				return
			}
			carried = carried || p.Carries(route.FamilyOf(prefix.Addr()))
		}
	}
	if carried {
		warn("", "no route is sent to %s: every route is for other peers or not in its vips", p.Name())
	}
}

// warnOfMembers reports VIPs that are replaced by an aggregate without host routes.
func (c *Config) warnOfMembers(warn faultFunc) {
	for i := range c.VIPs {
		v := &c.VIPs[i]
		at := slices.IndexFunc(c.Aggregates, func(a Aggregate) bool { return !a.HasHostRoutes() && a.Prefix.Contains(v.Address) })
		if at < 0 {
			continue
		}
		var keys []string
		if len(v.Peers) > 0 {
			keys = append(keys, "peers")
		}
		if v.Attributes != nil {
			keys = append(keys, "attributes")
		}
		if len(keys) > 0 {
			warn(fmt.Sprintf("vips[%d]", i), "%s: no effect, because aggregates[%d], %s, is announced instead of %s; set it there",
				strings.Join(keys, " and "), at, c.Aggregates[at].Prefix, v.Address)
		}
	}
}

// warnOfSharedPools reports addresses in two pools of one namespace: the first pool counts.
func (c *Config) warnOfSharedPools(warn faultFunc) {
	for i := range c.Pools {
		for j := range i {
			p, o := &c.Pools[i], &c.Pools[j]
			alike := slices.Equal(p.Peers, o.Peers) && keyOf(p.Attributes) == keyOf(o.Attributes)
			if alike || !slices.ContainsFunc(p.Namespaces, o.isFor) && !slices.ContainsFunc(o.Namespaces, p.isFor) {
				continue
			}
			for _, cidr := range p.CIDRs {
				if slices.ContainsFunc(o.CIDRs, cidr.Overlaps) {
					warn(fmt.Sprintf("pools[%d]", i), "its peers and attributes have no effect for %s, because pools[%d] comes first and gives the same namespace these addresses", cidr, j)
				}
			}
		}
	}
}
