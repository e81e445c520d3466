// Package bgp is the speaker: it keeps checks running, has package judge decide what follows from
// them, and makes it true at the routers and on this machine.
//
// Run drives an Announcer (implemented by package bgp/gobgp), a Binder (bgp/loopback), a Cluster
// (bgp/kube) and a GatewayFinder (bgp/gateway). One goroutine, the speaker's loop, owns all of its
// state; others pass work to it, and read the last published Status.
package bgp

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/nearcast/nearcast/bgp/cluster"
	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/session"
	"github.com/nearcast/nearcast/bgp/vip"
)

// Announcer advertises routes to the peers. Only one goroutine uses it.
type Announcer interface {
	// SetPeers declares all peers, in the order in which their sessions are to follow. Unchanged
	// sessions stay untouched. Established sessions of changed or removed peers are reset or ended
	// in turn after it has returned (package turns): each router gets the dwell to move its traffic
	// first. A peer that fails does not delay the others.
	SetPeers(peers []config.Peer, dwell time.Duration) error
	// Freeze stops further changes to the sessions, because the speaker is about to end.
	Freeze()
	// Set declares all routes to announce. It determines the changes itself and returns what is
	// announced afterwards: these routes, or others if it failed. A failed route does not delay the
	// others, and a failed Set may be called again with the same routes. It withdraws first. If
	// there is much to announce, it returns ErrMore from time to time and must be called again at
	// once.
	Set(routes []route.Route) (announced []route.Route, err error)
	// UpdatesSent counts the UPDATE messages that the sessions have sent. It may be called at any
	// time.
	UpdatesSent() uint64
	// Peers returns the current sessions. It may be called at any time.
	Peers() []session.Status
	// Close withdraws everything and ends the sessions, within the deadline.
	Close(deadline time.Duration) error
}

// ErrMore means that an Announcer has withdrawn everything it had to, but has routes left to
// announce.
var ErrMore = errors.New("more routes remain to be announced")

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
	Run(ctx context.Context, changed func(cluster.Declared))
	// Assign writes the VIPs that each Service was given to its status.
	Assign(granted map[vip.ServiceRef][]netip.Addr)
}
