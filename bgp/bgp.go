// Package bgp is the speaker's judgement: which shared addresses this site
// announces, with which attributes, and why. What is announced is a function of
// the configuration and of what is seen locally alone; there is no view between
// sites, and none is needed.
//
// The Controller is pure. Run drives it with real checks, an Announcer, which
// package bgp/gobgp implements, a Binder (bgp/loopback) and a Cluster (bgp/kube).
package bgp

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/nearcast/nearcast/internal/admin/hint"
	"github.com/nearcast/nearcast/internal/seconds"
)

// Announcer makes routes known to the peers. It is used by one goroutine.
type Announcer interface {
	// SetPeers declares all the peers, in the order in which their sessions follow. Sessions of
	// those that did not change are not touched; of those that did, and of peers that are not
	// declared any more, established ones follow in turn after it has returned (package turns):
	// the router gets the dwell to move its traffic before the session is reset or ended. One
	// that fails does not hold up the others.
	SetPeers(peers []Peer, dwell time.Duration) error
	// Freeze leaves the sessions as they are from now on: the speaker is about to end.
	Freeze()
	// Set declares all the routes to announce; it finds out itself what changed, and returns
	// what is announced then: these routes, or others where it failed. One that fails does not
	// hold up the others, and a failed Set may be called again with the same routes. It withdraws
	// first; where there is much to announce it returns ErrMore in between, and is to be called
	// again at once.
	Set(routes []Route) (announced []Route, err error)
	// UpdatesSent counts the UPDATE messages that the sessions have sent. It may be
	// called at any time.
	UpdatesSent() uint64
	// Peers returns the sessions as they are. It may be called at any time.
	Peers() []PeerStatus
	// Close withdraws everything and ends the sessions, within the deadline.
	Close(deadline time.Duration) error
}

// ErrMore is of an Announcer that has withdrawn everything, and has routes left to announce.
var ErrMore = errors.New("routes are left to announce")

// Binder gives addresses to this machine, so that packets to them are taken, and sees
// which it takes. It is used by one goroutine, but for Watch.
type Binder interface {
	// Bind declares all the addresses to give, removes those that it gave before, also in an
	// earlier run, and leaves everybody else's. It looks at these, and at those of look, which
	// others give. An error without a Bound.Missing says that nothing is known of them.
	Bind(give, look []netip.Addr) (Bound, error)
	// Discard declares all the prefixes of which this machine drops what it has no other route
	// for, in the place of those that it was given before, also in an earlier run. It returns
	// those that it cannot drop, each with why.
	Discard(prefixes []netip.Prefix) (failed map[netip.Prefix]error)
	// Watch calls changed, which does not block, at first and whenever the addresses of this
	// machine may have changed, until ctx ends or it cannot see that any more.
	Watch(ctx context.Context, changed func()) error
}

// Bound is how addresses stand on this machine.
type Bound struct {
	// Missing are those that this machine takes no packets to, each with the reason; never
	// nil where that is known.
	Missing map[netip.Addr]error
	// Given are those that were not there before.
	Given []netip.Addr
}

// Cluster is the local Kubernetes cluster.
type Cluster interface {
	// Run calls changed with what the cluster declares, now and whenever it changes,
	// until ctx ends.
	Run(ctx context.Context, changed func(Declared))
	// Assign has the VIPs that each Service was given written to its status.
	Assign(granted map[ServiceRef][]netip.Addr)
}

// MostReceived is how many routes of a family a router may send. All are refused, and GoBGP keeps
// them all the same, each in some 600 octets; the full table of the internet would take what
// memory the speaker has, and with that every session.
const MostReceived = 50_000

// PeerStatus is one session at a glance.
type PeerStatus struct {
	Address string `json:"address"`
	// Interface is set where the neighbour was found on a link.
	Interface string `json:"interface,omitempty"`
	// Gateway is set where the router is the next hop of the default route of this family.
	Gateway Family `json:"gateway,omitempty"`
	// Group is that of the file which gives what the peer's own keys lack; "" for none.
	Group string `json:"group,omitempty"`
	// ASN is the router's; 0 where the file leaves it open and no session has said it.
	ASN uint32 `json:"asn"`
	// State is BGP's name for it; "established" carries routes.
	State string `json:"state"`
	// Uptime is how long the session is established.
	Uptime seconds.Duration `json:"uptimeSeconds,omitempty"`
	// Families are those that both ends speak.
	Families []string `json:"families,omitempty"`
	// Received is how many routes the router sends, all of which are refused.
	Received uint64 `json:"received,omitempty"`
	// BFD is the state of its BFD session; "" where it has none.
	BFD string `json:"bfd,omitempty"`
	// Problem is why the session is not up, or lacks a family, and what to change at which
	// end; "" where nothing is known. Reason is that in a word, for metrics.
	Problem string        `json:"problem,omitempty"`
	Reason  SessionReason `json:"reason,omitempty"`
	// Export is which routes the router is sent, and what is added to them there.
	Export
	// Leaving is set while every route carries GRACEFUL_SHUTDOWN there, because the session is
	// about to be reset.
	Leaving bool `json:"leaving,omitempty"`
	// Outage is set while the session is down.
	Outage *Outage `json:"outage,omitempty"`
	// Change is set while the session is not what the file says, or was reset for that and is
	// not back.
	Change *PeerChange `json:"change,omitempty"`
	// Kept are the prefixes of routes for others that a peer which the file no longer has is sent
	// until it ends, because it was sent them before.
	Kept []string `json:"kept,omitempty"`
}

// Name is how the peer is told from others, as Peer.Name has it: its link or default route, whose
// router may not be found yet, or its address.
func (p PeerStatus) Name() string {
	switch {
	case p.Interface != "":
		return p.Interface
	case p.Gateway != "":
		return gatewayName(p.Gateway, p.Address)
	}
	return p.Address
}

// Sent returns what a route carries at the peer, as Export.Sent does, also while the peer leaves.
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

// LeavingPreference is the local preference of all routes at an iBGP peer whose session is about to
// be reset, but for those that drain, which have one as low.
const LeavingPreference uint32 = 1

// Entry is how a file names the peer in lists of peers, as Peer.Entry has it.
func (p PeerStatus) Entry() string {
	if p.Gateway != "" {
		return gatewayName(p.Gateway, "")
	}
	return p.Name()
}

// Status is the speaker at a glance.
type Status struct {
	ASN      uint32       `json:"asn"`
	RouterID string       `json:"routerID"`
	Peers    []PeerStatus `json:"peers"`
	VIPs     []VIPStatus  `json:"vips"`
	// Aggregates are the prefixes that are announced for several VIPs.
	Aggregates []AggregateStatus `json:"aggregates,omitempty"`
	// Drains are those that were told here, and are kept over a restart where there
	// is a state folder.
	Drains []Drain `json:"drains,omitempty"`
	// DrainsUnsaved is why the drains are not on disk as they are: they hold, and an end of
	// the speaker would forget what has changed. "" where they are, or no folder is named.
	DrainsUnsaved string `json:"drainsUnsaved,omitempty"`
	// DrainsLost is what of the drains of an earlier run could not be read at start; "" for
	// nothing.
	DrainsLost string `json:"drainsLost,omitempty"`
	// Refused are what Services asked for and were not given, few of each namespace, and
	// RefusedInAll how many those are.
	Refused      []Refusal `json:"refused,omitempty"`
	RefusedInAll int       `json:"refusedInAll,omitempty"`
	// IgnoredHints are those of the resolver for VIPs that they do not move: the file's
	// without Hints, and those of Services of another namespace.
	IgnoredHints []hint.Hint `json:"ignoredHints,omitempty"`
	// Fault is what was wrong with the last file that was read; "" if it is in force.
	Fault string `json:"fault,omitempty"`
}
