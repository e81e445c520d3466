package bgp

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/session"
	"github.com/nearcast/nearcast/bgp/vip"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/steering/health"
)

// machine is a Binder and an Announcer: a machine whose addresses others remove, and
// its router, which must never be sent to an address that is not present.
type machine struct {
	t  rapid.TB
	mu sync.Mutex

	there  map[netip.Addr]bool // to which the machine accepts packets
	ours   map[netip.Addr]bool // those that the speaker added
	broken map[netip.Addr]bool // that cannot be added
	blind  bool                // the addresses cannot be listed
	deaf   bool                // changes cannot be watched
	moved  func()
	deafen chan struct{} // closed when they can no longer be watched

	routes map[netip.Addr]route.Attributes
	sick   bool // checks fail
	// without is an address that may be announced although it is not present.
	without netip.Addr
	dropped []netip.Prefix
}

func newMachine(t rapid.TB) *machine {
	return &machine{t: t, there: map[netip.Addr]bool{}, ours: map[netip.Addr]bool{}, broken: map[netip.Addr]bool{}, routes: map[netip.Addr]route.Attributes{}, moved: func() {}, deafen: make(chan struct{})}
}

var errOdd = errors.New("injected failure")

// Bind implements Binder.
func (m *machine) Bind(give, look []netip.Addr) (Bound, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.blind {
		return Bound{}, errOdd
	}
	bound := Bound{Missing: map[netip.Addr]error{}}
	for _, a := range give {
		switch {
		case m.there[a]:
		case m.broken[a]:
			bound.Missing[a] = errOdd
		default:
			m.there[a], m.ours[a] = true, true
			bound.Given = append(bound.Given, a)
		}
	}
	for a := range m.ours {
		if !slices.Contains(give, a) {
			if _, announced := m.routes[a]; announced {
				m.t.Errorf("%s was unbound while it is announced", a)
			}
			delete(m.ours, a)
			delete(m.there, a)
		}
	}
	for _, a := range look {
		if !m.there[a] {
			bound.Missing[a] = errOdd
		}
	}
	return bound, nil
}

// Discard implements Binder.
func (m *machine) Discard(prefixes []netip.Prefix) map[netip.Prefix]error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dropped = prefixes
	return nil
}

// Watch implements Binder.
func (m *machine) Watch(ctx context.Context, changed func()) error {
	m.mu.Lock()
	deaf, deafen := m.deaf, m.deafen
	if !deaf {
		m.moved = changed
	}
	m.mu.Unlock()
	if deaf {
		return errOdd
	}
	changed()
	select {
	case <-ctx.Done():
		return nil
	case <-deafen:
		return errOdd
	}
}

// goDeaf stops notifications of changes. It is called with mu held.
func (m *machine) goDeaf() {
	if !m.deaf {
		close(m.deafen)
		m.deaf, m.deafen, m.moved = true, make(chan struct{}), func() {}
	}
}

// does changes the machine, with a notification of the kernel.
func (m *machine) does(what func()) {
	m.mu.Lock()
	what()
	moved := m.moved
	m.mu.Unlock()
	moved()
}

// loses removes an address.
func (m *machine) loses(a netip.Addr) { delete(m.there, a); delete(m.ours, a) }

// Set implements Announcer.
func (m *machine) Set(routes []route.Route) ([]route.Route, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := m.routes
	m.routes = map[netip.Addr]route.Attributes{}
	for _, r := range routes {
		a := r.Prefix.Addr()
		if _, announced := before[a]; !announced && !m.there[a] && a != passed && a != m.without {
			m.t.Errorf("%s is newly announced, but not present", a)
		}
		m.routes[a] = r.Attributes
	}
	return routes, nil
}

func (m *machine) SetPeers([]config.Peer, time.Duration) error { return nil }
func (m *machine) Freeze()                                     {}
func (m *machine) UpdatesSent() uint64                         { return 0 }
func (m *machine) Peers() []session.Status                     { return nil }
func (m *machine) Close(time.Duration) error                   { return nil }

// ask answers the checks.
func (m *machine) ask(context.Context, federation.Target) (health.Sample, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sick {
		return health.Sample{}, errOdd
	}
	return health.Sample{}, nil
}

// announced returns the addresses that the router has, in order.
func (m *machine) announced() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []string
	for _, a := range slices.SortedFunc(maps.Keys(m.routes), netip.Addr.Compare) {
		all = append(all, a.String())
	}
	return strings.Join(all, " ")
}

// The addresses of the machine's file: two are bound, one belongs to another program, one is
// forwarded.
var (
	bound4, bound6 = netip.MustParseAddr("198.51.100.53"), netip.MustParseAddr("2001:db8:53::53")
	given, passed  = netip.MustParseAddr("198.51.100.54"), netip.MustParseAddr("198.51.100.55")
)

// runOn runs a speaker on the machine, in a bubble, until play returns; nothing remains
// afterwards.
func runOn(t *testing.T, m *machine, play func(s *speaker)) { runWith(t, m, m, play) }

// runWith is runOn with another announcer.
func runWith(t *testing.T, m *machine, announcer Announcer, play func(s *speaker)) {
	cfg, err := config.Parse([]byte(`asn: 64512
routerID: 192.0.2.11
peers: [{address: 192.0.2.1, asn: 64500, families: [ipv4, ipv6], nextHop: "2001:db8::11"}]
vips:
- {address: 198.51.100.53, bind: lo, checks: [{tcp: {address: "192.0.2.9:53"}, rise: 1, fall: 1}]}
- {address: "2001:db8:53::53", bind: lo, checks: [{tcp: {address: "192.0.2.9:53"}, rise: 1, fall: 1}]}
- {address: 198.51.100.54, checks: [{tcp: {address: "192.0.2.9:53"}, rise: 1, fall: 1}]}
- {address: 198.51.100.55, forwarded: true, checks: [{tcp: {address: "192.0.2.9:53"}, rise: 1, fall: 1}]}
flaps: {budget: 1000}
states: {draining: {dwell: 1s, linger: 1s}}
`))
	if err != nil {
		t.Fatal(err)
	}
	m.there[passed] = true // the speaker does not look
	before := ask
	ask = m.ask
	defer func() { ask = before }()
	ctx, cancel := context.WithCancel(context.Background())
	s := newSpeaker(Options{Config: cfg, Announcer: announcer, Binder: m, Log: discard})
	ended := make(chan error)
	go func() { ended <- s.run(ctx) }()
	m.settles()
	play(s)
	cancel()
	if err := <-ended; err != nil {
		m.t.Error(err)
	}
	if len(m.ours) > 0 && !m.blind || len(m.routes) > 0 {
		m.t.Errorf("at the end: got %v bound, %v announced, want none", m.ours, m.routes)
	}
}

// settles lets a second pass, after which announced addresses must be present.
func (m *machine) settles() {
	time.Sleep(time.Second + 100*time.Millisecond)
	synctest.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	for a := range m.routes {
		if !m.there[a] && a != passed && a != m.without {
			m.t.Errorf("%s is announced but not present", a)
		}
	}
}

// wants compares what the router has.
func (m *machine) wants(what, want string) {
	if got := m.announced(); got != want {
		m.t.Errorf("%s: got %q announced, want %q", what, got, want)
	}
}

const everyAddress = "198.51.100.53 198.51.100.54 198.51.100.55 2001:db8:53::53"

func TestALostAddressIsRestoredOrItsRouteWithdrawnWithinASecond(t *testing.T) {
	for name, step := range map[string]struct {
		lose func(*machine)
		want string // what is announced then
	}{
		"one bound address":      {func(m *machine) { m.loses(bound4) }, everyAddress},
		"all of them":            {func(m *machine) { m.loses(bound4); m.loses(bound6) }, everyAddress},
		"one that stays lost":    {func(m *machine) { m.loses(bound6); m.broken[bound6] = true }, "198.51.100.53 198.51.100.54 198.51.100.55"},
		"one of another program": {func(m *machine) { m.loses(given) }, "198.51.100.53 198.51.100.55 2001:db8:53::53"},
		"without a notification": {func(m *machine) { m.goDeaf(); m.loses(bound4); m.loses(given) }, "198.51.100.53 198.51.100.55 2001:db8:53::53"},
		"an unrelated address":   {func(m *machine) { m.loses(passed) }, everyAddress},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMachine(t)
				m.there[given] = true
				runOn(t, m, func(*speaker) {
					m.wants("at first", everyAddress)
					m.does(func() { step.lose(m) })
					m.settles()
					m.wants("after the loss", step.want)
					m.does(func() { clear(m.broken); m.deaf = false; m.there[given] = true })
					m.settles()
					m.wants("in the end", everyAddress)
				})
			})
		})
	}
}

// TestNothingChangesWhileTheAddressesAreUnknown: a kernel that cannot list them has
// lost none of them. Before anything is known, no bound address is announced.
func TestNothingChangesWhileTheAddressesAreUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		m.there[given], m.blind = true, true
		runOn(t, m, func(s *speaker) {
			m.wants("at first", "198.51.100.54 198.51.100.55")
			for _, v := range s.Status().VIPs {
				if v.Bound || v.Announced != (v.Reason.Code == vip.Passing) || !v.Announced && !strings.Contains(v.Reason.Text, errOdd.Error()) {
					t.Errorf("%+v", v)
				}
			}
			m.does(func() { m.blind = false })
			m.settles()
			m.wants("once it is known", everyAddress)
			m.does(func() { m.blind = true })
			m.settles()
			m.wants("while it is unknown", everyAddress)
			m.does(func() { m.blind = false })
		})
	})
}

// TestAnAddressAddedWhileTheAddressesAreUnknownIsNotAnnounced has addresses be unbound, and be wanted
// again while the kernel cannot list them.
func TestAnAddressAddedWhileTheAddressesAreUnknownIsNotAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		m.there[given] = true
		runOn(t, m, func(s *speaker) {
			drain := func(all ...vip.Drain) {
				s.do(t.Context(), func() { s.log(s.controller.SetDrains(all, time.Now())) })
				time.Sleep(5 * time.Second)
				m.settles()
			}
			drain(vip.Drain{})
			m.wants("drained", "")
			m.does(func() { m.blind = true })
			drain()
			m.wants("while nothing is known", "198.51.100.54 198.51.100.55")
			m.does(func() { m.blind = false })
			m.settles()
			m.wants("once it is known", everyAddress)
		})
	})
}

func TestAMissingAddressHasAReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		m.broken[bound4], m.there[given] = true, true
		runOn(t, m, func(s *speaker) {
			m.does(func() { m.loses(given) })
			m.settles()
			const lacks = "this machine does not accept packets to it: injected failure"
			want := map[string]string{
				bound4.String(): "down not-here " + lacks,
				given.String():  "down not-here " + lacks + "; set bind: lo, or forwarded: true if NAT, IPVS or eBPF forwards them",
				bound6.String(): "up passing all checks pass", passed.String(): "up passing all checks pass",
			}
			for _, v := range s.Status().VIPs {
				if got := fmt.Sprint(v.State, " ", v.Reason.Code, " ", v.Reason.Text); got != want[v.Address] || v.Bound != (v.Address == bound6.String()) {
					t.Errorf("%s: got %s, bound %v; want %s", v.Address, got, v.Bound, want[v.Address])
				}
			}
		})
	})
}

// TestAnAddressThatWasNeverPresentIsAnnouncedWithAWarning: NAT may take its packets. What nothing takes
// is dropped, and does not go back to the router. Once it was here it is announced only while
// it is.
func TestAnAddressThatWasNeverPresentIsAnnouncedWithAWarning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		m.without = given
		runOn(t, m, func(s *speaker) {
			m.wants("never here", everyAddress)
			r := netip.PrefixFrom(given, 32)
			warned := func(want bool) {
				for _, v := range s.Status().VIPs {
					if (v.Warning != "") != (want && v.Address == given.String()) {
						t.Errorf("%s: got warning %q", v.Address, v.Warning)
					}
				}
				if slices.Contains(m.dropped, r) != want {
					t.Errorf("got %v dropped", m.dropped)
				}
			}
			warned(true)
			m.does(func() { m.there[given] = true })
			m.settles()
			m.wants("here", everyAddress)
			warned(false)
			m.without = netip.Addr{}
			m.does(func() { m.loses(given) })
			m.settles()
			m.wants("lost", "198.51.100.53 198.51.100.55 2001:db8:53::53")
			warned(false)
		})
		if len(m.dropped) > 0 {
			t.Errorf("at the end: got %v, want none", m.dropped)
		}
	})
}

// TestAnAnnouncedAddressIsAlwaysPresent has others take addresses and give them, the kernel
// fail, checks fail and drains come, in any order. A second after each step what is
// announced is there, and what is there and works is announced.
func TestAnAnnouncedAddressIsAlwaysPresent(t *testing.T) {
	bound := []netip.Addr{bound4, bound6}
	rapid.Check(t, func(r *rapid.T) {
		synctest.Test(t, func(t *testing.T) {
			m := newMachine(r)
			m.there[given] = true
			runOn(t, m, func(s *speaker) {
				drained := false
				for range rapid.IntRange(1, 12).Draw(r, "steps") {
					addr := rapid.SampledFrom(bound).Draw(r, "address")
					switch rapid.IntRange(0, 9).Draw(r, "step") {
					case 0:
						m.does(func() { m.loses(addr) })
					case 1:
						m.does(func() { m.loses(bound4); m.loses(bound6); m.loses(given) })
					case 2:
						m.does(func() { m.broken[addr] = true; m.loses(addr) })
					case 3:
						m.does(func() { clear(m.broken) })
					case 4:
						m.does(func() { m.there[given] = true })
					case 5:
						m.does(func() { m.there[addr] = true }) // somebody gives it
					case 6:
						m.does(func() { m.goDeaf() })
					case 7:
						m.does(func() { m.deaf = false })
					case 8:
						m.does(func() { m.sick = !m.sick })
						time.Sleep(2 * time.Second) // the checks find out
					case 9:
						drained = !drained
						s.do(t.Context(), func() {
							var all []vip.Drain
							if drained {
								all = []vip.Drain{{}}
							}
							s.log(s.controller.SetDrains(all, time.Now()))
						})
						time.Sleep(3 * time.Second)
					}
					m.settles()
					time.Sleep(2 * time.Second) // what came back is checked again
					synctest.Wait()
					for _, a := range []netip.Addr{bound4, bound6, given, passed} {
						m.mu.Lock()
						_, announced := m.routes[a]
						want := m.there[a] && !m.sick && !drained
						m.mu.Unlock()
						if announced != want {
							r.Errorf("%s is announced: got %v, want %v; %+v", a, announced, want, s.Status().VIPs)
						}
					}
				}
			})
		})
	})
}
