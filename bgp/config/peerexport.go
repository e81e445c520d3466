package config

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/vip"
)

// Export returns which routes the peer is sent, and with which additions.
func (p *Peer) Export() route.Export {
	return route.Export{VIPs: p.VIPs, Attributes: p.Attributes, Preferences: p.preferences}
}

// SetExport gives the peer the export settings of o.
func (p *Peer) SetExport(o *Peer) {
	p.VIPs, p.Attributes, p.preferences = o.VIPs, o.Attributes, o.preferences
}

// prefer sets the local preferences that replace those of the states for the peer.
func (p *Peer) prefer(asn uint32, states *States) {
	p.preferences = nil
	if p.ASN != asn || p.Attributes == nil || p.Attributes.LocalPreference == nil {
		return
	}
	up, to := states.preference(), *p.Attributes.LocalPreference
	for _, state := range []vip.State{vip.Up, vip.Degraded, vip.Draining} {
		from := route.ValueOr(states.Of(state, nil).LocalPreference, route.DefaultPreference)
		if one := (route.Preference{From: from, To: route.ShiftPreference(from, up, to)}); one.From != one.To && !slices.Contains(p.preferences, one) {
			p.preferences = append(p.preferences, one)
		}
	}
	slices.SortFunc(p.preferences, func(a, b route.Preference) int {
		if to > up { // all values rise, so start with the highest
			a, b = b, a
		}
		return cmp.Compare(a.From, b.From)
	})
}

// Covers reports whether p is sent every route that o is, judged by their groups and VIPs.
func (p *Peer) Covers(o *Peer) bool {
	within := func(prefix netip.Prefix) bool {
		return slices.ContainsFunc(p.VIPs, func(in netip.Prefix) bool { return route.Inside(prefix, in) })
	}
	return p.Group == o.Group && (len(p.VIPs) == 0 || len(o.VIPs) > 0 && !slices.ContainsFunc(o.VIPs, func(v netip.Prefix) bool { return !within(v) }))
}
