package bgp

import (
	"context"
	"io"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/vip"
)

// clinging is an Announcer that cannot withdraw the route to one address.
type clinging struct {
	*machine
	to netip.Addr
}

func (c *clinging) Set(routes []route.Route) ([]route.Route, error) {
	c.mu.Lock()
	attributes, is := c.routes[c.to]
	c.mu.Unlock()
	if !is || slices.ContainsFunc(routes, func(r route.Route) bool { return r.Prefix == route.Host(c.to) }) {
		return c.machine.Set(routes)
	}
	announced, _ := c.machine.Set(append(slices.Clone(routes), route.Route{Prefix: route.Host(c.to), Attributes: attributes}))
	return announced, errOdd
}

// Close ends the sessions, and all routes with them.
func (c *clinging) Close(time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.routes)
	return nil
}

// TestARouteThatCannotBeWithdrawnKeepsOnlyItsOwnAddress also checks that the status says of it
// what the router has, and that the end leaves nothing behind.
func TestARouteThatCannotBeWithdrawnKeepsOnlyItsOwnAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		m.there[given] = true
		runWith(t, m, &clinging{m, bound4}, func(s *speaker) {
			s.do(t.Context(), func() { s.log(s.controller.SetDrains([]vip.Drain{{}}, time.Now())) })
			time.Sleep(5 * time.Second)
			m.settles()
			m.wants("drained", bound4.String())
			if !m.ours[bound4] || m.ours[bound6] {
				t.Errorf("got %v bound", m.ours)
			}
			for _, v := range s.Status().VIPs {
				if want := v.Address == bound4.String(); v.State != vip.Down || v.Announced != want || (v.Attributes != nil) != want {
					t.Errorf("%+v", v)
				}
			}
		})
	})
}

// TestAHangingDiskDoesNotPreventAnExit has a drain be written to a disk that does not answer.
func TestAHangingDiskDoesNotPreventAnExit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mended := make(chan struct{})
		before := replaceFile
		replaceFile = func(string, func(io.Writer) error) error { <-mended; return errOdd }
		defer func() { replaceFile = before }()
		config := plainConfig()
		config.State = filepath.Join(t.TempDir(), "state")
		m := newMachine(t)
		ctx, cancel := context.WithCancel(context.Background())
		s := newSpeaker(Options{Config: config, Announcer: m, Binder: m, Log: discard})
		ended := make(chan error)
		go func() { ended <- s.run(ctx) }()
		synctest.Wait()
		var err error
		s.do(t.Context(), func() { err = s.drains.set(vip.Drain{Reason: "kernel"}, time.Now()) })
		if s.drains.file.Save(t.Context()); err != nil || !strings.Contains(s.Status().DrainsUnsaved, "has not been written yet") {
			t.Errorf("control: got %v, %q", err, s.Status().DrainsUnsaved)
		}
		signalled := time.Now()
		cancel()
		if err := <-ended; err != nil || time.Since(signalled) > closing {
			t.Errorf("it stopped after %s: %v", time.Since(signalled), err)
		}
		close(mended)
		synctest.Wait()
	})
}
