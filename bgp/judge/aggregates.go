package judge

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/vip"
)

// membersOf counts the VIPs of each aggregate.
func (c *Controller) membersOf(now time.Time) []vip.Members {
	all := make([]vip.Members, len(c.aggregates))
	for _, v := range c.vips {
		i := c.aggregateOf(v.config.Address)
		if i < 0 {
			continue
		}
		if !v.removed && !v.config.Disabled {
			all[i].All++
		}
		switch c.announcedAs(v, now) {
		case vip.Up:
			all[i].Up++
		case vip.Degraded:
			all[i].Degraded++
		case vip.Draining:
			all[i].Draining++
		}
	}
	return all
}

// aggregateOf returns the index of the aggregate that contains the address; -1 for none.
func (c *Controller) aggregateOf(a netip.Addr) int {
	return slices.IndexFunc(c.aggregates, func(g config.Aggregate) bool { return g.Prefix.Contains(a) })
}

// suppressed reports whether the VIP is announced only as part of its aggregate, and returns the
// index of that aggregate.
func (c *Controller) suppressed(v *judged) (aggregate int, is bool) {
	i := c.aggregateOf(v.config.Address)
	return i, i >= 0 && !c.aggregates[i].HasHostRoutes()
}

// need returns how many VIPs must be announced.
func need(a *config.Aggregate, m vip.Members) int {
	if a.Least == 0 {
		return max(1, m.All)
	}
	return a.Least
}

// announcedIn returns the state in which the aggregate is announced, or "" if it is not: the best state that
// enough of its VIPs have reached or exceeded.
func announcedIn(a *config.Aggregate, m vip.Members) vip.State {
	switch least := need(a, m); {
	case m.Up >= least:
		return vip.Up
	case m.Up+m.Degraded >= least:
		return vip.Degraded
	case m.Up+m.Degraded+m.Draining >= least:
		return vip.Draining
	}
	return ""
}

// Aggregates returns every aggregate with its state and reason.
func (c *Controller) Aggregates(now time.Time) []vip.AggregateStatus {
	var all []vip.AggregateStatus
	for i, m := range c.membersOf(now) {
		a := &c.aggregates[i]
		st := vip.AggregateStatus{
			Prefix: a.Prefix.String(), State: vip.Down, Members: m, Need: need(a, m), HostRoutes: a.HasHostRoutes(), Peers: c.audience.Of(a.Peers), OwnPreference: a.Attributes.SetsPreference(),
			Reason: fmt.Sprintf("%d VIPs: %d up, %d degraded, %d draining; %d required", m.All, m.Up, m.Degraded, m.Draining, need(a, m)),
		}
		if as := announcedIn(a, m); as != "" {
			st.State = as
		}
		all = append(all, st)
	}
	return all
}
