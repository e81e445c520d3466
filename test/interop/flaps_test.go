package interop

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/nearcast/nearcast/bgp/vip"
)

// A site with a slow check of its name server: ten passes at the start, and two
// failures in twelve seconds.
const (
	flapWindow = 12 * time.Second
	flapBudget = 2
	holdPasses = 10
	slowTrust  = "startupHold: 10\nflaps: {budget: 2, window: 12s}\n"
	// leastHold is what the passes after the first take, with the jitter that checks
	// of 200 ms have; the second comes after a quarter of that.
	leastHold = (holdPasses - 2) * 200 * time.Millisecond * 95 / 100
)

// TestAFlappingSiteIsAnnouncedAsDegraded breaks and repairs the name server of a site
// until its budget is used up. Every time the route goes at once, and comes back; in the
// end it is degraded until the first failure is past.
func TestAFlappingSiteIsAnnouncedAsDegraded(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short: it waits for a window to pass")
	}
	measured := &table{heading: "router\tevent\tafter"}
	t.Run("routers", func(t *testing.T) {
		for _, b := range brands {
			t.Run(b.name, func(t *testing.T) {
				t.Parallel()
				p := newPeering(t, b, one(), slowTrust+config(1, hold3.keys, vip4))
				p.site.backend.sick.Store(true)
				established(p.node, p.router, p.site.v4)
				// The first announcement may have gone out before the name server was sick.
				p.site.speaker.restart()
				established(p.node, p.router, p.site.v4)

				note := func(event string, d time.Duration) { measured.add([]time.Duration{d}, b.name, event) }
				start := time.Now()
				p.site.backend.sick.Store(false)
				held := p.vip.becomes(start, slack, p.site.v4)
				if note("0: repaired for the first time, announced", held); held < leastHold {
					t.Errorf("announced %s after the repair; %d passes take %s", held, holdPasses, leastHold)
				}

				var first time.Time
				for failure := 1; failure <= flapBudget+1; failure++ {
					start = time.Now()
					p.site.backend.sick.Store(true)
					note(fmt.Sprintf("%d: broken, withdrawn", failure), p.vip.becomes(start, prompt))
					if failure == 1 {
						first = start
					}
					start = time.Now()
					p.site.backend.sick.Store(false)
					note(fmt.Sprintf("%d: repaired, announced", failure), p.vip.becomes(start, prompt, p.site.v4))
				}
				state := func(want vip.State, code vip.Code) func() error {
					return func() error {
						st, err := p.site.speaker.glance()
						if err == nil && (st.VIPs[0].State != want || st.VIPs[0].Reason.Code != code) {
							err = errors.New(st.VIPs[0].Reason.Text)
						}
						return err
					}
				}
				eventually(t, "the VIP is held as degraded", prompt, state(vip.Degraded, vip.Held))
				eventually(t, "the VIP is up", flapWindow+slack, state(vip.Up, vip.Passing))
				if over := time.Since(first); over < flapWindow {
					t.Errorf("up %s after the first failure, within the window of %s", over, flapWindow)
				}
			})
		}
	})
	measured.print(t)
}

// restart stops and starts the speaker.
func (s *speaker) restart() {
	s.node.t.Helper()
	s.Stop(syscall.SIGTERM)
	s.node.run(s.Process)
}
