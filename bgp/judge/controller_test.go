package judge

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/vip"
	"github.com/nearcast/nearcast/internal/base/admin/hint"
)

var (
	dnsVIP     = netip.MustParseAddr("198.51.100.53")
	otherVIP   = netip.MustParseAddr("198.51.100.80")
	errRefused = errors.New("refused")
)

// world drives a Controller through time.
type world struct {
	*testing.T
	c   *Controller
	now time.Time
}

// plainConfig is a file without VIPs.
func plainConfig() *config.Config {
	cfg, err := config.Parse([]byte("asn: 64512\nrouterID: 192.0.2.11\npeers: [{address: 192.0.2.1, asn: 64500}]"))
	if err != nil {
		panic(err)
	}
	return cfg
}

// newWorld declares one VIP with a local check that rises after 3 results and falls after
// 2, and an upstream one, after 2 and 2. It drains for 10 s and 5 s.
func newWorld(t *testing.T, change func(*config.Config)) *world {
	cfg := plainConfig()
	if change != nil {
		change(cfg)
	}
	w := &world{t, NewController(cfg), time.Unix(1e9, 0)}
	w.declare(theVIP)
	return w
}

var theVIP = config.VIP{Address: dnsVIP, Bind: "lo", Checks: []config.Check{
	{TCP: &config.TCPCheck{}, Scope: vip.Local, Rise: 3, Fall: 2},
	{HTTP: &config.HTTPCheck{}, Scope: vip.Upstream, Rise: 2, Fall: 2},
}}

func (w *world) declare(vips ...config.VIP) { w.c.Declare(vips, w.now) }

// local and upstream give results of the checks, a second apart; nil passes.
func (w *world) local(results ...error)    { w.results(0, results) }
func (w *world) upstream(results ...error) { w.results(1, results) }

func (w *world) results(check int, results []error) {
	for _, result := range results {
		w.now = w.now.Add(time.Second)
		w.c.Observe(theVIP.Checks[check].ID(), result, w.now)
	}
}

// up brings the VIP up.
func (w *world) up() {
	w.Helper()
	w.upstream(nil, nil)
	w.local(nil, nil, nil)
	w.want(vip.Up, "up", true)
}

// passes lets time pass, waking when the Controller asks to be woken.
func (w *world) passes(d time.Duration) {
	for end := w.now.Add(d); ; {
		next := w.c.Next(w.now)
		if next.IsZero() || next.After(end) {
			w.now = end
			w.c.Advance(w.now)
			return
		}
		w.now = next
		w.c.Advance(w.now)
	}
}

// want compares the VIP's state, which of States it is announced as, and whether
// it is bound.
func (w *world) want(state vip.State, announced string, bound bool) {
	w.Helper()
	st := w.c.Status(w.now)
	if len(st) != 1 || st[0].State != state || st[0].Reason.Text == "" || st[0].Reason.Code == "" {
		w.Fatalf("got %+v, want %s with a reason", st, state)
	}
	d := w.c.Desired(w.now)
	got := ""
	for name, a := range map[string]route.Attributes{"up": w.c.states.Up, "degraded": w.c.states.Degraded.Attributes, "draining": w.c.states.Draining.Attributes} {
		if len(d.Routes) == 1 && d.Routes[0].Equal(route.Route{Prefix: route.Host(dnsVIP), Attributes: a}) {
			got = name
		}
	}
	if got != announced || len(d.Routes) > 1 {
		w.Fatalf("state %[2]s: got announced as %[1]q, want %[4]q: %+[3]v", got, state, d.Routes, announced)
	}
	if (len(d.Bound) == 1) != bound {
		w.Fatalf("state %[2]s: got bound %[1]v, want %[3]v", d.Bound, state, bound)
	}
}

func TestAVIPIsAnnouncedOnlyAfterConsecutivePasses(t *testing.T) {
	w := newWorld(t, nil)
	w.upstream(nil, nil)
	var states []vip.State
	for _, result := range []error{nil, nil, errRefused, nil, nil, nil, errRefused, nil, errRefused, errRefused, nil} {
		w.local(result)
		states = append(states, w.c.vips[0].state)
	}
	want := []vip.State{vip.Rising, vip.Rising, vip.Down, vip.Rising, vip.Rising, vip.Up, vip.Up, vip.Up, vip.Up, vip.Down, vip.Rising}
	if !slices.Equal(states, want) {
		t.Errorf("%v\nwant %v", states, want)
	}
}

func TestAVIPWaitsForEveryCheckToHaveAResult(t *testing.T) {
	w := newWorld(t, nil)
	w.want(vip.Init, "", true)
	w.local(nil, nil, nil)
	w.want(vip.Init, "", true)
	w.upstream(nil)
	w.want(vip.Rising, "", true)
	w.upstream(nil)
	w.want(vip.Up, "up", true)
}

func TestAnUpstreamFailureDegradesButNeverWithdraws(t *testing.T) {
	w := newWorld(t, nil)
	w.up()
	w.upstream(errRefused)
	w.want(vip.Up, "up", true)
	for range 100 {
		w.upstream(errRefused)
		w.want(vip.Degraded, "degraded", true)
	}
	w.upstream(nil)
	w.want(vip.Degraded, "degraded", true)
	w.upstream(nil)
	w.want(vip.Up, "up", true)
}

func TestASiteThatStartsWithoutItsUpstreamIsAnnouncedDegraded(t *testing.T) {
	w := newWorld(t, nil)
	w.upstream(errRefused)
	w.local(nil, nil, nil)
	w.want(vip.Degraded, "degraded", true)
}

func TestALocalFailureWithdrawsInEveryState(t *testing.T) {
	for name, before := range map[string]func(*world){
		"up":       func(*world) {},
		"degraded": func(w *world) { w.upstream(errRefused, errRefused) },
		"draining": func(w *world) { w.c.SetDrains([]vip.Drain{{}}, w.now) },
		"stopping": func(w *world) { w.c.Stop(w.now) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.up()
			before(w)
			w.local(errRefused, errRefused)
			if d := w.c.Desired(w.now); len(d.Routes) > 0 {
				t.Errorf("announced: %+v", d)
			}
			w.local(nil) // one pass brings nothing back
			if d := w.c.Desired(w.now); len(d.Routes) > 0 {
				t.Errorf("announced after one pass: %+v", d)
			}
		})
	}
}

func TestADrainAnnouncesThenWithdrawsThenUnbinds(t *testing.T) {
	for name, drain := range map[string]func(w *world){
		"drained":  func(w *world) { w.c.SetDrains([]vip.Drain{{VIP: dnsVIP, Reason: "kernel"}}, w.now) },
		"all":      func(w *world) { w.c.SetDrains([]vip.Drain{{}}, w.now) },
		"node":     func(w *world) { w.c.SetNodeDrained("node n has the taint nearcast.dev/drain", w.now) },
		"stopping": func(w *world) { w.c.Stop(w.now) },
		"hint": func(w *world) {
			w.ofService()
			w.c.SetHints([]hint.Hint{{VIP: dnsVIP, Namespace: "media", Reason: "evicted"}}, w.now.Add(time.Hour), w.now)
		},
		"terminating": func(w *world) { w.withBacking(vip.Backing{State: vip.Ending, Reason: "endpoints terminate"}) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.up()
			drain(w)
			w.want(vip.Draining, "draining", true)
			w.passes(10*time.Second - 1)
			w.want(vip.Draining, "draining", true)
			w.passes(1)
			w.want(vip.Draining, "", true)
			w.passes(5*time.Second - 1)
			w.want(vip.Draining, "", true)
			w.passes(1)
			w.want(vip.Down, "", false)
			w.passes(time.Minute)
			w.want(vip.Down, "", false)
			if !w.c.Gone(w.now) {
				t.Error("not yet withdrawn")
			}
		})
	}
}

// ofService makes the VIP belong to a Service.
func (w *world) ofService() {
	v := theVIP
	v.Owners = []vip.ServiceRef{{Namespace: "media", Name: "thumbnail"}}
	w.declare(v)
}

func (w *world) withBacking(b vip.Backing) {
	v := theVIP
	v.Backing = b
	w.declare(v)
}

func TestADrainOfAVIPLeavesTheOthers(t *testing.T) {
	w := newWorld(t, nil)
	other := theVIP
	other.Address = otherVIP
	w.declare(theVIP, other)
	w.upstream(nil, nil)
	w.local(nil, nil, nil)
	w.c.SetDrains([]vip.Drain{{VIP: otherVIP}}, w.now)
	st := w.c.Status(w.now)
	if st[0].State != vip.Up || st[1].State != vip.Draining {
		t.Errorf("%+v", st)
	}
}

func TestAVIPIsAnnouncedAgainAsSoonAsItsDrainEnds(t *testing.T) {
	w := newWorld(t, nil)
	w.up()
	w.c.SetDrains([]vip.Drain{{Until: w.now.Add(time.Minute)}}, w.now)
	w.passes(time.Minute - 1)
	w.want(vip.Down, "", false)
	w.passes(1)
	w.want(vip.Up, "up", true)
	w.c.SetDrains([]vip.Drain{{}}, w.now)
	w.passes(3 * time.Second)
	w.c.SetDrains(nil, w.now) // while it is announced still
	w.want(vip.Up, "up", true)
}

func TestHintsExpireUnlessRefreshed(t *testing.T) {
	w := newWorld(t, nil)
	w.ofService()
	w.up()
	w.c.SetHints([]hint.Hint{{VIP: dnsVIP, Namespace: "media", Reason: "evicted"}}, w.now.Add(30*time.Second), w.now)
	w.passes(20 * time.Second)
	w.want(vip.Down, "", false)
	w.passes(10 * time.Second)
	w.want(vip.Up, "up", true)
}

func TestAHintDrainsNoVIPOfTheFile(t *testing.T) {
	w := newWorld(t, nil)
	w.up()
	hints := []hint.Hint{{VIP: dnsVIP, Reason: "evicted"}, {VIP: otherVIP, Reason: "is of another site"}}
	w.c.SetHints(hints, w.now.Add(30*time.Second), w.now)
	w.want(vip.Up, "up", true)
	if got := w.c.IgnoredHints(w.now); len(got) != 1 || got[0] != hints[0] {
		t.Errorf("ignored %v, want %v", got, hints[:1])
	}
	w.passes(30 * time.Second)
	w.want(vip.Up, "up", true)
	if got := w.c.IgnoredHints(w.now); len(got) > 0 {
		t.Errorf("still ignored: %v", got)
	}
}

func TestAHintDrainsAVIPOfTheFileWithHintsTrue(t *testing.T) {
	w := newWorld(t, nil)
	v := theVIP
	v.Hints = true
	w.declare(v)
	w.up()
	w.c.SetHints([]hint.Hint{{VIP: dnsVIP, Namespace: "media", Reason: "evicted"}}, w.now.Add(30*time.Second), w.now)
	w.passes(20 * time.Second)
	w.want(vip.Down, "", false)
	if got := w.c.IgnoredHints(w.now); len(got) > 0 {
		t.Errorf("ignored: %v", got)
	}
}

func TestADrainOfAnUnannouncedVIPEndsImmediately(t *testing.T) {
	w := newWorld(t, nil)
	w.c.Stop(w.now)
	w.want(vip.Down, "", false)
	if !w.c.Gone(w.now) {
		t.Error("the speaker would wait although nothing drains")
	}
}

func TestADisabledVIPDrainsFirst(t *testing.T) {
	w := newWorld(t, nil)
	w.up()
	v := theVIP
	v.Disabled = true
	w.declare(v)
	w.want(vip.Draining, "draining", true)
	w.passes(time.Minute)
	w.want(vip.Disabled, "", false)
	w.declare(theVIP)
	w.want(vip.Up, "up", true)
}

func TestAVIPNoLongerDeclaredDrainsAndIsForgotten(t *testing.T) {
	w := newWorld(t, nil)
	w.up()
	w.declare()
	w.want(vip.Draining, "draining", true)
	w.passes(10 * time.Second)
	w.want(vip.Draining, "", true)
	w.passes(5 * time.Second)
	if st := w.c.Status(w.now); len(st) != 0 || len(w.c.Desired(w.now).Bound) != 0 {
		t.Errorf("%+v remains", st)
	}
	w.declare()
	if checks := w.c.Checks(w.now); len(checks) != 0 {
		t.Errorf("%v are checked for no VIP", checks)
	}
}

func TestAReloadKeepsTheResultsOfUnchangedChecks(t *testing.T) {
	w := newWorld(t, nil)
	w.up()
	for range 100 {
		w.declare(theVIP)
		w.want(vip.Up, "up", true)
	}
}

func TestAnAddedCheckWithdrawsOnlyIfItFails(t *testing.T) {
	for scope, worse := range map[vip.Scope]func(*world){
		vip.Local:    func(w *world) { w.want(vip.Down, "", true) },
		vip.Upstream: func(w *world) { w.want(vip.Degraded, "degraded", true) },
	} {
		t.Run(string(scope), func(t *testing.T) {
			w := newWorld(t, nil)
			w.up()
			changed := theVIP
			added := config.Check{DNS: &config.DNSCheck{Name: "x"}, Scope: scope, Rise: 2, Fall: 2}
			changed.Checks = append(slices.Clone(theVIP.Checks), added)
			w.declare(changed)
			w.want(vip.Up, "up", true)
			w.c.Observe(added.ID(), errRefused, w.now)
			w.want(vip.Up, "up", true)
			w.c.Observe(added.ID(), errRefused, w.now)
			worse(w)
			w.declare(theVIP)
			w.want(vip.Up, "up", true)
		})
	}
}

func TestResultsOfAnotherVIPDoNotCountForANewOne(t *testing.T) {
	w := newWorld(t, nil)
	w.up()
	added := config.Check{DNS: &config.DNSCheck{Name: "x"}, Scope: vip.Local, Rise: 2, Fall: 2}
	changed := theVIP
	changed.Checks = append(slices.Clone(theVIP.Checks), added)
	w.declare(changed, config.VIP{Address: otherVIP, Checks: []config.Check{added}})
	if st := w.c.Status(w.now); st[0].State != vip.Up || st[1].State != vip.Init {
		t.Errorf("%+v", st)
	}
}

func TestADrainWithoutDwellIsNotAFlap(t *testing.T) {
	w := newWorld(t, func(c *config.Config) {
		c.Flaps, c.States.Draining.Dwell, c.States.Draining.Linger = config.Flaps{Budget: 1, Window: time.Hour}, 0, 0
	})
	w.up()
	for range 5 {
		w.c.SetNodeDrained("a taint", w.now)
		w.want(vip.Down, "", false)
		w.c.SetNodeDrained("", w.now)
		w.want(vip.Up, "up", true)
	}
}

// TestAnAddressThatIsGivenUpIsNotCheckedHere: another site would answer, and the VIP
// come back for that.
func TestAnAddressThatIsGivenUpIsNotCheckedHere(t *testing.T) {
	w := newWorld(t, nil)
	v := config.VIP{Address: dnsVIP, Bind: "lo", Checks: []config.Check{{TCP: &config.TCPCheck{Address: netip.AddrPortFrom(dnsVIP, 53)}, Scope: vip.Local, Rise: 1, Fall: 1}}}
	w.declare(v)
	id := v.Checks[0].ID()
	w.c.Observe(id, nil, w.now)
	w.want(vip.Up, "up", true)
	w.c.SetDrains([]vip.Drain{{}}, w.now)
	w.passes(14 * time.Second)
	if len(w.c.Checks(w.now)) != 1 {
		t.Error("it is not checked while it is served")
	}
	w.passes(time.Second)
	w.want(vip.Down, "", false)
	if len(w.c.Checks(w.now)) != 0 {
		t.Error("another site is checked")
	}
	w.c.Observe(id, nil, w.now)
	w.c.SetDrains(nil, w.now)
	w.want(vip.Init, "", true)
	w.c.Observe(id, nil, w.now)
	w.want(vip.Up, "up", true)
}

func TestAServiceWithoutEndpointsIsWithdrawnImmediately(t *testing.T) {
	w := newWorld(t, nil)
	w.up()
	w.withBacking(vip.Backing{State: vip.Unbacked, Reason: "no ready endpoint"})
	w.want(vip.Down, "", true)
	w.withBacking(vip.Backing{})
	w.want(vip.Up, "up", true)
}

func TestTheStartupHoldAppliesOnlyToTheFirstAnnouncement(t *testing.T) {
	w := newWorld(t, func(c *config.Config) { c.StartupHold = 10 })
	w.upstream(nil, nil)
	w.local(nil, nil, nil, nil, nil, nil, nil, nil, nil)
	w.want(vip.Rising, "", true)
	w.local(errRefused)
	w.local(nil, nil, nil, nil, nil, nil, nil, nil, nil)
	w.want(vip.Rising, "", true)
	w.local(nil)
	w.want(vip.Up, "up", true)
	w.local(errRefused, errRefused)
	w.want(vip.Down, "", true)
	w.local(nil, nil, nil)
	w.want(vip.Up, "up", true)
}

func TestBeyondTheFlapBudgetAVIPIsAnnouncedAsDegraded(t *testing.T) {
	w := newWorld(t, func(c *config.Config) { c.Flaps = config.Flaps{Budget: 2, Window: time.Minute} })
	w.up()
	first := w.now.Add(2 * time.Second)
	for range 2 {
		w.local(errRefused, errRefused)
		w.want(vip.Down, "", true)
		w.local(nil, nil, nil)
		w.want(vip.Up, "up", true)
	}
	w.local(errRefused, errRefused)
	w.want(vip.Down, "", true)
	w.local(nil, nil, nil, nil)
	w.want(vip.Degraded, "degraded", true)
	w.passes(first.Add(time.Minute).Sub(w.now) - 1)
	w.want(vip.Degraded, "degraded", true)
	w.passes(1)
	w.want(vip.Up, "up", true)
}

func TestUndampEndsTheHoldOfTheNamedVIP(t *testing.T) {
	for _, c := range []struct {
		vip netip.Addr
		now vip.State
	}{{dnsVIP, vip.Up}, {netip.Addr{}, vip.Up}, {otherVIP, vip.Degraded}} {
		w := newWorld(t, func(c *config.Config) { c.Flaps = config.Flaps{Budget: 1, Window: time.Minute} })
		w.up()
		for range 2 {
			w.local(errRefused, errRefused, nil, nil, nil)
			w.upstream(errRefused, errRefused, nil, nil)
		}
		w.want(vip.Degraded, "degraded", true)
		if _, err := w.c.Undamp(c.vip, w.now); (err != nil) != (c.vip == otherVIP) {
			t.Errorf("%v: %v", c.vip, err)
		}
		w.want(c.now, map[vip.State]string{vip.Up: "up", vip.Degraded: "degraded"}[c.now], true)
	}
}

// TestUpstreamFailuresNeverWithdrawASiteThatWorks has two sites lose their upstream together,
// more often than the budget has room for, and then each its own service, in turn: a rolling restart.
func TestUpstreamFailuresNeverWithdrawASiteThatWorks(t *testing.T) {
	for _, outages := range []int{1, 5, 6, 20} {
		sites := []*world{newWorld(t, nil), newWorld(t, nil)}
		both := func(do func(*world)) {
			for _, w := range sites {
				do(w)
			}
		}
		both((*world).up)
		for range outages {
			both(func(w *world) { w.upstream(errRefused, errRefused, nil, nil) })
		}
		for i, w := range sites {
			w.local(errRefused, errRefused)
			w.want(vip.Down, "", true)
			if other := sites[1-i].c.Desired(w.now); len(other.Routes) != 1 {
				t.Fatalf("after %d outages, no site announces while site %d restarts", outages, i)
			}
			w.local(nil, nil, nil)
			if len(w.c.Desired(w.now).Routes) != 1 {
				t.Fatalf("after %d outages, site %d works but is not announced: %+v", outages, i, w.c.Status(w.now))
			}
			if st := w.c.Status(w.now)[0]; (st.State == vip.Up) != (outages <= w.c.flaps.Budget) {
				t.Fatalf("after %d outages and one local failure, site %d is %s: %s", outages, i, st.State, st.Reason.Text)
			}
		}
	}
}

// TestAReloadWithASmallerBudgetDegradesNoVIPThatIsUp: it did not fail then.
func TestAReloadWithASmallerBudgetDegradesNoVIPThatIsUp(t *testing.T) {
	w := newWorld(t, nil)
	w.up()
	w.local(errRefused, errRefused, nil, nil, nil)
	w.local(errRefused, errRefused, nil, nil, nil)
	w.want(vip.Up, "up", true)
	w.c.Configure(&config.Config{States: w.c.states, Flaps: config.Flaps{Budget: 1, Window: time.Hour}, StartupHold: 1})
	w.passes(time.Second)
	w.want(vip.Up, "up", true)
}

func TestAnUpstreamThatFlapsStaysDegradedForAWhile(t *testing.T) {
	w := newWorld(t, func(c *config.Config) { c.Flaps = config.Flaps{Budget: 1, Window: time.Minute} })
	w.up()
	for range 2 {
		w.upstream(errRefused, errRefused)
		w.want(vip.Degraded, "degraded", true)
		w.upstream(nil, nil)
	}
	w.want(vip.Degraded, "degraded", true)
	w.passes(time.Minute)
	w.want(vip.Up, "up", true)
}

func TestDrainsDoNotCountAsFlaps(t *testing.T) {
	w := newWorld(t, func(c *config.Config) { c.Flaps = config.Flaps{Budget: 1, Window: time.Hour} })
	w.up()
	for range 5 {
		w.c.SetDrains([]vip.Drain{{}}, w.now)
		w.passes(time.Minute)
		w.want(vip.Down, "", false)
		w.c.SetDrains(nil, w.now)
		w.want(vip.Up, "up", true)
	}
}

// TestAServiceKeepsItsAddressWhileItIsServed: kube-proxy takes packets to it by
// the Service's status.
func TestAServiceKeepsItsAddressWhileItIsServed(t *testing.T) {
	w := newWorld(t, nil)
	owner := vip.ServiceRef{Namespace: "media", Name: "web"}
	v := theVIP
	v.Owners = []vip.ServiceRef{owner}
	w.declare(v)
	w.up()
	if got := w.c.Granted(); !slices.Equal(got[owner], []netip.Addr{dnsVIP}) {
		t.Errorf("%v", got)
	}
	w.declare()
	w.passes(15*time.Second - 1)
	if got := w.c.Granted(); !slices.Equal(got[owner], []netip.Addr{dnsVIP}) {
		t.Errorf("got %v while it drains", got)
	}
	w.passes(1)
	if got := w.c.Granted(); len(got) != 0 {
		t.Errorf("got %v after it was withdrawn", got)
	}
}

// TestAControllerKeepsItsInvariants holds the invariants over random histories: what fails here
// is never announced, draining routes and no others have
// GRACEFUL_SHUTDOWN, announced addresses are bound, and a stopping speaker is soon gone.
func TestAControllerKeepsItsInvariants(t *testing.T) {
	for seed := range uint64(300) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			w := newWorld(t, func(c *config.Config) { c.Flaps = config.Flaps{Budget: 3, Window: time.Minute} })
			fails := 0
			for range 400 {
				switch random.IntN(12) {
				case 0:
					w.c.SetDrains([]vip.Drain{{Until: w.now.Add(time.Duration(random.IntN(60)) * time.Second)}}, w.now)
				case 1:
					w.c.SetDrains(nil, w.now)
				case 2:
					w.withBacking(vip.Backing{State: vip.BackingState(random.IntN(3)), Reason: "random"})
				case 3:
					w.passes(time.Duration(random.IntN(30)) * time.Second)
				case 4, 5:
					w.upstream([]error{nil, errRefused}[random.IntN(2)])
				case 6:
					w.local(errRefused)
					fails++
				default:
					w.local(nil)
					fails = 0
				}
				w.holds(fails >= 2)
			}
			w.c.Stop(w.now)
			w.passes(15 * time.Second)
			if !w.c.Gone(w.now) || len(w.c.Desired(w.now).Routes)+len(w.c.Desired(w.now).Bound) > 0 {
				t.Errorf("still announced 15 s after the stop: %+v", w.c.Status(w.now))
			}
		})
	}
}

func (w *world) holds(broken bool) {
	w.Helper()
	d, st := w.c.Desired(w.now), w.c.Status(w.now)[0]
	if broken && len(d.Routes) > 0 {
		w.Fatalf("announced while the local check fails: %+v", st)
	}
	if st.Reason.Code == vip.Held && (st.State != vip.Degraded || len(d.Routes) != 1) {
		w.Fatalf("held but not announced: %+v", st)
	}
	for _, r := range d.Routes {
		if leaving := slices.Contains(r.Communities.Standard, route.GracefulShutdown); leaving != (st.State == vip.Draining) {
			w.Fatalf("GRACEFUL_SHUTDOWN %v in state %s", leaving, st.State)
		}
		if !slices.Contains(d.Bound, r.Prefix.Addr()) {
			w.Fatalf("announced but not bound: %+v", st)
		}
	}
	if strings.TrimSpace(st.Reason.Text) == "" {
		w.Fatalf("no reason: %+v", st)
	}
}
