package gateway

import (
	"cmp"
	"slices"
	"time"

	"github.com/nearcast/nearcast/bgp"
)

// memory holds the routers of a family's default routes, and former ones for a while.
type memory struct {
	routers []remembered // by address
	problem string       // why there are none
}

type remembered struct {
	bgp.Router
	gone time.Time // when its last default route went away; zero while it has one
}

// see records the current routers, and returns when to look again.
func (m *memory) see(routers []bgp.Router, problem string, now time.Time) time.Duration {
	m.problem = problem
	next := time.Hour
	var all []remembered
	for _, r := range routers {
		all = append(all, remembered{Router: r})
	}
	for _, before := range m.routers {
		if slices.ContainsFunc(routers, func(r bgp.Router) bool { return r.Addr == before.Addr }) {
			continue
		}
		if before.gone.IsZero() {
			before.gone = now
		}
		if left := before.gone.Add(keep).Sub(now); left > 0 {
			all, next = append(all, before), min(next, left)
		}
	}
	slices.SortFunc(all, func(a, b remembered) int {
		return cmp.Or(a.Addr.Compare(b.Addr), cmp.Compare(a.Addr.Zone(), b.Addr.Zone()))
	})
	m.routers = all
	return next
}

// gateway returns what others see.
func (m *memory) gateway() bgp.Gateway {
	g := bgp.Gateway{}
	for _, r := range m.routers {
		g.Routers = append(g.Routers, r.Router)
	}
	if len(g.Routers) == 0 {
		g.Problem = m.problem
	}
	return g
}
