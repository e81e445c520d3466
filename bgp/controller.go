package bgp

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/nearcast/nearcast/internal/health"
)

// Controller turns the results of checks into the routes to announce. It is
// pure: no clock, no network, no goroutine. It is not safe for concurrent use.
type Controller struct {
	vips []vip
}

type vip struct {
	config VIP
	checks []check
	state  State
	reason string
	since  time.Time
}

type check struct {
	streak  health.Streak
	checked bool
	failure string // of the last result; "" if it passed
}

// NewController returns the Controller of the VIPs, none of which is up.
func NewController(vips []VIP, now time.Time) *Controller {
	c := &Controller{}
	for _, config := range vips {
		v := vip{config: config, state: Init, reason: "no check has a result yet", since: now}
		for range config.Checks {
			// From Down even the first announcement needs its passes in a row.
			v.checks = append(v.checks, check{streak: health.Streak{State: health.Down}})
		}
		c.vips = append(c.vips, v)
	}
	return c
}

// Observe counts one result of one check and reports whether the VIP's state
// changed. A nil failure is a pass.
func (c *Controller) Observe(vipIndex, checkIndex int, failure error, now time.Time) bool {
	v := &c.vips[vipIndex]
	config, ch := v.config.Checks[checkIndex], &v.checks[checkIndex]
	ch.checked, ch.failure = true, ""
	if failure != nil {
		ch.failure = fmt.Sprintf("%s: %v", config.Name(), failure)
	}
	ch.streak.Observe(failure == nil, config.Rise, config.Fall)
	state, reason := v.judge()
	v.reason = reason
	if state == v.state {
		return false
	}
	v.state, v.since = state, now
	return true
}

// judge needs every check: one that fails takes the VIP down.
func (v *vip) judge() (State, string) {
	up, rising := true, ""
	for i, ch := range v.checks {
		switch {
		case !ch.checked:
			return Init, v.config.Checks[i].Name() + " has no result yet"
		case ch.streak.State == health.Up:
		case ch.failure != "":
			return Down, ch.failure
		default:
			up, rising = false, v.config.Checks[i].Name()
		}
	}
	if up {
		return Up, "all checks pass"
	}
	return Rising, rising + " passes, but not often enough yet"
}

// Desired returns the routes of the VIPs that are up.
func (c *Controller) Desired() []netip.Prefix {
	var routes []netip.Prefix
	for _, v := range c.vips {
		if v.state == Up {
			routes = append(routes, host(v.config.Address))
		}
	}
	return routes
}

// Status returns every VIP with its state and reason.
func (c *Controller) Status() []VIPStatus {
	all := make([]VIPStatus, len(c.vips))
	for i, v := range c.vips {
		all[i] = VIPStatus{
			Address: v.config.Address.String(), State: v.state, Reason: v.reason,
			Since: v.since,
		}
	}
	return all
}
