package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/nearcast/nearcast/bgp"
	"github.com/nearcast/nearcast/bgp/route"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// fake has IPv4 default routes that the test sets, and no IPv6 ones.
type fake struct {
	mu      sync.Mutex
	routers string
	err     error
	lists   int
	changed func()
}

func (f *fake) list(family route.Family) ([]bgp.Router, string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if family == route.IPv6 {
		return nil, "no ipv6 default route yet", nil
	}
	f.lists++
	var routers []bgp.Router
	for _, text := range strings.Fields(f.routers) {
		routers = append(routers, bgp.Router{Addr: netip.MustParseAddr(text)})
	}
	return routers, "no ipv4 default route yet", f.err
}

func (f *fake) watch(ctx context.Context, changed func()) error {
	f.mu.Lock()
	f.changed = changed
	f.mu.Unlock()
	changed()
	<-ctx.Done()
	return nil
}

func (f *fake) become(routers string) {
	f.mu.Lock()
	f.routers = routers
	changed := f.changed
	f.mu.Unlock()
	changed()
}

// seen records what a Finder reported last, and how often it reported.
type seen struct {
	mu    sync.Mutex
	text  string
	times int
}

func (s *seen) take(found map[route.Family]bgp.Gateway) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text, s.times = "", s.times+1
	for _, r := range found[route.IPv4].Routers {
		s.text += r.Addr.String() + " "
	}
	s.text = strings.TrimSpace(s.text + found[route.IPv4].Problem)
}

func (s *seen) want(t *testing.T, text string, times int) {
	t.Helper()
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.text != text || s.times != times {
		t.Errorf("got report %q as number %d, want %q as number %d", s.text, s.times, text, times)
	}
}

// run has a Finder watch the routes.
func run(t *testing.T, f *fake) *seen {
	t.Helper()
	s := &seen{}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		(&Finder{f, quiet}).Run(ctx, s.take)
	}()
	t.Cleanup(func() { cancel(); <-done })
	time.Sleep(2 * settle)
	return s
}

const none = "no ipv4 default route yet"

// TestARouterIsKeptForAWhileAfterItsRouteIsGone checks that a route which is missing for less than that
// changes nothing, and that a replaced router is removed after its successor is found.
func TestARouterIsKeptForAWhileAfterItsRouteIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		s := run(t, f)
		s.want(t, none, 1)
		f.become("192.0.2.1")
		time.Sleep(settle)
		s.want(t, "192.0.2.1", 2)
		f.become("")
		time.Sleep(keep - time.Second)
		f.become("192.0.2.1")
		time.Sleep(2 * keep)
		s.want(t, "192.0.2.1", 2)
		f.become("192.0.2.2")
		time.Sleep(settle)
		s.want(t, "192.0.2.1 192.0.2.2", 3)
		time.Sleep(keep - time.Millisecond)
		s.want(t, "192.0.2.1 192.0.2.2", 3)
		time.Sleep(time.Millisecond)
		s.want(t, "192.0.2.2", 4)
		f.become("")
		time.Sleep(keep + settle)
		s.want(t, none, 5)
	})
}

// TestRoutersOfEqualRoutesAreReportedTogether checks that changes in quick succession are reported once, and that routes
// that keep changing are reported too.
func TestRoutersOfEqualRoutesAreReportedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		s := run(t, f)
		f.become("192.0.2.2")
		time.Sleep(settle / 2)
		f.become("192.0.2.2 192.0.2.1")
		time.Sleep(settle)
		s.want(t, "192.0.2.1 192.0.2.2", 2)
		before := f.lists
		for range 1000 {
			f.become("192.0.2.3")
			time.Sleep(settle / 100)
		}
		if n := f.lists - before; n < 9 || n > 11 {
			t.Errorf("read the routes %d times for a thousand changes within 2.5 s", n)
		}
	})
}

// TestRoutesThatCannotBeReadChangeNothing checks that an error does not count as removed routes.
func TestRoutesThatCannotBeReadChangeNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{routers: "192.0.2.1"}
		s := run(t, f)
		s.want(t, "192.0.2.1", 1)
		f.err = errors.New("injected failure")
		f.become("")
		time.Sleep(2 * keep)
		s.want(t, "192.0.2.1", 1)
		f.err = nil
		time.Sleep(again) // nothing changes, and it is read again
		f.become("")
		time.Sleep(settle)
		s.want(t, "192.0.2.1", 1)
	})
}

// deaf has routes that cannot be watched.
type deaf struct{ *fake }

func (deaf) watch(context.Context, func()) error { return errors.New("no netlink here") }

func TestRoutesThatCannotBeWatchedAreReadPeriodically(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, s := &fake{}, &seen{}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go (&Finder{deaf{f}, quiet}).Run(ctx, s.take)
		s.want(t, none, 1)
		f.routers = "192.0.2.1"
		time.Sleep(again + settle)
		s.want(t, "192.0.2.1", 2)
		cancel()
		synctest.Wait()
	})
}

// TestARouterIsReportedWhileItsRouteExistsAndShortlyAfter adds and removes routes in any order.
func TestARouterIsReportedWhileItsRouteExistsAndShortlyAfter(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		steps := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) step {
			return step{
				rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"192.0.2.1", "192.0.2.2", "192.0.2.3"}), 0, 3, rapid.ID[string]).Draw(r, "routers"),
				time.Duration(rapid.IntRange(1, 45).Draw(r, "seconds"))*time.Second + settle + time.Millisecond,
			}
		}), 1, 20).Draw(r, "steps")
		var wrong string
		synctest.Test(t, func(t *testing.T) { wrong = play(t, steps) })
		if wrong != "" {
			r.Fatal(wrong)
		}
	})
}

// step has the routers of the default routes, and how long they last.
type step struct {
	routers []string
	lasts   time.Duration
}

// play returns the first wrong report; "" for none.
func play(t *testing.T, steps []step) string {
	f := &fake{}
	s := run(t, f)
	read := map[string]time.Time{} // when a route to each was read last
	for i, step := range steps {
		f.become(strings.Join(step.routers, " "))
		time.Sleep(step.lasts)
		synctest.Wait()
		end := time.Now()
		for _, a := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.3"} {
			is := slices.Contains(step.routers, a)
			if is {
				delete(read, a)
			} else if _, left := read[a]; !left && (i == 0 || !slices.Contains(steps[i-1].routers, a)) {
				read[a] = time.Time{} // it never was
			} else if !left {
				read[a] = end.Add(settle - step.lasts)
			}
			lately := !read[a].IsZero() && end.Sub(read[a]) < keep
			if reported := strings.Contains(s.text, a); reported != (is || lately) {
				return fmt.Sprintf("step %d: reported %q; %s has a route: %v, had one recently: %v", i, s.text, a, is, lately)
			}
		}
	}
	return ""
}
