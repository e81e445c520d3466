package bgp

import "math"

// with returns the attributes of a state together with those that a VIP, an aggregate, a pool or a
// peer adds; more may be nil. up is the local preference of the state up.
//
// The additions keep the order of the states: prepends and MEDs are summed, and the local
// preference shifts all states by the same distance. The link bandwidth comes from States.of.
func (a Attributes) with(more *Attributes, up uint32) Attributes {
	if more == nil {
		return a
	}
	a.Prepend += more.Prepend
	if more.MED != nil {
		a.MED = new(or(a.MED, 0) + *more.MED)
	}
	if more.LocalPreference != nil {
		a.LocalPreference = new(moved(or(a.LocalPreference, localPreference), up, *more.LocalPreference))
	}
	a.Communities = a.Communities.and(more.Communities)
	return a
}

// weighed scales the link bandwidth b of a state when the bandwidth of the state up changes from up
// to to. It keeps the proportion and returns at least 1K.
func weighed(b, up, to Bandwidth) Bandwidth {
	if up == 0 || b == up {
		return to
	}
	part := float64(to) * float64(b) / float64(up)
	return max(kilobit, Bandwidth(part/float64(kilobit))*kilobit)
}

// moved shifts a state's local preference when that of the state up changes from up to to. It
// returns at least 1, so that only a leaving route has 0; 0 stays 0.
func moved(p, up, to uint32) uint32 {
	if p == 0 {
		return 0
	}
	return uint32(max(1, int64(to)-int64(up)+int64(p)))
}

// preference is the local preference of the state up.
func (s *States) preference() uint32 { return or(s.Up.LocalPreference, localPreference) }

// of returns the attributes of routes in a state, combined with more, which may be nil. It returns
// nil for a state that is not announced. The caller owns the result.
func (s *States) of(state State, more *Attributes) *Attributes {
	var a Attributes
	switch state {
	case Up:
		a = s.Up
	case Degraded:
		a = s.Degraded.Attributes
	case Draining:
		a = s.Draining.Attributes
	default:
		return nil
	}
	weight := a.LinkBandwidth
	a = a.with(more, s.preference())
	if more != nil && more.LinkBandwidth > 0 {
		a.LinkBandwidth = weighed(weight, s.Up.LinkBandwidth, more.LinkBandwidth)
	}
	return &a
}

// check reports what a peer, a VIP, an aggregate or a pool must not add to the states.
func (a *Attributes) check(states *States, fault faultFunc) {
	if a == nil {
		return
	}
	if a.Prepend < 0 || a.Prepend > MaxPrepend {
		fault("prepend", "%d is not from 0 to %d", a.Prepend, MaxPrepend)
	}
	switch {
	case a.LocalPreference == nil:
	case *a.LocalPreference == 0:
		fault("localPreference", "0 is for what leaves; write the preference of the state up, from 1")
	case states.preference() == 0:
		fault("localPreference", "has no effect, because states.up has localPreference 0; give states.up one from 1")
	}
	if a.Communities.has(GracefulShutdown) {
		fault("communities", "graceful-shutdown is for draining alone, and a draining route carries it anyway")
	}
	if worst := uint64(or(states.Draining.MED, 0)) + uint64(or(a.MED, 0)); worst > math.MaxUint32 {
		fault("med", "%d and the %d of states.draining are more than %d", or(a.MED, 0), or(states.Draining.MED, 0), uint32(math.MaxUint32))
	}
}

// checkAtPeer reports what a VIP, an aggregate or a pool may add but a peer may not. have holds the
// extended communities that routes may already carry.
func (a *Attributes) checkAtPeer(have map[ExtendedCommunity]bool, fault faultFunc) {
	if a == nil {
		return
	}
	if a.LinkBandwidth > 0 {
		fault("linkBandwidth", "is not for a peer; set it in states, or at a VIP, an aggregate or a pool")
	}
	for _, c := range a.Communities.Extended {
		switch {
		case !c.administered():
			fault("communities", "%s is not for a peer, which takes rt and soo alone of the extended communities; set it in states, or at a VIP, an aggregate or a pool", c)
		case have[c]:
			fault("communities", "%s is one of a state's, a VIP's, an aggregate's or a pool's as well, and would be sent twice; remove it here", c)
		}
	}
}
