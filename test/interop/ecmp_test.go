package interop

import (
	"fmt"
	"net/http"
	"slices"
	"syscall"
	"testing"
	"time"
)

// rate is the client's query rate per second while sites leave.
const rate = 500

// A site that leaves with dwells, and one that has none.
const (
	dwells   = "states: {draining: {dwell: 2s, linger: 1s}}"
	bindToLo = "bind: lo\n    checks: ["
)

// departure is a way in which the third of three sites leaves.
type departure struct {
	event  string
	timers timers
	states string
	strike func(*site)
	// bound is the time, without slack, within which the router must have moved the clients.
	bound time.Duration
	// lossless: no query may be lost.
	lossless bool
	// after runs when the clients are moved; it may be nil.
	after func(*three, *site)
}

var (
	drainTold = departure{event: "drain, and undrain", timers: hold3, states: dwells, lossless: true, bound: prompt, strike: (*site).drain, after: undrained}
	drainTerm = departure{event: "SIGTERM", timers: hold3, states: dwells, lossless: true, bound: prompt, strike: (*site).terminate, after: ended}
	// The others do not drain: queries in flight to the site are lost.
	departures = []departure{
		drainTold, drainTerm,
		{event: "SIGTERM without dwell", timers: hold3, states: noDwell, bound: prompt, strike: (*site).terminate},
		{event: "name server fails", timers: hold3, states: noDwell, bound: prompt, strike: func(s *site) { s.backend.sick.Store(true) }},
		{event: "SIGKILL of all", timers: hold3, states: noDwell, bound: prompt, strike: func(s *site) { s.backend.hung.Store(true); s.speaker.Stop(syscall.SIGKILL) }},
		{event: "everything hangs", timers: hold3, states: noDwell, bound: hold3.notice, strike: (*site).hang},
		{event: "everything hangs", timers: bfd, states: noDwell, bound: bfd.notice, strike: (*site).hang},
	}
)

func (s *site) drain()     { s.tell(http.MethodPut) }
func (s *site) undrain()   { s.tell(http.MethodDelete) }
func (s *site) terminate() { s.speaker.Signal(syscall.SIGTERM) }

// hang stops all processes at the site; its kernel still answers for TCP.
func (s *site) hang() {
	s.backend.hung.Store(true)
	s.speaker.Signal(syscall.SIGSTOP)
}

// undrained waits until the site has left completely, and ends its drain.
func undrained(three *three, s *site) {
	eventually(s.node.t, "the site has left", slack, func() error {
		st, err := s.speaker.glance()
		if err == nil && (st.VIPs[0].Bound || st.VIPs[0].Announced) {
			err = fmt.Errorf("%+v", st.VIPs[0])
		}
		return err
	})
	start := time.Now()
	s.undrain()
	three.vip.becomes(start, comeback, three.addresses()...)
}

func ended(_ *three, s *site) {
	eventually(s.node.t, "the speaker ends", slack, func() error {
		if s.speaker.Running() {
			return fmt.Errorf("it is still running")
		}
		return nil
	})
}

// addresses returns the addresses of all sites except some.
func (s *three) addresses(without ...*site) []string {
	var all []string
	for _, site := range s.sites {
		if !slices.Contains(without, site) {
			all = append(all, site.v4)
		}
	}
	return all
}

// TestADrainLosesNoQueryOfFiveHundredASecond is the part of the table that
// always runs, with one router.
func TestADrainLosesNoQueryOfFiveHundredASecond(t *testing.T) {
	departAll(t, brands[:1], drainTerm)
}

// TestOnlyQueriesInFlightAreLost has the third of three sites leave in every way
// while a client asks, and prints what that costs.
func TestOnlyQueriesInFlightAreLost(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short: it takes minutes")
	}
	departAll(t, brands, departures...)
}

func departAll(t *testing.T, routers []brand, all ...departure) {
	measured := &table{heading: "event\ttimers\trouter\tasked\tlost\tgap\tmoved after"}
	for _, d := range all {
		for _, b := range routers {
			t.Run(fmt.Sprintf("%s %s %s", d.event, d.timers.name, b.name), func(t *testing.T) {
				tally, moved := d.measure(t, b)
				measured.add([]time.Duration{tally.gap(), moved}, d.event, d.timers.name, b.name, fmt.Sprint(len(tally.queries)), fmt.Sprint(len(tally.lost)))
			})
		}
	}
	measured.print(t)
}

// measure has the third site leave while the client sends queries. No query may be lost
// that is sent after the router moved the clients.
func (d departure) measure(t *testing.T, b brand) (tally, time.Duration) {
	three := newThree(t, b, noDwell, d.states, hold3.keys, d.timers.keys, "checks: [", bindToLo)
	for i := range three.neighbours {
		three.neighbours[i].bfd = d.timers.bfd
	}
	router := three.settle()
	leaves := three.sites[2]
	if d.timers.bfd {
		three.calm(router)
	}
	stream := three.client.stream(vip4, rate)
	time.Sleep(time.Second)
	start := time.Now()
	d.strike(leaves)
	moved := three.vip.becomes(start, d.bound+slack, three.addresses(leaves)...)
	if d.after != nil {
		d.after(three, leaves)
	}
	time.Sleep(time.Second)
	tally := stream.end()
	t.Logf("%d queries, %d lost within %s; clients moved after %s", len(tally.queries), len(tally.lost), tally.gap(), moved)
	for _, s := range three.sites {
		if n := tally.by(s.node.name+".", start); n == 0 {
			t.Errorf("%s got no query", s.node.name)
		}
	}
	if d.lossless && len(tally.lost) > 0 {
		t.Errorf("%d queries were lost", len(tally.lost))
	}
	for _, sent := range tally.lost {
		if sent.Before(start.Add(-underWay)) || sent.After(start.Add(moved)) {
			t.Errorf("a query sent %s after the site left was lost", sent.Sub(start))
		}
	}
	return tally, moved
}

// calmTime is longer than it takes after a session is established until BFD ends
// it again: FRR then recreates its BFD session, and the speaker treats that as a
// failure, once.
const calmTime = 6 * time.Second

// calm waits until BFD watches all sites and no route has changed for a while.
func (s *three) calm(r router) {
	s.vip.t.Helper()
	for _, site := range s.sites {
		waitForBFD(s.vip.t, r, site)
	}
	eventually(s.vip.t, "no route changes", comeback, func() error {
		if changes := s.vip.since(time.Now().Add(-calmTime)); len(changes) > 1 || changes[0].at.After(time.Now().Add(-calmTime)) {
			return fmt.Errorf("%v", changes)
		}
		return nil
	})
	s.wantRoute(s.addresses()...)
}

// underWay is how long before the end of a site a query may have been sent that
// its name server could no longer answer.
const underWay = 100 * time.Millisecond
