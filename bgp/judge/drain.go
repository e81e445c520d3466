package judge

import (
	"time"

	"github.com/nearcast/nearcast/bgp/vip"
	"github.com/nearcast/nearcast/internal/base/admin/hint"
)

// leaving is why a VIP has to leave; the zero value means it does not.
type leaving struct {
	vip.Reason
	// disabled ends in Disabled rather than Down.
	disabled bool
}

// leaving returns the first reason for the VIP to leave.
func (c *Controller) leaving(v *judged, now time.Time) leaving {
	switch {
	case c.stopping:
		return leaving{Reason: vip.Reason{Code: vip.Stopping, Text: "the speaker is stopping"}}
	case v.removed:
		return leaving{Reason: vip.Reason{Code: vip.Removed, Text: "is no longer declared"}}
	case v.config.Disabled:
		return leaving{vip.Reason{Code: vip.SetDisabled, Text: "disabled in the configuration"}, true}
	case c.nodeDrained != "":
		return leaving{Reason: vip.Reason{Code: vip.OnDrainedNode, Text: c.nodeDrained}}
	}
	for _, d := range c.drains {
		if d.Covers(v.config.Address) && !d.Ended(now) {
			return leaving{Reason: vip.Reason{Code: vip.Drained, Text: d.String()}}
		}
	}
	for _, h := range c.hintsFor(v, now) {
		if v.follows(h) {
			return leaving{Reason: vip.Reason{Code: vip.Hinted, Text: "hint of the resolver: " + h.Reason}}
		}
	}
	if v.config.Backing.State == vip.Ending {
		return leaving{Reason: vip.Reason{Code: vip.Ended, Text: v.config.Backing.Reason}}
	}
	return leaving{}
}

// hintsFor returns the current hints for the VIP.
func (c *Controller) hintsFor(v *judged, now time.Time) []hint.Hint {
	if !now.Before(c.hintsEnd) {
		return nil
	}
	return c.hints[v.config.Address]
}

// IgnoredHints returns the hints for VIPs of this site that do not move them: a namespace can only
// move its own functions.
func (c *Controller) IgnoredHints(now time.Time) []hint.Hint {
	var all []hint.Hint
	for _, v := range c.vips {
		for _, h := range c.hintsFor(v, now) {
			if !v.follows(h) {
				all = append(all, h)
			}
		}
	}
	return all
}

// drain returns the phase of a leaving VIP: announced, then only served, then gone.
func (c *Controller) drain(v *judged, why leaving, now time.Time) (vip.State, vip.Reason) {
	switch {
	case c.gone(v, now):
		return vip.Down, why.Reason
	case c.announcesLeaving(v, now):
		return vip.Draining, why.Reason
	}
	return vip.Draining, vip.Reason{Code: why.Code, Text: why.Text + "; route withdrawn, still serving packets in flight"}
}

// announcesLeaving reports whether a leaving VIP is still announced.
func (c *Controller) announcesLeaving(v *judged, now time.Time) bool {
	return v.dwells && now.Before(v.left.Add(c.states.Draining.Dwell))
}

// gone reports whether a VIP has left: neither announced nor served.
func (c *Controller) gone(v *judged, now time.Time) bool {
	if v.left.IsZero() {
		return false
	}
	return !v.dwells || !now.Before(v.left.Add(c.states.Draining.Dwell+c.states.Draining.Linger))
}
