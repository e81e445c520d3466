package bgp

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
)

// ordered records the order of requests to a machine.
type ordered struct {
	*machine
	calls     []string
	announced int
}

func (o *ordered) Bind(give, look []netip.Addr) (Bound, error) {
	o.calls = append(o.calls, "bind")
	return o.machine.Bind(give, look)
}

func (o *ordered) Discard(prefixes []netip.Prefix) map[netip.Prefix]error {
	o.calls = append(o.calls, "discard")
	return o.machine.Discard(prefixes)
}

func (o *ordered) Set(routes []route.Route) ([]route.Route, error) {
	o.calls, o.announced = append(o.calls, "set"), len(routes)
	return routes, nil
}

// TestAWithdrawalWaitsForNothing: the kernel lists thousands of addresses and routes in some tenths
// of a second, and is asked before a route is announced and after one is withdrawn.
func TestAWithdrawalWaitsForNothing(t *testing.T) {
	for name, keys := range map[string]string{"bound": "bind: lo, ", "of others": "", "forwarded": "forwarded: true, "} {
		cfg, err := config.Parse([]byte(`asn: 64512
routerID: 192.0.2.11
peers: [{address: 192.0.2.1, asn: 64500}]
vips:
- {address: 198.51.100.1, ` + keys + `checks: [{tcp: {address: "192.0.2.9:1"}, rise: 1, fall: 1}]}
- {address: 198.51.100.2, ` + keys + `checks: [{tcp: {address: "192.0.2.9:2"}, rise: 1, fall: 1}]}
- {address: 198.51.100.3, ` + keys + `checks: [{tcp: {address: "192.0.2.9:3"}, rise: 1, fall: 1}]}
`))
		if err != nil {
			t.Fatal(err)
		}
		o := &ordered{machine: newMachine(t)}
		for i := range cfg.VIPs { // of others, none has ever been here
			o.there[cfg.VIPs[i].Address] = keys == "forwarded: true, "
		}
		s := newSpeaker(Options{Config: cfg, Announcer: o, Binder: o, Log: discard})
		ctx, cancel := context.WithCancel(t.Context())
		s.around, s.runner = ctx, newRunner(ctx, nil)
		now := time.Now()
		s.declare(now)
		result := func(vip int, failure error) {
			s.observe(result{id: cfg.VIPs[vip].Checks[0].ID(), failure: failure, at: now})
		}
		for i := range cfg.VIPs {
			result(i, nil)
		}
		s.apply(now)
		if o.announced != len(cfg.VIPs) {
			t.Fatalf("%s: %d routes are announced", name, o.announced)
		}
		o.calls = nil
		result(0, errRefused)
		s.apply(now)
		if len(o.calls) == 0 || o.calls[0] != "set" || o.announced != len(cfg.VIPs)-1 {
			t.Errorf("%s: a withdrawal made the requests %v, and %d routes are announced", name, o.calls, o.announced)
		}
		cancel()
		s.background.Wait()
		s.runner.wait()
	}
}

// slow announces one route a turn.
type slow struct {
	*machine
	routes []route.Route
}

func (l *slow) Set(routes []route.Route) ([]route.Route, error) {
	l.routes = slices.DeleteFunc(l.routes, func(r route.Route) bool { return !slices.ContainsFunc(routes, r.Equal) })
	for _, r := range routes {
		if !slices.ContainsFunc(l.routes, r.Equal) {
			l.routes = append(l.routes, r)
			break
		}
	}
	if len(l.routes) < len(routes) {
		return l.routes, ErrMore
	}
	return l.routes, nil
}

// TestAWithdrawalDoesNotWaitForAnnouncements has a check fail while most routes are not announced
// yet: its route goes with the next turn, and all others are announced in the end, without a wait.
func TestAWithdrawalDoesNotWaitForAnnouncements(t *testing.T) {
	const vips = 20
	cfg, err := config.Parse([]byte(strings.ReplaceAll(manyVIPs(vips), "interval: 1h", "interval: 1h, rise: 1, fall: 1, timeout: 1s")))
	if err != nil {
		t.Fatal(err)
	}
	for i := range cfg.VIPs {
		cfg.VIPs[i].Checks[0].TCP.Address = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(1+i))
	}
	l := &slow{machine: newMachine(t)}
	s := newSpeaker(Options{Config: cfg, Announcer: l, Binder: l, Log: discard})
	ctx, cancel := context.WithCancel(t.Context())
	s.around, s.runner = ctx, newRunner(ctx, nil)
	defer s.background.Wait()
	defer cancel()
	now := time.Now()
	s.declare(now)
	result := func(vip int, failure error) {
		s.observe(result{id: cfg.VIPs[vip].Checks[0].ID(), failure: failure, at: now})
	}
	for i := range vips {
		result(i, nil)
	}
	for range 3 {
		if wake := s.apply(now); wake != 0 {
			t.Fatalf("with routes left to announce, it waits for %s", wake)
		}
	}
	result(0, errRefused)
	s.apply(now)
	lost := route.Host(cfg.VIPs[0].Address)
	if slices.ContainsFunc(l.routes, func(r route.Route) bool { return r.Prefix == lost }) || len(l.routes) >= vips-1 {
		t.Errorf("the route of a failed check is announced, or all others already are: %d", len(l.routes))
	}
	for range vips {
		s.apply(now)
	}
	if len(l.routes) != vips-1 || s.apply(now) == 0 || len(s.announced) != vips-1 {
		t.Errorf("at the end: got %d routes announced, want %d", len(l.routes), vips-1)
	}
}

// inquiry counts how often it is asked for its counters.
type inquiry struct {
	*machine
	asked atomic.Int64
}

func (c *inquiry) Set(routes []route.Route) ([]route.Route, error) { return routes, nil }

func (c *inquiry) UpdatesSent() uint64 {
	c.asked.Add(1)
	return 0
}

// TestWithdrawalsAreWatchedOneAtATime: the counters of 50 sessions take as long as a withdrawal, and
// a hundred that are watched at once would hold up the next.
func TestWithdrawalsAreWatchedOneAtATime(t *testing.T) {
	const vips = 100
	cfg, err := config.Parse([]byte(strings.ReplaceAll(manyVIPs(vips), "interval: 1h", "interval: 1h, rise: 1, fall: 1")))
	if err != nil {
		t.Fatal(err)
	}
	for i := range cfg.VIPs {
		cfg.VIPs[i].Checks[0].TCP.Address = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(1+i))
	}
	c := &inquiry{machine: newMachine(t)}
	s := newSpeaker(Options{Config: cfg, Announcer: c, Binder: c, Log: discard})
	ctx, cancel := context.WithCancel(t.Context())
	s.around, s.runner = ctx, newRunner(ctx, nil)
	now := time.Now()
	s.declare(now)
	for i := range vips {
		s.observe(result{id: cfg.VIPs[i].Checks[0].ID(), at: now})
	}
	s.apply(now)
	for i := range vips {
		s.observe(result{id: cfg.VIPs[i].Checks[0].ID(), failure: errRefused, at: now})
		s.apply(now)
	}
	cancel()
	s.background.Wait()
	if n := c.asked.Load(); n == 0 || n > vips/2 {
		t.Errorf("for %d withdrawals the sessions are queried %d times", vips, n)
	}
}
