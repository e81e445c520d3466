package judge

import (
	"time"

	"github.com/nearcast/nearcast/bgp/vip"
	"github.com/nearcast/nearcast/internal/steering/health"
)

// judge returns the state of the VIP. A local failure decides first: a site that cannot serve must
// not attract traffic, not even while it drains.
func (c *Controller) judge(v *judged, why leaving, now time.Time) (vip.State, vip.Reason) {
	failed := v.failing(vip.Local)
	switch v.config.Backing.State {
	case vip.Unbacked:
		failed = vip.Reason{Code: vip.NoEndpoints, Text: v.config.Backing.Reason}
	case vip.Untaken:
		failed = vip.Reason{Code: vip.NoDataPath, Text: v.config.Backing.Reason}
	}
	if missing := c.missing[v.config.Address]; missing != "" && !c.gone(v, now) {
		failed = vip.Reason{Code: vip.NotHere, Text: missing}
	}
	switch {
	case why.disabled && (failed != vip.Reason{} || c.gone(v, now)):
		return vip.Disabled, why.Reason
	case failed != vip.Reason{}:
		return vip.Down, failed
	case why != leaving{}:
		return c.drain(v, why, now)
	}
	if waits := v.waiting(c.startupHold); waits.Code == vip.Unchecked {
		return vip.Init, waits
	} else if waits != (vip.Reason{}) {
		return vip.Rising, waits
	}
	if ready := v.dataPathReady(); now.Before(ready) && !v.wasAnnounced() {
		return vip.Rising, vip.Reason{Code: vip.NoDataPath, Text: "waiting until " + ready.Format(time.TimeOnly) + " for the cluster's data path to accept packets"}
	}
	state, reason := vip.Up, vip.Reason{Code: vip.Passing, Text: "all checks pass"}
	if upstream := v.failing(vip.Upstream); upstream != (vip.Reason{}) {
		state, reason = vip.Degraded, upstream
	}
	if held, why := c.held(v, now); state == vip.Up && !held.IsZero() {
		return vip.Degraded, vip.Reason{Code: vip.Held, Text: why}
	}
	return state, reason
}

// wasAnnounced reports whether the VIP is in a state in which it may be announced, so that it need
// not wait again.
func (v *judged) wasAnnounced() bool {
	return v.state == vip.Up || v.state == vip.Degraded || v.state == vip.Draining
}

// dataPathTime is how long the cluster's data path may take to accept packets to a Service that has
// become ready: kube-proxy writes its rules at most once a second in all its modes.
const dataPathTime = 2 * time.Second

// dataPathReady returns when a Service's data path is ready; zero for VIPs of the file.
func (v *judged) dataPathReady() time.Time {
	if v.backed.IsZero() {
		return time.Time{}
	}
	return v.backed.Add(dataPathTime)
}

// failing returns the first failure among the checks of the scope. A local check that passes again
// is rising; an upstream one counts as failing until it has risen.
func (v *judged) failing(scope vip.Scope) vip.Reason {
	for _, ch := range v.checks {
		switch {
		case ch.config.Scope != scope || ch.streak.State == health.Up:
		case ch.failure != "":
			return vip.Reason{Code: vip.CheckFailed, Text: ch.config.Name() + ": " + ch.failure}
		case scope == vip.Upstream:
			return vip.Reason{Code: vip.CheckFailed, Text: ch.progress(ch.config.Rise)}
		}
	}
	return vip.Reason{}
}

// waiting returns the check that has no result yet, or has not passed often enough.
func (v *judged) waiting(startupHold int) vip.Reason {
	for _, ch := range v.checks {
		if ch.last.IsZero() && (ch.streak.State != health.Up || !v.wasUp) {
			return vip.Reason{Code: vip.Unchecked, Text: ch.config.Name() + " has no result yet"}
		}
	}
	for _, ch := range v.checks {
		switch need := max(ch.config.Rise, startupHold); {
		case ch.config.Scope == vip.Local && ch.streak.State != health.Up && v.wasUp:
			return vip.Reason{Code: vip.Passing, Text: ch.progress(ch.config.Rise)}
		case ch.config.Scope == vip.Local && !v.wasUp && (ch.failure != "" || ch.inARow < need):
			return vip.Reason{Code: vip.Passing, Text: ch.progress(need)}
		case ch.config.Scope == vip.Upstream && !v.wasUp && ch.failure == "" && ch.streak.State != health.Up:
			return vip.Reason{Code: vip.Passing, Text: ch.progress(ch.config.Rise)} // known soon, so do not degrade briefly
		}
	}
	return vip.Reason{}
}
