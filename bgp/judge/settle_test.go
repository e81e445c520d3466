package judge

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/vip"
	"github.com/nearcast/nearcast/internal/base/admin/hint"
)

// TestJudgingOnlyAffectedVIPsEqualsJudgingAll compares a Controller after each event of a random
// history with what it would be if everything were judged: VIPs share checks, and ask one another.
func TestJudgingOnlyAffectedVIPsEqualsJudgingAll(t *testing.T) {
	for seed := range uint64(150) {
		w := newUnrest(seed, 7)
		for step := range 300 {
			event := w.event()
			before := w.conclusions()
			w.c.settleAll(w.now)
			if after := w.conclusions(); !reflect.DeepEqual(before, after) {
				t.Fatalf("seed %d, step %d, after %s: got\n%+v\nwant, as when judging everything,\n%+v", seed, step, event, before, after)
			}
		}
	}
}

// TestAVersionChangesExactlyWithItsContent checks that nothing derived is applied too late.
func TestAVersionChangesExactlyWithItsContent(t *testing.T) {
	for seed := range uint64(150) {
		w := newUnrest(seed, 9)
		for step := range 300 {
			version, desired, checks, granted := w.c.Version(), w.c.Desired(w.now), w.c.Checks(w.now), w.c.Granted()
			event := w.event()
			is := w.c.Version()
			if !desired.Equal(w.c.Desired(w.now)) && is.Desired == version.Desired ||
				!maps.EqualFunc(checks, w.c.Checks(w.now), func(a, b config.Check) bool { return reflect.DeepEqual(a, b) }) && is.Checks == version.Checks ||
				!reflect.DeepEqual(granted, w.c.Granted()) && is.Granted == version.Granted {
				t.Fatalf("seed %d, step %d: %s changed more than the version %+v, which was %+v", seed, step, event, is, version)
			}
		}
	}
}

// unrest applies random events to a Controller.
type unrest struct {
	*rand.Rand
	c   *Controller
	now time.Time
}

func newUnrest(seed, of uint64) *unrest {
	random := rand.New(rand.NewPCG(seed, of))
	w := &unrest{Rand: random, now: time.Unix(1e9, 0)}
	cfg := plainConfig()
	cfg.Flaps, cfg.StartupHold, cfg.Aggregates = config.Flaps{Budget: 1, Window: time.Minute}, 1+random.IntN(3), someAggregates(random)
	w.c = NewController(cfg)
	w.c.Declare(w.world(), w.now)
	return w
}

func (w *unrest) address() netip.Addr {
	return netip.AddrFrom4([4]byte{198, 51, 100, byte(1 + w.IntN(5))})
}

// world returns random VIPs with some of a few checks.
func (w *unrest) world() []config.VIP {
	var all []config.VIP
	for i := range 5 {
		if w.IntN(4) == 0 {
			continue
		}
		v := config.VIP{Address: netip.AddrFrom4([4]byte{198, 51, 100, byte(1 + i)}), Disabled: w.IntN(8) == 0}
		if w.IntN(2) == 0 {
			v.Bind = "lo"
		}
		if w.IntN(3) == 0 {
			v.Owners = []vip.ServiceRef{{Namespace: []string{"media", "iot"}[w.IntN(2)], Name: "x"}}
			v.Backing = vip.Backing{State: vip.BackingState(w.IntN(3)), Reason: "random"}
		}
		v.Checks = []config.Check{{TCP: &config.TCPCheck{Address: netip.AddrPortFrom(w.address(), 53)}, Scope: vip.Local, Rise: 2, Fall: 2}}
		if w.IntN(2) == 0 {
			v.Checks = append(v.Checks, config.Check{TCP: &config.TCPCheck{Address: netip.AddrPortFrom(w.address(), 80)}, Scope: vip.Upstream, Rise: 1, Fall: 1})
		}
		all = append(all, v)
	}
	return all
}

func (w *unrest) event() string {
	switch w.IntN(14) {
	case 0:
		w.c.Declare(w.world(), w.now)
		return "a declaration"
	case 1:
		w.c.SetDrains([]vip.Drain{{VIP: w.address(), Until: w.now.Add(time.Duration(w.IntN(60)) * time.Second)}, {VIP: w.address()}}, w.now)
		return "drains"
	case 2:
		w.c.SetDrains(nil, w.now)
		return "the end of drains"
	case 3:
		w.c.SetHints([]hint.Hint{{VIP: w.address(), Namespace: "media"}}, w.now.Add(10*time.Second), w.now)
		return "hints"
	case 4:
		w.c.SetNodeDrained([]string{"", "", "a taint"}[w.IntN(3)], w.now)
		return "a taint"
	case 5:
		_, _ = w.c.Undamp(w.address(), w.now) // the address may not be a VIP
		return "undamp"
	case 6, 7:
		if next := w.c.Next(w.now); !next.IsZero() {
			w.now = next
		}
		w.c.Advance(w.now)
		return "the time of the next change"
	case 8:
		w.now = w.now.Add(time.Duration(w.IntN(20)) * time.Second)
		w.c.Advance(w.now)
		return "time"
	}
	ids := slices.Sorted(maps.Keys(w.c.checks))
	if len(ids) == 0 {
		return "nothing"
	}
	w.now = w.now.Add(time.Millisecond)
	id, result := ids[w.IntN(len(ids))], []error{nil, nil, errRefused}[w.IntN(3)]
	for range 1 + w.IntN(2) {
		w.c.Observe(id, result, w.now)
	}
	return fmt.Sprintf("the result %v of %s", result, id)
}

// conclusions are all that follows.
func (w *unrest) conclusions() []any {
	return []any{w.c.Status(w.now), w.c.Desired(w.now), w.c.Checks(w.now), w.c.Granted(), w.c.Aggregates(w.now), w.c.Next(w.now)}
}
