package bgp

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestAnAggregateIsAnnouncedAsTheBestThatEnoughOfItsVIPsAre(t *testing.T) {
	for _, c := range []struct {
		least int
		m     members
		want  State
	}{
		{1, members{}, ""}, {0, members{}, ""}, {0, members{All: 2}, ""},
		{1, members{Up: 1, All: 3}, Up}, {2, members{Up: 1, All: 3}, ""}, {2, members{Up: 1, Degraded: 1, All: 3}, Degraded},
		{2, members{Up: 2, Degraded: 1, All: 3}, Up}, {1, members{Degraded: 1, Draining: 2, All: 3}, Degraded},
		{2, members{Degraded: 1, Draining: 2, All: 3}, Draining}, {1, members{Draining: 1, All: 1}, Draining},
		{0, members{Up: 2, All: 3}, ""}, {0, members{Up: 3, All: 3}, Up}, {0, members{Up: 1, Degraded: 2, All: 3}, Degraded},
		{0, members{Up: 2, Draining: 1, All: 3}, Draining}, {5, members{Up: 3, All: 3}, ""},
	} {
		if got := announcedIn(&Aggregate{Least: c.least}, c.m); got != c.want {
			t.Errorf("least %d of %+v: %q, want %q", c.least, c.m, got, c.want)
		}
	}
}

const withAggregates = `asn: 64512
routerID: 192.0.2.11
peers: [{address: 192.0.2.1, asn: 64500}, {address: "2001:db8::1", asn: 64500}]
`

func TestEveryFaultOfAnAggregateIsNamed(t *testing.T) {
	for text, want := range map[string]string{
		"{prefix: 198.51.100.0/24}":                               "",
		"{prefix: 2001:db8:53::/48, hostRoutes: false, least: 3}": "",
		"{}":                                                     "line 4: aggregates[0].prefix: is required",
		"{prefix: 198.51.100.1/24}":                              "aggregates[0].prefix: 198.51.100.1/24 has bits set beyond its length",
		"{prefix: 198.51.100.1/32}":                              "aggregates[0].prefix: 198.51.100.1/32 is not from /8 to /31",
		"{prefix: 0.0.0.0/0}":                                    "aggregates[0].prefix: 0.0.0.0/0 is not from /8 to /31",
		"{prefix: \"::/0\"}":                                     "aggregates[0].prefix: ::/0 is not from /16 to /127",
		"{prefix: \"::ffff:198.51.100.0/120\"}":                  "aggregates[0].prefix: ::ffff:198.51.100.0/120 has bits set",
		"{prefix: 192.0.2.0/24}":                                 "aggregates[0].prefix: 192.0.2.0/24 holds an address of the peer 192.0.2.1",
		"{prefix: 198.51.100.0/24, least: -1}":                   "aggregates[0].least: -1 is negative",
		"{prefix: 198.51.100.0/24, lest: 1}":                     "line 4: field lest not found",
		"{prefix: 198.51.100.0/24}, {prefix: 198.51.100.128/25}": "aggregates[1].prefix: 198.51.100.128/25 overlaps 198.51.100.0/24",
	} {
		_, err := Parse([]byte(withAggregates + "aggregates: [" + text + "]\n"))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	_, err := Parse([]byte("asn: 64512\nrouterID: 192.0.2.11\npeers: [{address: 192.0.2.1, asn: 64500}]\naggregates: [{prefix: \"2001:db8:53::/48\"}]\n"))
	if err == nil || !strings.Contains(err.Error(), "2001:db8:53::/48 goes to no peer: no peer carries ipv6") {
		t.Errorf("%v", err)
	}
}

// TestAnAggregateNeverDrawsWhatIsNotServed holds over random histories, of VIPs with checks in
// common and of two aggregates, that one is announced only with as many VIPs as it needs, and
// with GRACEFUL_SHUTDOWN where so many are not without; and that a VIP without a host route
// has none.
func TestAnAggregateNeverDrawsWhatIsNotServed(t *testing.T) {
	for seed := range uint64(100) {
		w := newUnrest(seed, 3)
		for range 300 {
			w.event()
			w.aggregatesHold(t)
		}
	}
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
				if as != Draining {
					staying++
				}
			}
			own := slices.ContainsFunc(d.Routes, func(r Route) bool { return r.Prefix == host(v.config.Address) })
			if own && !a.hosts() {
				t.Fatalf("%s has a route of its own beside %s", v.config.Address, a.Prefix)
			}
		}
		need := a.Least
		if need == 0 {
			need = max(all, 1)
		}
		i := slices.IndexFunc(d.Routes, func(r Route) bool { return r.Prefix == a.Prefix })
		if (i >= 0) != (served >= need) {
			t.Fatalf("%s is announced: %v; %d of %d VIPs are, and it needs %d", a.Prefix, i >= 0, served, all, need)
		}
		if i >= 0 && slices.Contains(d.Routes[i].Communities.Standard, GracefulShutdown) != (staying < need) {
			t.Fatalf("%s carries %v; %d of its VIPs stay, and it needs %d", a.Prefix, d.Routes[i].Communities.Texts(), staying, need)
		}
		if (i >= 0 && a.discards()) != slices.Contains(d.Discarded, a.Prefix) {
			t.Fatalf("%s is discarded: %v", a.Prefix, d.Discarded)
		}
	}
}

// someAggregates are none, or two of the VIPs of an unrest.
func someAggregates(random *rand.Rand) []Aggregate {
	if random.IntN(3) == 0 {
		return nil
	}
	var all []Aggregate
	for _, text := range []string{"198.51.100.0/30", "198.51.100.4/30"} {
		hosts, discard := random.IntN(2) == 0, random.IntN(4) > 0
		all = append(all, Aggregate{Prefix: netip.MustParsePrefix(text), Least: random.IntN(3), HostRoutes: &hosts, Discard: &discard})
	}
	return all
}

// TestAnAggregateThatWouldBeALoopIsNotAnnounced has the blackhole route fail at first; the VIP
// itself does not wait for it.
func TestAnAggregateThatWouldBeALoopIsNotAnnounced(t *testing.T) {
	s := runSite(t, 1)
	s.wait(t, "198.51.100.53")
	s.mu.Lock()
	s.loops = 2
	s.mu.Unlock()
	s.write(t, s.text+"aggregates: [{prefix: 198.51.100.0/24}]\n")
	s.waitThrough(t, "198.51.100.53", "198.51.100.53, 198.51.100.0/24")
	st, err := s.call("GET", "/status", nil)
	if err != nil || len(st.Aggregates) != 1 || !st.Aggregates[0].Announced || st.Aggregates[0].State != Up {
		t.Errorf("%+v, %v", st.Aggregates, err)
	}
	s.write(t, s.text+"aggregates: [{prefix: 198.51.100.0/24, hostRoutes: false}]\n")
	s.wait(t, "198.51.100.0/24")
	for range 100 { // the status follows within a moment
		if st, err = s.call("GET", "/status", nil); err == nil && st.VIPs[0].Aggregate != "" {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if v := st.VIPs[0]; !v.Announced || v.Aggregate != "198.51.100.0/24" {
		t.Errorf("%+v", v)
	}
	s.stop(t)
	if len(s.discarded) > 0 {
		t.Errorf("left at the end: %s", fmt.Sprint(s.discarded))
	}
}
