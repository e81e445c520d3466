package judge

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/vip"
)

func TestAnAggregateHasTheBestStateThatEnoughOfItsVIPsHave(t *testing.T) {
	for _, c := range []struct {
		least int
		m     vip.Members
		want  vip.State
	}{
		{1, vip.Members{}, ""}, {0, vip.Members{}, ""}, {0, vip.Members{All: 2}, ""},
		{1, vip.Members{Up: 1, All: 3}, vip.Up}, {2, vip.Members{Up: 1, All: 3}, ""}, {2, vip.Members{Up: 1, Degraded: 1, All: 3}, vip.Degraded},
		{2, vip.Members{Up: 2, Degraded: 1, All: 3}, vip.Up}, {1, vip.Members{Degraded: 1, Draining: 2, All: 3}, vip.Degraded},
		{2, vip.Members{Degraded: 1, Draining: 2, All: 3}, vip.Draining}, {1, vip.Members{Draining: 1, All: 1}, vip.Draining},
		{0, vip.Members{Up: 2, All: 3}, ""}, {0, vip.Members{Up: 3, All: 3}, vip.Up}, {0, vip.Members{Up: 1, Degraded: 2, All: 3}, vip.Degraded},
		{0, vip.Members{Up: 2, Draining: 1, All: 3}, vip.Draining}, {5, vip.Members{Up: 3, All: 3}, ""},
	} {
		if got := announcedIn(&config.Aggregate{Least: c.least}, c.m); got != c.want {
			t.Errorf("least %d of %+v: got %q, want %q", c.least, c.m, got, c.want)
		}
	}
}

// TestAnAggregateNeverAttractsTrafficThatIsNotServed checks over random histories, of VIPs with checks in
// common and of two aggregates, that one is announced only with as many VIPs as it needs, and
// with GRACEFUL_SHUTDOWN where so many are not without; and that a VIP without a host route
// has none.
func TestAnAggregateNeverAttractsTrafficThatIsNotServed(t *testing.T) {
	for seed := range uint64(100) {
		w := newUnrest(seed, 3)
		for range 300 {
			w.event()
			w.aggregatesHold(t)
		}
	}
}

// someAggregates are none, or two of the VIPs of an unrest.
func someAggregates(random *rand.Rand) []config.Aggregate {
	if random.IntN(3) == 0 {
		return nil
	}
	var all []config.Aggregate
	for _, text := range []string{"198.51.100.0/30", "198.51.100.4/30"} {
		hosts, discard := random.IntN(2) == 0, random.IntN(4) > 0
		all = append(all, config.Aggregate{Prefix: netip.MustParsePrefix(text), Least: random.IntN(3), HostRoutes: &hosts, Discard: &discard})
	}
	return all
}

func (w *unrest) aggregatesHold(t *testing.T) {
	t.Helper()
	d := w.c.Desired(w.now)
	for _, a := range w.c.aggregates {
		served, staying, all := 0, 0, 0
		for _, v := range w.c.vips {
			if !a.Prefix.Contains(v.config.Address) {
				continue
			}
			if !v.removed && !v.config.Disabled {
				all++
			}
			if as := w.c.announcedAs(v, w.now); as != "" {
				served++
				if as != vip.Draining {
					staying++
				}
			}
			own := slices.ContainsFunc(d.Routes, func(r route.Route) bool { return r.Prefix == route.Host(v.config.Address) })
			if own && !a.HasHostRoutes() {
				t.Fatalf("%s has a host route beside %s", v.config.Address, a.Prefix)
			}
		}
		need := a.Least
		if need == 0 {
			need = max(all, 1)
		}
		i := slices.IndexFunc(d.Routes, func(r route.Route) bool { return r.Prefix == a.Prefix })
		if (i >= 0) != (served >= need) {
			t.Fatalf("%s: announced %v with %d of %d VIPs announced; it needs %d", a.Prefix, i >= 0, served, all, need)
		}
		if i >= 0 && slices.Contains(d.Routes[i].Communities.Standard, route.GracefulShutdown) != (staying < need) {
			t.Fatalf("%s has %v; %d of its VIPs are not draining, and it needs %d", a.Prefix, d.Routes[i].Communities.Texts(), staying, need)
		}
		if (i >= 0 && a.Discards()) != slices.Contains(d.Discarded, a.Prefix) {
			t.Fatalf("%s: got discarded %v", a.Prefix, d.Discarded)
		}
	}
}
