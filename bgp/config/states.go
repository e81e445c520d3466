package config

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/vip"
)

// States holds the attributes of each state in which a VIP is announced.
type States struct {
	Up       route.Attributes `yaml:"up"`
	Degraded Lesser           `yaml:"degraded"`
	Draining Leave            `yaml:"draining"`
}

// Lesser holds the attributes of a state that is less preferred than up. It includes the
// communities of up: what keeps a route inside a network must do so in every state. Without a
// LinkBandwidth it has that of the next better state.
type Lesser struct {
	route.Attributes `yaml:",inline"`
	// Without lists communities of up that are not carried.
	Without route.Communities `yaml:"without"`
}

// inherit adds the communities of up.
func (l *Lesser) inherit(up route.Attributes, key string, fault faultFunc) {
	if unknown := l.Without.Without(up.Communities); !unknown.IsZero() {
		fault(key+".without", "states.up does not have %s", strings.Join(unknown.Texts(), ", "))
	}
	if both := l.Without.Without(l.Without.Without(l.Communities)); !both.IsZero() {
		fault(key+".without", "%s is also in %s.communities", strings.Join(both.Texts(), ", "), key)
	}
	l.Communities = up.Communities.Without(l.Without).And(l.Communities)
}

// Leave configures how a VIP is drained. It always carries GRACEFUL_SHUTDOWN.
type Leave struct {
	Lesser `yaml:",inline"`
	// Dwell is how long routers have to move their traffic before the route is withdrawn, 0 to 10
	// minutes.
	Dwell time.Duration `yaml:"dwell"`
	// Linger is how long the address is still served after that, for packets in flight, 0 to 10
	// minutes.
	Linger time.Duration `yaml:"linger"`
}

// defaultStates makes a draining site lose to a degraded one, and that to one that is up, also at
// peers that do not support GRACEFUL_SHUTDOWN.
func defaultStates() States {
	number := func(n uint32) *uint32 { return &n }
	return States{
		Degraded: Lesser{Attributes: route.Attributes{Prepend: 3, MED: number(100), LocalPreference: number(50)}},
		Draining: Leave{
			Lesser: Lesser{Attributes: route.Attributes{Prepend: 6, MED: number(200), LocalPreference: number(0)}},
			Dwell:  10 * time.Second, Linger: 5 * time.Second,
		},
	}
}

const maxDwell = 10 * time.Minute

// check completes the states, and reports those that would attract traffic to the wrong site.
func (s *States) check(fault faultFunc) {
	for _, state := range []struct {
		key string
		a   *route.Attributes
	}{{"states.up", &s.Up}, {"states.degraded", &s.Degraded.Attributes}, {"states.draining", &s.Draining.Attributes}} {
		if state.a.Prepend < 0 || state.a.Prepend > route.MaxPrepend {
			fault(state.key+".prepend", "%d is not from 0 to %d", state.a.Prepend, route.MaxPrepend)
		}
		if n := state.a.Communities.Size(); n > route.MaxCommunities {
			fault(state.key+".communities", "%d octets are more than %d, which leaves too little room in an UPDATE", n, route.MaxCommunities)
		}
		if state.key != "states.draining" && slices.Contains(state.a.Communities.Standard, route.GracefulShutdown) {
			fault(state.key+".communities", "graceful-shutdown is only for draining; with it, a degraded site would be less preferred than a draining one")
		}
	}
	s.Degraded.inherit(s.Up, "states.degraded", fault)
	s.Draining.inherit(s.Up, "states.draining", fault)
	s.Degraded.LinkBandwidth = cmp.Or(s.Degraded.LinkBandwidth, s.Up.LinkBandwidth)
	s.Draining.LinkBandwidth = cmp.Or(s.Draining.LinkBandwidth, s.Degraded.LinkBandwidth)
	if !slices.Contains(s.Draining.Communities.Standard, route.GracefulShutdown) {
		s.Draining.Communities.Standard = append(s.Draining.Communities.Standard, route.GracefulShutdown)
	}
	for key, d := range map[string]time.Duration{"states.draining.dwell": s.Draining.Dwell, "states.draining.linger": s.Draining.Linger} {
		if d < 0 || d > maxDwell {
			fault(key, "%s is not from 0s to %s", d, maxDwell)
		}
	}
	inOrder := func(better, worse string, a, b route.Attributes) {
		if a.Prepend > b.Prepend || route.ValueOr(a.MED, 0) > route.ValueOr(b.MED, 0) || route.ValueOr(a.LocalPreference, route.DefaultPreference) < route.ValueOr(b.LocalPreference, route.DefaultPreference) {
			fault("states."+worse, "would be preferred to %s; set at least as many prepends, as high a med and as low a localPreference", better)
		}
		if a.LinkBandwidth < b.LinkBandwidth {
			fault("states."+worse+".linkBandwidth", "%s is more than that of %s (%s), and would attract a larger share of the load", b.LinkBandwidth, better, a.LinkBandwidth)
		}
	}
	inOrder("up", "degraded", s.Up, s.Degraded.Attributes)
	inOrder("degraded", "draining", s.Degraded.Attributes, s.Draining.Attributes)
}

// preference is the local preference of the state up.
func (s *States) preference() uint32 {
	return route.ValueOr(s.Up.LocalPreference, route.DefaultPreference)
}

// Of returns the attributes of routes in a state, combined with more, which may be nil. It returns
// nil for a state that is not announced. The caller owns the result.
func (s *States) Of(state vip.State, more *route.Attributes) *route.Attributes {
	var a route.Attributes
	switch state {
	case vip.Up:
		a = s.Up
	case vip.Degraded:
		a = s.Degraded.Attributes
	case vip.Draining:
		a = s.Draining.Attributes
	default:
		return nil
	}
	weight := a.LinkBandwidth
	a = a.With(more, s.preference())
	if more != nil && more.LinkBandwidth > 0 {
		a.LinkBandwidth = route.ScaleBandwidth(weight, s.Up.LinkBandwidth, more.LinkBandwidth)
	}
	return &a
}
