package bgp

import (
	"slices"
	"time"
)

// held returns until when the VIP must not become better, since it failed too
// often; zero if it may.
func (c *Controller) held(v *vip, now time.Time) time.Time {
	recent := c.recent(v, now)
	if len(recent) <= c.flaps.Budget {
		return time.Time{}
	}
	return recent[len(recent)-c.flaps.Budget-1].Add(c.flaps.Window)
}

// recent are the VIP's failures that count still.
func (c *Controller) recent(v *vip, now time.Time) []time.Time {
	first := slices.IndexFunc(v.failures, func(at time.Time) bool { return now.Before(at.Add(c.flaps.Window)) })
	if first < 0 {
		return nil
	}
	return slices.Clone(v.failures[first:])
}
