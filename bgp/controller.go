package bgp

import (
	"net/netip"
	"slices"
	"time"

	"github.com/nearcast/nearcast/internal/health"
	"github.com/nearcast/nearcast/internal/hint"
)

// Controller turns what is declared, told and seen into the routes to announce.
// It is pure: no clock, no network, no goroutine. Everything that it is told says
// when, and the times never go back. It is not safe for concurrent use.
type Controller struct {
	states      States
	flaps       Flaps
	startupHold int

	declared []VIP // as last declared
	vips     []*vip
	checks   map[string]*check // by Check.id

	drains      []Drain
	hints       []hint.Hint
	hintsEnd    time.Time
	nodeDrained string
	stopping    bool
	hurried     bool

	forgotten []netip.Addr // since Forgotten was asked
}

// vip is a VIP with what became of it.
type vip struct {
	config  VIP
	checks  []*check
	removed bool // is declared no more

	state  State
	reason Reason
	since  time.Time
	// left is when it began to leave, zero if it does not; dwells, whether it was
	// announced then.
	left   time.Time
	dwells bool
	// wasUp is set from the first announcement on.
	wasUp bool
	flaps flapping
}

// heeds reports whether a hint for the VIP moves it: it is one for functions of the
// namespace whose Services have it, or the file says that it is functions'.
func (v *vip) heeds(h hint.Hint) bool {
	if owner := v.config.namespace(); owner != "" {
		return h.Namespace == owner
	}
	return v.config.Hints
}

// check is a check with its results.
type check struct {
	config  Check
	streak  health.Streak
	failure string // of the last result; "" if it passed
	last    time.Time
	inARow  int // results that were alike
}

// forget makes the check one that was never asked. From Down even the first
// announcement needs its passes in a row.
func (ch *check) forget() { *ch = check{config: ch.config, streak: health.Streak{State: health.Down}} }

// NewController returns a Controller of no VIPs.
func NewController(config *Config) *Controller {
	c := &Controller{checks: map[string]*check{}}
	c.Configure(config)
	return c
}

// Configure takes what is said of all VIPs.
func (c *Controller) Configure(config *Config) {
	c.states, c.flaps, c.startupHold = config.States, config.Flaps, config.StartupHold
}

// Declare takes all the VIPs that there are. One that is not among them any more, or is
// another owner's, is drained, and then forgotten: an owner neither ends the drain of the
// one before, nor takes over its state and its failures.
func (c *Controller) Declare(vips []VIP, now time.Time) []Transition {
	before := c.checks
	c.declared, c.checks = vips, map[string]*check{}
	kept := map[netip.Addr]bool{}
	for _, config := range vips {
		v := c.vip(config.Address)
		if v != nil && v.config.namespace() != config.namespace() {
			continue // until it has left
		}
		kept[config.Address] = true
		if v == nil {
			v = &vip{state: Init, reason: Reason{Unchecked, "no check has a result yet"}, since: now}
			c.vips = append(c.vips, v)
		}
		v.config, v.removed = config, false
		c.join(v, before)
	}
	for _, v := range c.vips {
		if !kept[v.config.Address] {
			v.removed = true
			c.join(v, before)
		}
	}
	return c.Advance(now)
}

// join gives the VIP its checks, with the results that they have.
func (c *Controller) join(v *vip, before map[string]*check) {
	v.checks = nil
	for _, config := range v.config.Checks {
		id := config.id()
		ch := c.checks[id]
		if ch == nil {
			ch = before[id]
		}
		if ch == nil {
			ch = &check{}
			ch.forget()
			if v.state == Up || v.state == Degraded {
				// A reload must not withdraw what works: this check has to fail for that.
				ch.streak.State = health.Up
			}
		}
		ch.config = config
		c.checks[id] = ch
		v.checks = append(v.checks, ch)
	}
}

func (c *Controller) vip(a netip.Addr) *vip {
	if i := slices.IndexFunc(c.vips, func(v *vip) bool { return v.config.Address == a }); i >= 0 {
		return c.vips[i]
	}
	return nil
}

// Checks are all that are to be asked now, by id.
func (c *Controller) Checks(now time.Time) map[string]Check {
	all := make(map[string]Check, len(c.checks))
	for id, ch := range c.checks {
		if !c.answeredElsewhere(ch, now) {
			all[id] = ch.config
		}
	}
	return all
}

// answeredElsewhere reports whether the check asks a VIP that this machine gave
// up: another site would answer.
func (c *Controller) answeredElsewhere(ch *check, now time.Time) bool {
	v := c.vip(ch.config.addr())
	return v != nil && v.config.Bind != "" && c.gone(v, now)
}

// Observe counts one result of a check. A nil failure is a pass.
func (c *Controller) Observe(id string, failure error, now time.Time) []Transition {
	ch := c.checks[id]
	if ch == nil || c.answeredElsewhere(ch, now) {
		return nil // of a check that is asked no more
	}
	text := ""
	if failure != nil {
		text = failure.Error()
	}
	if ch.last.IsZero() || (text == "") != (ch.failure == "") {
		ch.inARow = 0
	}
	ch.inARow++
	ch.failure, ch.last = text, now
	ch.streak.Observe(failure == nil, ch.config.Rise, ch.config.Fall)
	return c.Advance(now)
}

// SetDrains takes all the drains that were told.
func (c *Controller) SetDrains(drains []Drain, now time.Time) []Transition {
	c.drains = drains
	return c.Advance(now)
}

// SetHints takes all the hints, which hold until they are sent again. Some change nothing;
// see IgnoredHints.
func (c *Controller) SetHints(hints []hint.Hint, until, now time.Time) []Transition {
	c.hints, c.hintsEnd = hints, until
	return c.Advance(now)
}

// SetNodeDrained takes why the node is to be left; "" for no reason.
func (c *Controller) SetNodeDrained(why string, now time.Time) []Transition {
	c.nodeDrained = why
	return c.Advance(now)
}

// Stop drains everything, for good.
func (c *Controller) Stop(now time.Time) []Transition {
	c.stopping = true
	return c.Advance(now)
}

// Hurry ends the drain of Stop now, without dwell and linger.
func (c *Controller) Hurry(now time.Time) []Transition {
	c.hurried = true
	return c.Advance(now)
}

// Gone reports whether nothing is announced and no address need be kept.
func (c *Controller) Gone(now time.Time) bool {
	return !slices.ContainsFunc(c.vips, func(v *vip) bool { return !c.gone(v, now) })
}

// Advance lets time pass, and returns what changed.
func (c *Controller) Advance(now time.Time) []Transition {
	var changed []Transition
	for _, v := range c.vips {
		if t, ok := c.settle(v, now); ok {
			changed = append(changed, t)
		}
	}
	for _, ch := range c.checks {
		if c.answeredElsewhere(ch, now) {
			ch.forget()
		}
	}
	if c.forgets(now) {
		changed = append(changed, c.Declare(c.declared, now)...) // whose next owner it may have
	}
	return changed
}

// forgets forgets the VIPs that are declared no more and have left, and reports whether
// there were any.
func (c *Controller) forgets(now time.Time) bool {
	before := len(c.forgotten)
	c.vips = slices.DeleteFunc(c.vips, func(v *vip) bool {
		forget := v.removed && c.gone(v, now)
		if forget {
			c.forgotten = append(c.forgotten, v.config.Address)
		}
		return forget
	})
	return len(c.forgotten) > before
}

// Forgotten returns the VIPs that have been forgotten since it was last asked. Some of
// them may be back.
func (c *Controller) Forgotten() []netip.Addr {
	all := c.forgotten
	c.forgotten = nil
	return all
}

// settle judges the VIP anew and reports whether its state changed.
func (c *Controller) settle(v *vip, now time.Time) (Transition, bool) {
	why := c.leaving(v, now)
	switch {
	case why == leaving{}:
		v.left = time.Time{}
	case v.left.IsZero():
		v.left, v.dwells = now, v.state == Up || v.state == Degraded
	}
	if c.stopping && c.hurried {
		v.dwells = false
	}
	state, reason := c.judge(v, why, now)
	failed := reason.Code == CheckFailed || reason.Code == NoEndpoints
	if failed && state == Down {
		v.dwells = false // what was withdrawn while it left does not come back
	}
	c.flaps.forget(&v.flaps, now)
	if failed {
		v.flaps.note(v.state, state, now)
	}
	v.wasUp = v.wasUp || state == Up || state == Degraded
	before := v.state
	v.reason = reason
	if state == before {
		return Transition{}, false
	}
	v.state, v.since = state, now
	return Transition{v.config.Address, before, state, reason}, true
}
