package bgp

import (
	"fmt"
	"time"

	"github.com/nearcast/nearcast/internal/steering/health"
)

// judge returns the state of the VIP. A local failure decides first: a site that cannot serve must
// not attract traffic, not even while it drains.
func (c *Controller) judge(v *vip, why leaving, now time.Time) (State, Reason) {
	failed := v.failing(Local)
	switch v.config.Backing.State {
	case Unbacked:
		failed = Reason{NoEndpoints, v.config.Backing.Reason}
	case Untaken:
		failed = Reason{NoDataPath, v.config.Backing.Reason}
	}
	if missing := c.missing[v.config.Address]; missing != "" && !c.gone(v, now) {
		failed = Reason{NotHere, missing}
	}
	switch {
	case why.disabled && (failed != Reason{} || c.gone(v, now)):
		return Disabled, why.Reason
	case failed != Reason{}:
		return Down, failed
	case why != leaving{}:
		return c.drain(v, why, now)
	}
	if waits := v.waiting(c.startupHold); waits.Code == Unchecked {
		return Init, waits
	} else if waits != (Reason{}) {
		return Rising, waits
	}
	if ready := v.dataPathReady(); now.Before(ready) && !v.wasAnnounced() {
		return Rising, Reason{NoDataPath, "the cluster's data path is given until " + ready.Format(time.TimeOnly) + " to take packets to it"}
	}
	state, reason := Up, Reason{Passing, "all checks pass"}
	if upstream := v.failing(Upstream); upstream != (Reason{}) {
		state, reason = Degraded, upstream
	}
	if held, why := c.held(v, now); state == Up && !held.IsZero() {
		return Degraded, Reason{Held, why}
	}
	return state, reason
}

// wasAnnounced reports whether the VIP is in a state in which it may be announced, so that it need
// not wait again.
func (v *vip) wasAnnounced() bool {
	return v.state == Up || v.state == Degraded || v.state == Draining
}

// dataPathTime is how long the cluster's data path may take to accept packets to a Service that has
// become ready: kube-proxy writes its rules at most once a second in all its modes.
const dataPathTime = 2 * time.Second

// dataPathReady returns when a Service's data path is ready; zero for VIPs of the file.
func (v *vip) dataPathReady() time.Time {
	if v.backed.IsZero() {
		return time.Time{}
	}
	return v.backed.Add(dataPathTime)
}

// failing returns the first failure among the checks of the scope. A local check that passes again
// is rising; an upstream one counts as failing until it has risen.
func (v *vip) failing(scope Scope) Reason {
	for _, ch := range v.checks {
		switch {
		case ch.config.Scope != scope || ch.streak.State == health.Up:
		case ch.failure != "":
			return Reason{CheckFailed, ch.config.Name() + ": " + ch.failure}
		case scope == Upstream:
			return Reason{CheckFailed, ch.progress(ch.config.Rise)}
		}
	}
	return Reason{}
}

// waiting returns the check that has no result yet, or has not passed often enough.
func (v *vip) waiting(startupHold int) Reason {
	for _, ch := range v.checks {
		if ch.last.IsZero() && (ch.streak.State != health.Up || !v.wasUp) {
			return Reason{Unchecked, ch.config.Name() + " has no result yet"}
		}
	}
	for _, ch := range v.checks {
		switch need := max(ch.config.Rise, startupHold); {
		case ch.config.Scope == Local && ch.streak.State != health.Up && v.wasUp:
			return Reason{Passing, ch.progress(ch.config.Rise)}
		case ch.config.Scope == Local && !v.wasUp && (ch.failure != "" || ch.inARow < need):
			return Reason{Passing, ch.progress(need)}
		case ch.config.Scope == Upstream && !v.wasUp && ch.failure == "" && ch.streak.State != health.Up:
			return Reason{Passing, ch.progress(ch.config.Rise)} // known soon, so do not degrade briefly
		}
	}
	return Reason{}
}

// progress describes how many results a check still needs.
func (ch *check) progress(need int) string {
	passes := ch.inARow
	if ch.failure != "" {
		passes = 0
	}
	return fmt.Sprintf("%s passes, %d of %d times", ch.config.Name(), min(passes, need), need)
}
