package config

import (
	"math"

	"github.com/nearcast/nearcast/bgp/route"
)

// checkAdded reports what a peer, a VIP, an aggregate or a pool must not add to the states.
func checkAdded(a *route.Attributes, states *States, fault faultFunc) {
	if a == nil {
		return
	}
	if a.Prepend < 0 || a.Prepend > route.MaxPrepend {
		fault("prepend", "%d is not from 0 to %d", a.Prepend, route.MaxPrepend)
	}
	switch {
	case a.LocalPreference == nil:
	case *a.LocalPreference == 0:
		fault("localPreference", "0 is reserved for draining; set the preference of the state up, at least 1")
	case states.preference() == 0:
		fault("localPreference", "has no effect, because states.up has localPreference 0; set localPreference of states.up to at least 1")
	}
	if a.Communities.Has(route.GracefulShutdown) {
		fault("communities", "graceful-shutdown is only for draining; a draining route has it anyway")
	}
	if worst := uint64(route.ValueOr(states.Draining.MED, 0)) + uint64(route.ValueOr(a.MED, 0)); worst > math.MaxUint32 {
		fault("med", "%d plus the %d of states.draining is more than %d", route.ValueOr(a.MED, 0), route.ValueOr(states.Draining.MED, 0), uint32(math.MaxUint32))
	}
}

// checkAddedByPeer reports what a VIP, an aggregate or a pool may add but a peer may not. have holds the
// extended communities that routes may already carry.
func checkAddedByPeer(a *route.Attributes, have map[route.ExtendedCommunity]bool, fault faultFunc) {
	if a == nil {
		return
	}
	if a.LinkBandwidth > 0 {
		fault("linkBandwidth", "cannot be set for a peer; set it in states, or for a VIP, an aggregate or a pool")
	}
	for _, c := range a.Communities.Extended {
		switch {
		case !c.Administered():
			fault("communities", "%s cannot be set for a peer, which accepts only rt and soo extended communities; set it in states, or for a VIP, an aggregate or a pool", c)
		case have[c]:
			fault("communities", "%s is also set for a state, a VIP, an aggregate or a pool, and would be sent twice; remove it here", c)
		}
	}
}
