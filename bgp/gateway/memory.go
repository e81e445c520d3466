package gateway

import (
	"cmp"
	"slices"
	"time"

	"github.com/nearcast/nearcast/bgp"
)

// memory has the routers of a family's default routes, and for a while those that were.
type memory struct {
	routers []remembered // by address
	problem string       // why there are none
}

type remembered struct {
	bgp.Router
	gone time.Time // since when no default route names it; zero while one does
}

// see takes note of the routers that there are now, and returns when to look again.
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

// gateway is what others see of it.
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
