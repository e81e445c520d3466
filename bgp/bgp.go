// Package bgp decides which shared addresses this site announces, with which attributes, and why.
// The result depends only on the configuration and on what this site observes locally; sites share
// no state and need none.
//
// The Controller is pure. Run drives it with real checks, an Announcer (implemented by package
// bgp/gobgp), a Binder (bgp/loopback) and a Cluster (bgp/kube).
package bgp

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/nearcast/nearcast/internal/base/admin/hint"
	"github.com/nearcast/nearcast/internal/base/seconds"
)

// Announcer advertises routes to the peers. Only one goroutine uses it.
type Announcer interface {
	// SetPeers declares all peers, in the order in which their sessions are to follow. Unchanged
	// sessions stay untouched. Established sessions of changed or removed peers are reset or ended
	// in turn after it has returned (package turns): each router gets the dwell to move its traffic
	// first. A peer that fails does not delay the others.
	SetPeers(peers []Peer, dwell time.Duration) error
	// Freeze stops further changes to the sessions, because the speaker is about to end.
	Freeze()
	// Set declares all routes to announce. It determines the changes itself and returns what is
	// announced afterwards: these routes, or others if it failed. A failed route does not delay the
	// others, and a failed Set may be called again with the same routes. It withdraws first. If
	// there is much to announce, it returns ErrMore from time to time and must be called again at
	// once.
	Set(routes []Route) (announced []Route, err error)
	// UpdatesSent counts the UPDATE messages that the sessions have sent. It may be called at any
	// time.
	UpdatesSent() uint64
	// Peers returns the current sessions. It may be called at any time.
	Peers() []PeerStatus
	// Close withdraws everything and ends the sessions, within the deadline.
	Close(deadline time.Duration) error
}

// ErrMore means that an Announcer has withdrawn everything it had to, but has routes left to
// announce.
var ErrMore = errors.New("routes are left to announce")

// Binder gives addresses to this machine, so that it takes packets to them, and reports which ones
// it takes. Only one goroutine uses it, except for Watch.
type Binder interface {
	// Bind declares all addresses to give. It removes those that it gave before, also in an earlier
	// run, and leaves all others alone. It looks at these addresses and at those in look, which
	// others give. An error with a nil Bound.Missing means that nothing is known.
	Bind(give, look []netip.Addr) (Bound, error)
	// Discard declares all prefixes for which this machine drops packets without another route. It
	// replaces the previous prefixes, also those of an earlier run, and returns the ones that it
	// cannot drop, with the reason.
	Discard(prefixes []netip.Prefix) (failed map[netip.Prefix]error)
	// Watch calls changed at the start and whenever the addresses of this machine may have changed,
	// until ctx ends or it can no longer watch them. changed must not block.
	Watch(ctx context.Context, changed func()) error
}

// Bound is the state of addresses on this machine.
type Bound struct {
	// Missing holds the addresses to which this machine takes no packets, with the reason. It is
	// nil only if that is unknown.
	Missing map[netip.Addr]error
	// Given are those that were not present before.
	Given []netip.Addr
}

// Cluster is the local Kubernetes cluster.
type Cluster interface {
	// Run calls changed with what the cluster declares, at the start and after each change, until
	// ctx ends.
	Run(ctx context.Context, changed func(Declared))
	// Assign writes the VIPs that each Service was given to its status.
	Assign(granted map[ServiceRef][]netip.Addr)
}

// MostReceived is how many routes of a family a router may send. All are rejected, but GoBGP still
// stores them at about 600 octets each; a full internet table would exhaust the speaker's memory
// and take down every session.
const MostReceived = 50_000

// PeerStatus is the status of one session.
type PeerStatus struct {
	Address string `json:"address"`
	// Interface is set if the neighbour was found on a link.
	Interface string `json:"interface,omitempty"`
	// Gateway is set if the router is the next hop of the default route of this family.
	Gateway Family `json:"gateway,omitempty"`
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
	Problem string        `json:"problem,omitempty"`
	Reason  SessionReason `json:"reason,omitempty"`
	// Export is which routes the router receives, and what is added to them.
	Export
	// Leaving is set while every route to the peer carries GRACEFUL_SHUTDOWN, because the session
	// is about to be reset.
	Leaving bool `json:"leaving,omitempty"`
	// Outage is set while the session is down.
	Outage *Outage `json:"outage,omitempty"`
	// Change is set while the session differs from the file, or was reset for that and is not back.
	Change *PeerChange `json:"change,omitempty"`
	// Kept are the prefixes of routes for other peers that a peer removed from the file still
	// receives until it ends, because it received them before.
	Kept []string `json:"kept,omitempty"`
}

// Name identifies the peer, as Peer.Name does: by its link or default route, whose router may not
// have been found yet, or by its address.
func (p PeerStatus) Name() string {
	switch {
	case p.Interface != "":
		return p.Interface
	case p.Gateway != "":
		return gatewayName(p.Gateway, p.Address)
	}
	return p.Address
}

// Sent returns what a route carries at the peer, as Export.Sent does, also while the peer is
// leaving.
func (p *PeerStatus) Sent(a Attributes, own, internal bool) Attributes {
	a = p.Export.Sent(a, own, internal)
	if !p.Leaving || a.Communities.has(GracefulShutdown) {
		return a
	}
	a.Communities = a.Communities.and(Communities{Standard: []uint32{GracefulShutdown}})
	if internal {
		a.LocalPreference = new(LeavingPreference)
	}
	return a
}

// LeavingPreference is the local preference of all routes to an iBGP peer whose session is about to
// be reset, except routes that drain, whose preference is at least as low.
const LeavingPreference uint32 = 1

// Entry is how a file names the peer in lists of peers, as Peer.Entry does.
func (p PeerStatus) Entry() string {
	if p.Gateway != "" {
		return gatewayName(p.Gateway, "")
	}
	return p.Name()
}

// Status is the status of the speaker.
type Status struct {
	ASN      uint32       `json:"asn"`
	RouterID string       `json:"routerID"`
	Peers    []PeerStatus `json:"peers"`
	VIPs     []VIPStatus  `json:"vips"`
	// Aggregates are prefixes that are announced for several VIPs.
	Aggregates []AggregateStatus `json:"aggregates,omitempty"`
	// Drains are those that were commanded here. They survive a restart if there is a state directory.
	Drains []Drain `json:"drains,omitempty"`
	// DrainsUnsaved says why the current drains are not on disk: they are in force, but a restart
	// would lose what has changed. "" if they are saved or no directory is configured.
	DrainsUnsaved string `json:"drainsUnsaved,omitempty"`
	// DrainsLost says which drains of an earlier run could not be read at start; "" for none.
	DrainsLost string `json:"drainsLost,omitempty"`
	// Refused are Service requests that were refused, a few of each namespace; RefusedInAll counts
	// all of them.
	Refused      []Refusal `json:"refused,omitempty"`
	RefusedInAll int       `json:"refusedInAll,omitempty"`
	// IgnoredHints are hints of the resolver for VIPs that they do not move: VIPs of the file
	// without Hints, and those of Services in another namespace.
	IgnoredHints []hint.Hint `json:"ignoredHints,omitempty"`
	// Fault is what was wrong with the last file read; "" if it is in force.
	Fault string `json:"fault,omitempty"`
}
