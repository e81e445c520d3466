package bgp

import (
	"cmp"
	"net/netip"
	"slices"
)

// Export returns which routes the peer is sent, and with which additions.
func (p *Peer) Export() Export { return Export{p.VIPs, p.Attributes, p.preferences} }

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
	for _, state := range []State{Up, Degraded, Draining} {
		from := or(states.of(state, nil).LocalPreference, localPreference)
		if one := (Preference{from, moved(from, up, to)}); one.From != one.To && !slices.Contains(p.preferences, one) {
			p.preferences = append(p.preferences, one)
		}
	}
	slices.SortFunc(p.preferences, func(a, b Preference) int {
		if to > up { // all values rise, so start with the highest
			a, b = b, a
		}
		return cmp.Compare(a.From, b.From)
	})
}

// Covers reports whether p is sent every route that o is, judged by their groups and VIPs.
func (p *Peer) Covers(o *Peer) bool {
	within := func(prefix netip.Prefix) bool {
		return slices.ContainsFunc(p.VIPs, func(in netip.Prefix) bool { return inside(prefix, in) })
	}
	return p.Group == o.Group && (len(p.VIPs) == 0 || len(o.VIPs) > 0 && !slices.ContainsFunc(o.VIPs, func(v netip.Prefix) bool { return !within(v) }))
}
