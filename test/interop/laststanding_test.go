package interop

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// A dependency of every site, at the sites' own switch.
const (
	upstream = "192.0.2.99"
	// needsIt adds a check of it to a site's checks.
	needsIt = `interval: 200ms}, {dns: {server: "` + upstream + `:53", name: ` + zone + `}, scope: upstream, rise: 2, fall: 2, interval: 200ms, timeout: 300ms}]`
	// A drain lasts longer than the test.
	longDrain = "states: {draining: {dwell: 5m, linger: 0s}}"
)

// TestTheLastSiteStandingKeepsItsRoute cuts sites off from their dependency,
// and then removes sites: BGP alone prefers those that reach it, then those
// that do not, then those that drain. If no site reaches it, all stay announced.
func TestTheLastSiteStandingKeepsItsRoute(t *testing.T) {
	routers := brands
	if testing.Short() {
		t.Log("SKIPPED: -short: FRR only")
		routers = brands[:1]
	}
	for _, b := range routers {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			s := newDependent(t, b)
			one, two, three := s.sites[0], s.sites[1], s.sites[2]

			start := time.Now()
			one.loses(upstream)
			s.vip.becomes(start, slack, s.addresses(one)...)
			s.wantOffers(isDegraded, isOffered, isOffered)
			s.wantAnswers("s2.", "s3.")

			start = time.Now()
			one.finds(upstream)
			s.vip.becomes(start, slack, s.addresses()...)
			s.wantOffers(isOffered, isOffered, isOffered)

			stop := s.keepAsking()
			start = time.Now()
			s.dependency.cut()
			s.wantOffers(isDegraded, isDegraded, isDegraded)
			s.wantAttributes(one)
			s.wantRoute(s.addresses()...)
			s.wantAnswers("s1.", "s2.", "s3.")
			for _, c := range s.vip.since(start) {
				if c.is == "" {
					t.Errorf("the VIP lost all routes: %v", s.vip.since(start))
				}
			}

			start = time.Now()
			one.drain()
			s.vip.becomes(start, slack, s.addresses(one)...)
			s.wantOffers(isMarked, isDegraded, isDegraded)
			s.wantAnswers("s2.", "s3.")
			stop()

			start = time.Now()
			two.backend.sick.Store(true)
			s.vip.becomes(start, slack, three.v4)
			s.wantOffers(isMarked, "", isDegraded)
			s.wantAnswers("s3.")

			// With all others gone, a draining site is better than none.
			start = time.Now()
			three.backend.sick.Store(true)
			s.vip.becomes(start, slack, one.v4)
			s.wantOffers(isMarked, "", "")
			s.wantAnswers("s1.")

			start = time.Now()
			s.dependency.repair()
			one.undrain()
			two.backend.sick.Store(false)
			three.backend.sick.Store(false)
			s.wantOffers(isOffered, isOffered, isOffered)
			s.wantRoute(s.addresses()...)
			t.Logf("%s: everything is back %.3f s after the repair", b.name, time.Since(start).Seconds())
		})
	}
}

// dependent is three sites that depend on something.
type dependent struct {
	*three
	dependency *cable // its
	router     router
}

// newDependent returns when every site is up.
func newDependent(t *testing.T, b brand) *dependent {
	t.Helper()
	s := &dependent{three: newThree(t, b, noDwell, longDrain, "interval: 200ms}]", needsIt)}
	node := s.client.node("upstream")
	s.dependency = s.sites[0].cable.lan.join(node, upstream+"/24")
	node.backend(upstream)
	s.router = s.settle()
	s.wantOffers(isOffered, isOffered, isOffered)
	s.wantRoute(s.addresses()...)
	return s
}

// loses cuts the site off from an address, and finds undoes it.
func (s *site) loses(address string) {
	s.node.t.Helper()
	s.node.ip("route", "add", "blackhole", address)
}

func (s *site) finds(address string) {
	s.node.t.Helper()
	s.node.ip("route", "del", "blackhole", address)
}

// wantOffers waits until the router knows these paths from the sites.
func (s *dependent) wantOffers(want ...string) {
	s.vip.t.Helper()
	eventually(s.vip.t, "what the sites offer", comeback, func() error {
		var got []string
		for _, site := range s.sites {
			one, err := offer(s.router, site.v4)
			if err != nil {
				return err
			}
			got = append(got, one)
		}
		if !slices.Equal(got, want) {
			return fmt.Errorf("got %q, want %q", got, want)
		}
		return nil
	})
}

// wantRoute waits until the router sends its clients there.
func (s *three) wantRoute(hops ...string) {
	s.vip.t.Helper()
	eventually(s.vip.t, "the route", comeback, func() error {
		if got := s.vip.now(); got != strings.Join(hops, " ") {
			return fmt.Errorf("got next hops [%s], want %v", got, hops)
		}
		return nil
	})
}

// wantAttributes checks that the path of a degraded site has the speaker's defaults.
func (s *dependent) wantAttributes(of *site) {
	s.vip.t.Helper()
	all, err := s.router.paths(prefix(vip4))
	longer := strings.TrimSpace(strings.Repeat(fmt.Sprintf("%d ", of.asn), 1+degradedPrepend))
	if !slices.ContainsFunc(all, func(p path) bool {
		return p.nextHop == of.v4 && p.asPath == longer && p.med == degradedMED && len(p.communities) == 0
	}) {
		s.vip.t.Errorf("got %+v, %v, want one from %s by %s with MED %d", all, err, of.v4, longer, degradedMED)
	}
}

// degradedPrepend is the speaker's default.
const degradedPrepend = 3
