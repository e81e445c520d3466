package bgp

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/nearcast/nearcast/internal/admin/hint"
	"github.com/nearcast/nearcast/internal/health"
)

// Controller turns what is declared, told and seen into the routes to announce.
// It is pure: no clock, no network, no goroutine. Everything that it is told says
// when, and the times never go back. It is not safe for concurrent use.
//
// What concerns all VIPs, such as a declaration or a drain, judges all of them. The result of
// a check, and time, judge those that they concern.
type Controller struct {
	states      States
	flaps       Flaps
	startupHold int
	aggregates  []Aggregate
	audience    audience

	declared  []VIP // as last declared
	vips      []*vip
	byAddress map[netip.Addr]*vip
	checks    map[string]*check       // by Check.id
	asking    map[netip.Addr][]*check // by the address that they ask

	drains      []Drain
	hints       map[netip.Addr][]hint.Hint
	hintsEnd    time.Time
	missing     map[netip.Addr]string // why this machine takes no packets to it
	nodeDrained string
	stopping    bool
	hurried     bool

	due       dueQueue  // VIPs, by when time alone changes them
	dueAll    time.Time // when time alone changes what concerns all of them; zero for never
	leftSome  bool      // a VIP that is declared no more has left
	forgotten []netip.Addr
	version   Version
}

// Version says what of a Controller's conclusions may have changed since another one: a field
// is greater then.
type Version struct {
	// Desired is that of Desired, Checks that of Checks, and Granted that of Granted.
	Desired, Checks, Granted uint64
}

// Version returns that of now.
func (c *Controller) Version() Version { return c.version }

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
	// backed is since when its Services are; zero where they are not, or it has none.
	backed time.Time
	// wasUp is set from the first announcement on.
	wasUp bool
	flaps flapping

	wants wants
	due   due
}

// wants is what Desired has of a VIP.
type wants struct {
	// as is the state that it is announced as; "" if it is not.
	as State
	// gone is set where it is neither announced nor served.
	gone bool
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
	of      []*vip
	asks    netip.Addr // invalid for endpoints
	streak  health.Streak
	failure string // of the last result; "" if it passed
	last    time.Time
	inARow  int // results that were alike
}

// forget makes the check one that was never asked. From Down even the first
// announcement needs its passes in a row.
func (ch *check) forget() {
	*ch = check{config: ch.config, of: ch.of, asks: ch.asks, streak: health.Streak{State: health.Down}}
}

// known reports whether the check has results, or is taken to pass.
func (ch *check) known() bool { return !ch.last.IsZero() || ch.streak.State != health.Down }

// NewController returns a Controller of no VIPs.
func NewController(config *Config) *Controller {
	c := &Controller{checks: map[string]*check{}, byAddress: map[netip.Addr]*vip{}}
	c.Configure(config)
	return c
}

// Configure takes what is said of all VIPs; Declare then judges them by it.
func (c *Controller) Configure(config *Config) {
	c.version.Desired++
	c.states, c.flaps, c.startupHold, c.aggregates = config.States, config.Flaps, config.StartupHold, config.Aggregates
	c.audience = audience{config.Peers, map[string][]string{}}
}

// Declare takes all the VIPs that there are. One that is not among them any more, or is
// another owner's, is drained, and then forgotten: an owner neither ends the drain of the
// one before, nor takes over its state and its failures.
func (c *Controller) Declare(vips []VIP, now time.Time) []Transition {
	before := c.checks
	c.declared, c.checks, c.asking = vips, make(map[string]*check, len(c.checks)), map[netip.Addr][]*check{}
	kept := make(map[netip.Addr]bool, len(vips))
	for _, config := range vips {
		v := c.byAddress[config.Address]
		if v != nil && v.config.namespace() != config.namespace() {
			continue // until it has left
		}
		kept[config.Address] = true
		if v == nil {
			v = &vip{state: Init, reason: Reason{Unchecked, "no check has a result yet"}, since: now}
			c.vips = append(c.vips, v)
			c.byAddress[config.Address] = v
		}
		v.configure(config, now)
		c.join(v, before)
	}
	for _, v := range c.vips {
		if !kept[v.config.Address] {
			v.removed = true
			c.join(v, before)
		}
	}
	c.version.Desired++
	c.version.Checks++
	c.version.Granted++
	return c.settleAll(now)
}

// configure takes what is declared of the VIP.
func (v *vip) configure(config VIP, now time.Time) {
	switch {
	case len(config.Owners) == 0 || config.Backing.State != Backed:
		v.backed = time.Time{}
	case v.backed.IsZero():
		v.backed = now
	}
	v.config, v.removed = config, false
}

// join gives the VIP its checks, with the results that they have.
func (c *Controller) join(v *vip, before map[string]*check) {
	v.checks = nil
	for _, config := range v.config.Checks {
		id := config.id()
		ch := c.checks[id]
		if ch == nil {
			ch = before[id]
			if ch == nil {
				ch = &check{asks: config.addr()}
				ch.forget()
				if v.state == Up || v.state == Degraded {
					// A reload must not withdraw what works: this check has to fail for that.
					ch.streak.State = health.Up
				}
			}
			ch.of = nil
			c.checks[id] = ch
			if ch.asks.IsValid() {
				c.asking[ch.asks] = append(c.asking[ch.asks], ch)
			}
		}
		ch.config = config
		ch.of = append(ch.of, v)
		v.checks = append(v.checks, ch)
	}
}

func (c *Controller) vip(a netip.Addr) *vip { return c.byAddress[a] }

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
// up, or lost: another site would answer.
func (c *Controller) answeredElsewhere(ch *check, now time.Time) bool {
	v := c.byAddress[ch.asks]
	return v != nil && (v.config.Bind != "" && c.gone(v, now) || c.missing[v.config.Address] != "")
}

// Observe counts one result of a check. A nil failure is a pass.
func (c *Controller) Observe(id string, failure error, now time.Time) []Transition {
	changed := c.Advance(now)
	ch := c.checks[id]
	if ch == nil || c.answeredElsewhere(ch, now) {
		return changed // of a check that is asked no more
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
	return append(changed, c.settle(ch.of, now)...)
}

// SetDrains takes all the drains that were told.
func (c *Controller) SetDrains(drains []Drain, now time.Time) []Transition {
	c.drains = drains
	return c.settleAll(now)
}

// SetHints takes all the hints, which hold until they are sent again. Some change nothing;
// see IgnoredHints.
func (c *Controller) SetHints(hints []hint.Hint, until, now time.Time) []Transition {
	c.hints, c.hintsEnd = map[netip.Addr][]hint.Hint{}, until
	for _, h := range hints {
		c.hints[h.VIP] = append(c.hints[h.VIP], h)
	}
	return c.settleAll(now)
}

// SetNodeDrained takes why the node is to be left; "" for no reason.
func (c *Controller) SetNodeDrained(why string, now time.Time) []Transition {
	if c.nodeDrained == why {
		return nil
	}
	c.nodeDrained = why
	return c.settleAll(now)
}

// SetMissing takes all the VIPs that this machine takes no packets to, each with why.
func (c *Controller) SetMissing(missing map[netip.Addr]string, now time.Time) []Transition {
	if maps.Equal(c.missing, missing) {
		return nil
	}
	c.missing = missing
	c.version.Checks++
	return c.settleAll(now)
}

// Stop drains everything, for good.
func (c *Controller) Stop(now time.Time) []Transition {
	c.stopping = true
	return c.settleAll(now)
}

// Hurry ends the drain of Stop now, without dwell and linger.
func (c *Controller) Hurry(now time.Time) []Transition {
	c.hurried = true
	return c.settleAll(now)
}

// Gone reports whether nothing is announced and no address need be kept.
func (c *Controller) Gone(now time.Time) bool {
	return !slices.ContainsFunc(c.vips, func(v *vip) bool { return !c.gone(v, now) })
}

// Forgotten returns the VIPs that have been forgotten since it was last asked. Some of
// them may be back.
func (c *Controller) Forgotten() []netip.Addr {
	all := c.forgotten
	c.forgotten = nil
	return all
}
