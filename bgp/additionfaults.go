package bgp

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
		fault("localPreference", "0 is for what leaves; write the preference of the state up, from 1")
	case states.preference() == 0:
		fault("localPreference", "has no effect, because states.up has localPreference 0; give states.up one from 1")
	}
	if a.Communities.Has(route.GracefulShutdown) {
		fault("communities", "graceful-shutdown is for draining alone, and a draining route carries it anyway")
	}
	if worst := uint64(route.ValueOr(states.Draining.MED, 0)) + uint64(route.ValueOr(a.MED, 0)); worst > math.MaxUint32 {
		fault("med", "%d and the %d of states.draining are more than %d", route.ValueOr(a.MED, 0), route.ValueOr(states.Draining.MED, 0), uint32(math.MaxUint32))
	}
}

// checkAddedByPeer reports what a VIP, an aggregate or a pool may add but a peer may not. have holds the
// extended communities that routes may already carry.
func checkAddedByPeer(a *route.Attributes, have map[route.ExtendedCommunity]bool, fault faultFunc) {
	if a == nil {
		return
	}
	if a.LinkBandwidth > 0 {
		fault("linkBandwidth", "is not for a peer; set it in states, or at a VIP, an aggregate or a pool")
	}
	for _, c := range a.Communities.Extended {
		switch {
		case !c.Administered():
			fault("communities", "%s is not for a peer, which takes rt and soo alone of the extended communities; set it in states, or at a VIP, an aggregate or a pool", c)
		case have[c]:
			fault("communities", "%s is one of a state's, a VIP's, an aggregate's or a pool's as well, and would be sent twice; remove it here", c)
		}
	}
}
