package judge

import (
	"net/netip"
	"slices"
	"time"

	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/vip"
)

// Desired is the result of the states of all VIPs.
type Desired struct {
	Routes []route.Route
	// Discarded are the aggregates for which this machine drops packets to addresses that nobody
	// has.
	Discarded []netip.Prefix
	// Bound are the addresses that this machine must have.
	Bound []netip.Addr
}

// Desired returns what to announce and bind now.
func (c *Controller) Desired(now time.Time) Desired {
	var d Desired
	for _, v := range c.vips {
		if _, is := c.suppressed(v); !is {
			if as := c.announcedAs(v, now); as != "" {
				d.Routes = append(d.Routes, c.route(route.Host(v.config.Address), as, v.config.Peers, v.config.Attributes))
			}
		}
		if v.config.Bind != "" && !c.gone(v, now) {
			d.Bound = append(d.Bound, v.config.Address)
		}
	}
	for i, m := range c.membersOf(now) {
		a := &c.aggregates[i]
		as := announcedIn(a, m)
		if as == "" {
			continue
		}
		d.Routes = append(d.Routes, c.route(a.Prefix, as, a.Peers, a.Attributes))
		if a.Discards() {
			d.Discarded = append(d.Discarded, a.Prefix)
		}
	}
	return d
}

// Elsewhere returns the VIPs that somebody else gives to this machine, to be looked for. VIPs of
// Services are up to their data path.
func (c *Controller) Elsewhere() []netip.Addr {
	var all []netip.Addr
	for _, v := range c.vips {
		if v.config.Bind == "" && !v.config.Forwarded && len(v.config.Owners) == 0 {
			all = append(all, v.config.Address)
		}
	}
	return all
}

// Granted returns the addresses of each Service: those that it was given, and those that it gave up
// but that are still announced or served.
func (c *Controller) Granted() map[vip.ServiceRef][]netip.Addr {
	granted := map[vip.ServiceRef][]netip.Addr{}
	for _, v := range c.vips {
		for _, owner := range v.config.Owners {
			granted[owner] = append(granted[owner], v.config.Address)
		}
	}
	for _, addrs := range granted {
		slices.SortFunc(addrs, netip.Addr.Compare)
	}
	return granted
}

// route returns the announcement of a prefix in a state, for the named peers, with additional
// attributes.
func (c *Controller) route(prefix netip.Prefix, as vip.State, names []string, more *route.Attributes) route.Route {
	return route.Route{Prefix: prefix, Attributes: *c.states.Of(as, more), OwnPreference: more.SetsPreference(), To: c.audience.Of(names)}
}

// announcedAs returns the state in which the VIP is announced; "" if it is not.
func (c *Controller) announcedAs(v *judged, now time.Time) vip.State {
	if v.state == vip.Up || v.state == vip.Degraded || v.state == vip.Draining && c.announcesLeaving(v, now) {
		return v.state
	}
	return ""
}

// Next returns when the passing of time changes something; zero for never.
func (c *Controller) Next(now time.Time) time.Time {
	return earlier(earlier(time.Time{}, c.due.next(), now), c.dueAll, now)
}

// until returns when the passing of time changes the VIP; zero for never.
func (c *Controller) until(v *judged, now time.Time) time.Time {
	switch {
	case v.reason.Code == vip.Held:
		until, _ := c.held(v, now)
		return until
	case v.reason.Code == vip.NoDataPath && v.state == vip.Rising:
		return v.dataPathReady()
	case v.state == vip.Draining && c.announcesLeaving(v, now):
		return v.left.Add(c.states.Draining.Dwell)
	case !v.left.IsZero() && !c.gone(v, now):
		return v.left.Add(c.states.Draining.Dwell + c.states.Draining.Linger)
	}
	return time.Time{}
}

// Status returns every VIP with its state and reason.
func (c *Controller) Status(now time.Time) []vip.Status {
	all := []vip.Status{}
	for _, v := range c.vips {
		st := vip.Status{
			Addr: v.config.Address, Address: v.config.Address.String(), State: v.state, Reason: v.reason, Since: v.since,
			Until: c.until(v, now), Bound: v.config.Bind != "" && !c.gone(v, now) && c.missing[v.config.Address] == "",
			Flaps: len(c.flaps.recent(v.flaps.local, now)), UpstreamFlaps: len(c.flaps.recent(v.flaps.upstream, now)), Checks: []vip.CheckStatus{},
		}
		st.Peers, st.OwnPreference = c.audience.Of(v.config.Peers), v.config.Attributes.SetsPreference()
		if i, is := c.suppressed(v); is {
			a := &c.aggregates[i]
			st.Aggregate, st.Peers, st.OwnPreference = a.Prefix.String(), c.audience.Of(a.Peers), a.Attributes.SetsPreference()
		}
		for _, owner := range v.config.Owners {
			st.Owners = append(st.Owners, owner.String())
		}
		for _, ch := range v.checks {
			st.Checks = append(st.Checks, ch.status())
		}
		all = append(all, st)
	}
	return all
}

// Equal compares routes, bound addresses and discarded prefixes, in their order.
func (d Desired) Equal(o Desired) bool {
	return slices.EqualFunc(d.Routes, o.Routes, route.Route.Equal) && slices.Equal(d.Bound, o.Bound) && slices.Equal(d.Discarded, o.Discarded)
}
