package judge

import (
	"slices"
	"time"

	"github.com/nearcast/nearcast/bgp/vip"
)

// Advance moves time forward, and returns what changed.
func (c *Controller) Advance(now time.Time) []vip.Transition {
	if !c.dueAll.IsZero() && !now.Before(c.dueAll) {
		return c.settleAll(now)
	}
	return c.settle(c.due.upTo(now), now)
}

// settleAll judges every VIP.
func (c *Controller) settleAll(now time.Time) []vip.Transition {
	c.dueAll = c.nextForAll(now)
	changed := c.settle(slices.Clone(c.vips), now)
	var affected []*judged
	for _, ch := range c.checks {
		if ch.known() && c.answeredElsewhere(ch, now) { // of a VIP that had left before the check was declared
			ch.forget()
			affected = append(affected, ch.of...)
		}
	}
	return append(changed, c.settle(affected, now)...)
}

// nextForAll returns when a drain or the hints expire; zero for never.
func (c *Controller) nextForAll(now time.Time) (next time.Time) {
	for _, d := range c.drains {
		next = earlier(next, d.Until, now)
	}
	return earlier(next, c.hintsEnd, now)
}

// earlier returns the earlier of a and b that is after now; zero for none.
func earlier(a, b, now time.Time) time.Time {
	if !b.After(now) || !a.IsZero() && a.Before(b) {
		return a
	}
	return b
}

// settle judges the VIPs, and those that depend on them, and returns what changed.
func (c *Controller) settle(vips []*judged, now time.Time) []vip.Transition {
	var changed []vip.Transition
	for len(vips) > 0 {
		var affected []*judged
		for _, v := range vips {
			if t, is := c.judgeAndNote(v, now, &affected); is {
				changed = append(changed, t)
			}
		}
		vips = affected
	}
	if c.forgets(now) {
		changed = append(changed, c.Declare(c.declared, now)...) // it may have a next owner
	}
	return changed
}

// judgeAndNote judges the VIP, stores the result for Desired and Next, and reports whether its
// state changed. A VIP that has left affects others whose checks probe its address.
func (c *Controller) judgeAndNote(v *judged, now time.Time, affected *[]*judged) (vip.Transition, bool) {
	t, changed := c.judgeAgain(v, now)
	is := wants{as: c.announcedAs(v, now), gone: c.gone(v, now)}
	if is != v.wants {
		c.version.Desired++
	}
	if is.gone != v.wants.gone && v.config.Bind != "" {
		for _, ch := range c.asking[v.config.Address] {
			c.version.Checks++
			if is.gone && ch.known() {
				ch.forget()
				*affected = append(*affected, ch.of...)
			}
		}
	}
	v.wants = is
	c.leftSome = c.leftSome || v.removed && is.gone
	c.due.set(v, c.until(v, now))
	return t, changed
}

// judgeAgain judges the VIP and reports whether its state changed.
func (c *Controller) judgeAgain(v *judged, now time.Time) (vip.Transition, bool) {
	why := c.leaving(v, now)
	switch {
	case why == leaving{}:
		v.left = time.Time{}
	case v.left.IsZero():
		v.left, v.dwells = now, v.state == vip.Up || v.state == vip.Degraded
	}
	if c.stopping && c.hurried {
		v.dwells = false
	}
	state, reason := c.judge(v, why, now)
	failed := reason.Code == vip.CheckFailed || reason.Code == vip.NoEndpoints
	if (failed || reason.Code == vip.NotHere || reason.Code == vip.NoDataPath) && state == vip.Down {
		v.dwells = false // what was withdrawn while leaving does not return
	}
	if failed {
		c.flaps.forget(&v.flaps, now)
		v.flaps.note(v.state, state, now)
	}
	v.wasUp = v.wasUp || state == vip.Up || state == vip.Degraded
	before := v.state
	v.reason = reason
	if state == before {
		return vip.Transition{}, false
	}
	v.state, v.since = state, now
	return vip.Transition{VIP: v.config.Address, From: before, To: state, Reason: reason}, true
}

// forgets removes the VIPs that are no longer declared and have left, and reports whether there
// were any.
func (c *Controller) forgets(now time.Time) bool {
	if !c.leftSome {
		return false
	}
	c.leftSome = false
	before := len(c.forgotten)
	c.vips = slices.DeleteFunc(c.vips, func(v *judged) bool {
		forget := v.removed && c.gone(v, now)
		if forget {
			c.forgotten = append(c.forgotten, v.config.Address)
			delete(c.byAddress, v.config.Address)
			c.due.set(v, time.Time{})
		}
		return forget
	})
	return len(c.forgotten) > before
}
