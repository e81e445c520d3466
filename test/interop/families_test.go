package interop

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestBothFamiliesReachTheRoutersTable(t *testing.T) {
	for _, b := range brands {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			l, r := newLAN(t)
			one := siteAddresses(1)
			router := b.start(r, b.config(one.neighbours()...))
			start := time.Now()
			watched := map[string]*routes{vip4: watch(r, prefix(vip4)), vip6: watch(r, prefix(vip6))}
			site := l.site(1, config(1, hold3.keys, vip4, vip6))
			for vip, address := range map[string]string{vip4: one.v4, vip6: one.v6} {
				watched[vip].becomes(start, comeback, address)
				if s := established(r, router, address); s.hold != hold3.notice {
					t.Errorf("the session with %s holds %s, want %s", address, s.hold, hold3.notice)
				}
				best, err := router.best(prefix(vip))
				if err != nil || best.nextHop != address || best.asPath != fmt.Sprint(one.asn) || len(best.communities) != 0 {
					t.Errorf("%s: got %+v, %v, want it from %s", vip, best, err, address)
				}
			}
			start = time.Now()
			site.backend.sick.Store(true)
			for vip, route := range watched {
				route.becomes(start, slack)
				if best, err := router.best(prefix(vip)); !errors.Is(err, errNoPath) {
					t.Errorf("%s: got %+v, %v, want no path", vip, best, err)
				}
			}
		})
	}
}

// TestASiteConfiguredLaterOnTheRouterIsSoonConnected also checks that the sites it
// knew keep their sessions.
func TestASiteConfiguredLaterOnTheRouterIsSoonConnected(t *testing.T) {
	for _, b := range brands {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			three := newThree(t, b)
			router := three.boot(1)
			three.vip.becomes(three.start, comeback, three.sites[0].v4)
			before := established(three.router, router, three.sites[0].v4)
			start := time.Now()
			router.configure(b.config(three.neighbours...))
			three.vip.becomes(start, comeback, three.sites[0].v4, three.sites[1].v4, three.sites[2].v4)
			if after := established(three.router, router, three.sites[0].v4); !after.same(before) {
				t.Errorf("the first session changed: got %+v, was %+v", after, before)
			}
		})
	}
}
