package interop

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

// TestAnAggregateReachesTheRoutersTable has one instead of its VIPs, and one beside them; both go
// with their backends. Packets to an unused address are dropped at the site.
func TestAnAggregateReachesTheRoutersTable(t *testing.T) {
	for _, b := range brands {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			l, r := newLAN(t)
			one := siteAddresses(1)
			router := b.start(r, b.config(one.neighbours()...))
			inPlace, beside := "198.51.100.0/24", "2001:db8:53::/48"
			start := time.Now()
			watched := map[string]*routes{inPlace: watch(r, inPlace), beside: watch(r, beside), prefix(vip6): watch(r, prefix(vip6))}
			next := map[string]string{inPlace: one.v4, beside: one.v6, prefix(vip6): one.v6}
			site := l.site(1, config(1, hold3.keys, vip4, vip6)+fmt.Sprintf("aggregates: [{prefix: %s, hostRoutes: false}, {prefix: %q}]\n", inPlace, beside))
			for route, address := range next {
				watched[route].becomes(start, comeback, address)
				if best, err := router.best(route); err != nil || best.nextHop != address || best.asPath != fmt.Sprint(one.asn) {
					t.Errorf("%s: got %+v, %v, want it from %s", route, best, err, address)
				}
			}
			if best, err := router.best(prefix(vip4)); !errors.Is(err, errNoPath) {
				t.Errorf("%s: got %+v, %v, want no path beside %s", prefix(vip4), best, err, inPlace)
			}
			for _, vip := range []string{vip4, vip6} {
				eventually(t, "an answer of "+vip, slack, func() error { _, err := r.asks(vip, time.Second); return err })
			}
			for _, p := range []string{inPlace, beside} {
				nobody := netip.MustParsePrefix(p).Addr().Next()
				leads := func() error { _, err := netlink.RouteGet(nobody.AsSlice()); return err }
				if err := site.node.Do(leads); !errors.Is(err, syscall.EINVAL) { // as a blackhole does
					t.Errorf("%s, which is unused, is reachable: %v", nobody, err)
				}
			}
			start = time.Now()
			site.backend.sick.Store(true)
			for route := range next {
				watched[route].becomes(start, slack)
				if best, err := router.best(route); !errors.Is(err, errNoPath) {
					t.Errorf("%s: got %+v, %v, want no path", route, best, err)
				}
			}
		})
	}
}
