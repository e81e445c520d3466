// Package judge decides the state of each VIP, why, and what to announce because of it. The result
// depends only on the configuration and on what this site observes; sites share no state and need
// none. It is pure.
package judge

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/vip"
	"github.com/nearcast/nearcast/internal/base/admin/hint"
	"github.com/nearcast/nearcast/internal/steering/health"
)

// Controller turns declarations, commands and observations into the routes to announce. It is pure:
// no clock, no network, no goroutine. Each input carries its time, and the times never go back. It
// is not safe for concurrent use.
//
// Input that concerns all VIPs, such as a declaration or a drain, makes it judge all of them. A
// check result or the passing of time makes it judge only the affected VIPs.
type Controller struct {
	states      config.States
	flaps       damping
	startupHold int
	aggregates  []config.Aggregate
	audience    *config.Audience

	declared  []config.VIP // as last declared
	vips      []*judged
	byAddress map[netip.Addr]*judged
	checks    map[string]*check       // by Check.ID
	asking    map[netip.Addr][]*check // by the address that they probe

	drains      []vip.Drain
	hints       map[netip.Addr][]hint.Hint
	hintsEnd    time.Time
	missing     map[netip.Addr]string // why this machine does not accept packets to it
	nodeDrained string
	stopping    bool
	hurried     bool

	due       dueQueue  // VIPs, by when the passing of time changes them
	dueAll    time.Time // when the passing of time changes something for all VIPs; zero for never
	leftSome  bool      // a VIP that is no longer declared has left
	forgotten []netip.Addr
	version   Version
}

// Version tells which of a Controller's results may have changed since an earlier Version: those
// whose field is greater.
type Version struct {
	// Each field is the version of the result of that name.
	Desired, Checks, Granted uint64
}

// Version returns the current version.
func (c *Controller) Version() Version { return c.version }

// NewController returns a Controller without VIPs.
func NewController(cfg *config.Config) *Controller {
	c := &Controller{checks: map[string]*check{}, byAddress: map[netip.Addr]*judged{}}
	c.Configure(cfg)
	return c
}

// Configure sets what applies to all VIPs; Declare then judges them by it.
func (c *Controller) Configure(cfg *config.Config) {
	c.version.Desired++
	c.states, c.flaps, c.startupHold, c.aggregates = cfg.States, damping{cfg.Flaps}, cfg.StartupHold, cfg.Aggregates
	c.audience = config.NewAudience(cfg.Peers)
}

// Declare takes all current VIPs. A VIP that is missing, or now has another owner, is drained and
// then forgotten: a new owner neither ends the drain of the previous one, nor takes over its state
// and failures.
func (c *Controller) Declare(vips []config.VIP, now time.Time) []vip.Transition {
	before := c.checks
	c.declared, c.checks, c.asking = vips, make(map[string]*check, len(c.checks)), map[netip.Addr][]*check{}
	kept := make(map[netip.Addr]bool, len(vips))
	for _, cfg := range vips {
		v := c.byAddress[cfg.Address]
		if v != nil && v.config.Namespace() != cfg.Namespace() {
			continue // until it has left
		}
		kept[cfg.Address] = true
		if v == nil {
			v = &judged{state: vip.Init, reason: vip.Reason{Code: vip.Unchecked, Text: "no check has a result yet"}, since: now}
			c.vips = append(c.vips, v)
			c.byAddress[cfg.Address] = v
		}
		v.configure(cfg, now)
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

// join gives the VIP its checks, with their existing results.
func (c *Controller) join(v *judged, before map[string]*check) {
	v.checks = nil
	for _, cfg := range v.config.Checks {
		id := cfg.ID()
		ch := c.checks[id]
		if ch == nil {
			ch = before[id]
			if ch == nil {
				ch = &check{asks: cfg.Addr()}
				ch.forget()
				if v.state == vip.Up || v.state == vip.Degraded {
					// A reload must not withdraw a working VIP: this check must fail first.
					ch.streak.State = health.Up
				}
			}
			ch.of = nil
			c.checks[id] = ch
			if ch.asks.IsValid() {
				c.asking[ch.asks] = append(c.asking[ch.asks], ch)
			}
		}
		ch.config = cfg
		ch.of = append(ch.of, v)
		v.checks = append(v.checks, ch)
	}
}

// Has reports whether the address is a VIP, also one that is leaving.
func (c *Controller) Has(a netip.Addr) bool { return c.byAddress[a] != nil }

// Stopping reports whether Stop was called.
func (c *Controller) Stopping() bool { return c.stopping }

// Checks returns all checks to run now, by id.
func (c *Controller) Checks(now time.Time) map[string]config.Check {
	all := make(map[string]config.Check, len(c.checks))
	for id, ch := range c.checks {
		if !c.answeredElsewhere(ch, now) {
			all[id] = ch.config
		}
	}
	return all
}

// answeredElsewhere reports whether the check probes a VIP that this machine gave up or lost:
// another site would answer.
func (c *Controller) answeredElsewhere(ch *check, now time.Time) bool {
	v := c.byAddress[ch.asks]
	return v != nil && (v.config.Bind != "" && c.gone(v, now) || c.missing[v.config.Address] != "")
}

// Observe records one result of a check. A nil failure is a pass.
func (c *Controller) Observe(id string, failure error, now time.Time) []vip.Transition {
	changed := c.Advance(now)
	ch := c.checks[id]
	if ch == nil || c.answeredElsewhere(ch, now) {
		return changed // of a check that no longer runs
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

// SetDrains replaces all commanded drains.
func (c *Controller) SetDrains(drains []vip.Drain, now time.Time) []vip.Transition {
	c.drains = drains
	return c.settleAll(now)
}

// SetHints replaces all hints; they hold until the given time. Some change nothing; see
// IgnoredHints.
func (c *Controller) SetHints(hints []hint.Hint, until, now time.Time) []vip.Transition {
	c.hints, c.hintsEnd = map[netip.Addr][]hint.Hint{}, until
	for _, h := range hints {
		c.hints[h.VIP] = append(c.hints[h.VIP], h)
	}
	return c.settleAll(now)
}

// SetNodeDrained sets why the node is to be drained; "" for no reason.
func (c *Controller) SetNodeDrained(why string, now time.Time) []vip.Transition {
	if c.nodeDrained == why {
		return nil
	}
	c.nodeDrained = why
	return c.settleAll(now)
}

// SetMissing sets all VIPs to which this machine takes no packets, each with the reason.
func (c *Controller) SetMissing(missing map[netip.Addr]string, now time.Time) []vip.Transition {
	if maps.Equal(c.missing, missing) {
		return nil
	}
	c.missing = missing
	c.version.Checks++
	return c.settleAll(now)
}

// Stop drains everything permanently.
func (c *Controller) Stop(now time.Time) []vip.Transition {
	c.stopping = true
	return c.settleAll(now)
}

// Hurry ends the drain of Stop now, without dwell and linger.
func (c *Controller) Hurry(now time.Time) []vip.Transition {
	c.hurried = true
	return c.settleAll(now)
}

// Gone reports whether nothing is announced and no address needs to stay.
func (c *Controller) Gone(now time.Time) bool {
	return !slices.ContainsFunc(c.vips, func(v *judged) bool { return !c.gone(v, now) })
}

// Forgotten returns the VIPs that were forgotten since the last call. Some may have been declared
// again.
func (c *Controller) Forgotten() []netip.Addr {
	all := c.forgotten
	c.forgotten = nil
	return all
}
