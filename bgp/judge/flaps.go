package judge

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/vip"
)

// flapping holds the failures of a VIP that count against its budgets. Failures of upstream checks
// are counted separately: a fault outside this site must not delay the recovery from one inside it.
type flapping struct {
	local, upstream []time.Time
}

// note records a state change that a failing check has caused.
func (f *flapping) note(from, to vip.State, now time.Time) {
	switch {
	case to == vip.Down && (from == vip.Up || from == vip.Degraded):
		f.local = append(f.local, now)
	case to == vip.Degraded && from == vip.Up:
		f.upstream = append(f.upstream, now)
	}
}

// damping applies Flaps.
type damping struct{ config.Flaps }

// recent returns the failures that still count.
func (f damping) recent(failures []time.Time, now time.Time) []time.Time {
	first := slices.IndexFunc(failures, func(at time.Time) bool { return now.Before(at.Add(f.Window)) })
	if first < 0 {
		return nil
	}
	return failures[first:]
}

// until returns when the failures are within the budget again; zero if they already are.
func (f damping) until(failures []time.Time, now time.Time) time.Time {
	recent := f.recent(failures, now)
	if len(recent) <= f.Budget {
		return time.Time{}
	}
	return recent[len(recent)-f.Budget-1].Add(f.Window)
}

// forget drops the failures that no longer count.
func (f damping) forget(of *flapping, now time.Time) {
	of.local, of.upstream = slices.Clone(f.recent(of.local, now)), slices.Clone(f.recent(of.upstream, now))
}

// held returns until when a VIP whose checks all pass is announced as degraded because it failed
// too often, and the reason; zero if it is not. It is never withdrawn for that: the other sites may
// have failed as often and be held too.
func (c *Controller) held(v *judged, now time.Time) (until time.Time, why string) {
	if v.state == vip.Up {
		return time.Time{}, ""
	}
	for _, kind := range []struct {
		name     string
		failures []time.Time
	}{{"failed here", v.flaps.local}, {"lost an upstream dependency", v.flaps.upstream}} {
		if at := c.flaps.until(kind.failures, now); at.After(until) {
			until = at
			why = fmt.Sprintf("%s %d times within %s; all checks pass now; it is preferred again at %s",
				kind.name, len(c.flaps.recent(kind.failures, now)), c.flaps.Window, at.Format(time.TimeOnly))
		}
	}
	return until, why
}

// Undamp forgets the failures of the VIP at the address, or of all VIPs if it is invalid, so that
// none is held. The error names a VIP that does not exist.
func (c *Controller) Undamp(at netip.Addr, now time.Time) ([]vip.Transition, error) {
	changed := c.Advance(now)
	of := slices.Clone(c.vips)
	if at.IsValid() {
		v := c.byAddress[at]
		if v == nil {
			return changed, fmt.Errorf("%s is not a VIP of this speaker", at)
		}
		of = []*judged{v}
	}
	for _, v := range of {
		v.flaps = flapping{}
	}
	return append(changed, c.settle(of, now)...), nil
}
