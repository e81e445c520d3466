package bgp

import (
	"net/netip"
	"slices"
	"time"

	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/vip"
)

// keeps says which routes must not be withdrawn because of the event that comes: none, unless
// all has settled.
func (n *station) keeps(text string, until time.Time) {
	kept := map[netip.Prefix]keep{}
	for _, a := range allVIPs {
		if kind, sure := n.worstOf(a); n.calm && text != "" && sure && kind == passes {
			kept[route.Host(a)] = keep{text, until}
		}
	}
	n.machine.mu.Lock()
	defer n.machine.mu.Unlock()
	n.kept = kept
}

// bars says which routes must not be announced while the event is under way: none if not on, else
// those of whose backends one fails here, whatever other sites answer at the address.
func (n *station) bars(on bool) {
	barred := map[netip.Prefix]bool{}
	for _, a := range allVIPs {
		if on && n.owner(a) != "" && slices.ContainsFunc(n.asks(a, vip.Local), func(at netip.AddrPort) bool { return n.own(at) == refuses || n.own(at) == vanishes }) {
			barred[route.Host(a)] = true
		}
	}
	n.machine.mu.Lock()
	defer n.machine.mu.Unlock()
	n.barred = barred
}

// worstOf is what the local checks of the address come to; it fails where nobody wants it.
func (n *station) worstOf(a netip.Addr) (answerKind, bool) {
	if n.owner(a) == "" {
		return refuses, true
	}
	return n.worst(a, vip.Local)
}
