// Package session says how the sessions with routers are: whether they are up, why one is down, and
// what of the file each still has to follow. It is pure.
package session

import (
	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/internal/base/seconds"
)

// MostReceived is how many routes of a family a router may send. All are rejected, but GoBGP still
// stores them at about 600 octets each; a full internet table would exhaust the speaker's memory
// and take down every session.
const MostReceived = 50_000

// Status is the status of one session.
type Status struct {
	Address string `json:"address"`
	// Interface is set if the neighbour was found on a link.
	Interface string `json:"interface,omitempty"`
	// Gateway is set if the router is the next hop of the default route of this family.
	Gateway route.Family `json:"gateway,omitempty"`
	// Group is the group in the file that supplies the keys the peer does not set; "" for none.
	Group string `json:"group,omitempty"`
	// ASN is the router's; 0 if the file leaves it open and no session has reported it.
	ASN uint32 `json:"asn"`
	// State is the BGP name; "established" sessions carry routes.
	State string `json:"state"`
	// Uptime is how long the session has been established.
	Uptime seconds.Duration `json:"uptimeSeconds,omitempty"`
	// Families are those that both ends speak.
	Families []string `json:"families,omitempty"`
	// Received is how many routes the router sends, all of which are rejected.
	Received uint64 `json:"received,omitempty"`
	// BFD is the state of its BFD session; "" if it has none.
	BFD string `json:"bfd,omitempty"`
	// Problem says why the session is down or lacks a family, and what to change at which end; ""
	// if unknown. Reason is the same as a single word, for metrics.
	Problem string `json:"problem,omitempty"`
	Reason  Reason `json:"reason,omitempty"`
	// Export is which routes the router receives, and what is added to them.
	route.Export
	// Leaving is set while every route to the peer carries GRACEFUL_SHUTDOWN, because the session
	// is about to be reset.
	Leaving bool `json:"leaving,omitempty"`
	// Outage is set while the session is down.
	Outage *Outage `json:"outage,omitempty"`
	// Change is set while the session differs from the file, or was reset for that and is not back.
	Change *Change `json:"change,omitempty"`
	// Kept are the prefixes of routes for other peers that a peer removed from the file still
	// receives until it ends, because it received them before.
	Kept []string `json:"kept,omitempty"`
}

// Name identifies the peer, as config.Peer.Name does: by its link or default route, whose router
// may not have been found yet, or by its address.
func (p Status) Name() string {
	switch {
	case p.Interface != "":
		return p.Interface
	case p.Gateway != "":
		return route.GatewayName(p.Gateway, p.Address)
	}
	return p.Address
}

// Sent returns what a route carries at the peer, as route.Export.Sent does, also while the peer is
// leaving.
func (p *Status) Sent(a route.Attributes, own, internal bool) route.Attributes {
	a = p.Export.Sent(a, own, internal)
	if !p.Leaving || a.Communities.Has(route.GracefulShutdown) {
		return a
	}
	a.Communities = a.Communities.And(route.Communities{Standard: []uint32{route.GracefulShutdown}})
	if internal {
		a.LocalPreference = new(LeavingPreference)
	}
	return a
}

// LeavingPreference is the local preference of all routes to an iBGP peer whose session is about to
// be reset, except routes that drain, whose preference is at least as low.
const LeavingPreference uint32 = 1

// Entry is how a file names the peer in lists of peers, as config.Peer.Entry does.
func (p Status) Entry() string {
	if p.Gateway != "" {
		return route.GatewayName(p.Gateway, "")
	}
	return p.Name()
}
