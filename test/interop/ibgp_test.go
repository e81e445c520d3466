package interop

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestIBGPOrdersSitesByLocalPreference: prepends would be a loop there,
// and GRACEFUL_SHUTDOWN alone moves nothing.
func TestIBGPOrdersSitesByLocalPreference(t *testing.T) {
	const (
		upstream = "127.0.0.53"
		states   = "states: {degraded: {localPreference: 50, prepend: 3}, draining: {localPreference: 0, prepend: 6, dwell: 1m, linger: 0s}}"
	)
	for _, b := range brands {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			inside := func(number int) string {
				s := siteAddresses(number)
				text := strings.Replace(config(number, hold3.keys, vip4), fmt.Sprintf("asn: %d", s.asn), fmt.Sprintf("asn: %d", routerASN), 1)
				text = strings.Replace(text, noDwell, states, 1)
				return strings.Replace(text, "checks: [", fmt.Sprintf("checks: [{dns: {server: %q, name: %s}, scope: upstream, rise: 2, fall: 2, interval: 200ms}, ", upstream+":53", zone), 1)
			}
			l, r := newLAN(t)
			vip := watch(r, prefix(vip4))
			var sites []*site
			var upstreams []*backend
			var neighbours []neighbour
			for number := 1; number <= 2; number++ {
				s := l.site(number, inside(number))
				sites, upstreams = append(sites, s), append(upstreams, s.node.backend(upstream))
				neighbours = append(neighbours, neighbour{address: s.v4, asn: routerASN})
			}
			start := time.Now()
			router := b.start(r, b.config(neighbours...))
			want := func(s *site, localPref int, communities ...string) {
				t.Helper()
				eventually(t, fmt.Sprintf("%s has local preference %d", s.v4, localPref), slack, func() error {
					all, err := router.paths(prefix(vip4))
					if err != nil {
						return err
					}
					for _, p := range all {
						if p.nextHop == s.v4 && p.localPref == localPref && p.asPath == "" && slices.Equal(p.communities, communities) {
							return nil
						}
					}
					return fmt.Errorf("%+v", all)
				})
			}
			wantBest := func(s *site) {
				t.Helper()
				if best, err := router.best(prefix(vip4)); err != nil || best.nextHop != s.v4 {
					t.Errorf("best path: got %+v, %v, want that of %s", best, err, s.v4)
				}
			}
			one, two := sites[0], sites[1]
			vip.becomes(start, comeback, one.v4, two.v4)
			want(one, 100)
			want(two, 100)

			start = time.Now()
			upstreams[0].sick.Store(true)
			vip.becomes(start, slack, two.v4)
			want(one, 50)
			wantBest(two)

			start = time.Now()
			two.tell(http.MethodPut)
			vip.becomes(start, slack, one.v4)
			want(two, 0, "65535:0")
			want(one, 50)
			wantBest(one)

			start = time.Now()
			two.tell(http.MethodDelete)
			vip.becomes(start, slack, two.v4)
			want(two, 100)
			upstreams[0].sick.Store(false)
			vip.becomes(start, slack, one.v4, two.v4)
			established(r, router, one.v4)
		})
	}
}
