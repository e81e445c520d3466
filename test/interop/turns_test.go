package interop

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nearcast/nearcast/bgp/session"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// beside is one of several routers at one switch.
type beside struct {
	router
	brand   brand
	node    *node
	address string
	vip     *routes
}

// severalRouters starts routers at 192.0.2.1 and up that have site 1 as a neighbor.
func severalRouters(l *lan, b brand, n neighbour, number int) (all []*beside) {
	for i := range number {
		r := &beside{brand: b, node: l.node(fmt.Sprintf("r%d", i+1)), address: fmt.Sprintf("192.0.2.%d", i+1)}
		l.join(r.node, r.address+"/24")
		r.vip = watch(r.node, prefix(vip4))
		r.router = b.start(r.node, b.config(n))
		all = append(all, r)
	}
	return all
}

// turning is site 1 with these routers as peers; keys are added to each. A busy machine must end no
// session and fail no check.
func turning(keys string, dwell time.Duration, routers ...*beside) string {
	text := strings.NewReplacer(
		noDwell, fmt.Sprintf("states: {draining: {dwell: %s, linger: 0s}}", dwell),
		"interval: 200ms", "interval: 1s, timeout: 10s",
	).Replace(config(1, "", vip4))
	head, rest, _ := strings.Cut(text, "peers:\n")
	_, vips, _ := strings.Cut(rest, "vips:\n")
	head += "peers:\n"
	for _, r := range routers {
		head += fmt.Sprintf("  - {address: %s, asn: %d, holdTime: 30s%s}\n", r.address, routerASN, keys)
	}
	return head + "vips:\n" + vips
}

// absences returns when a router had no route after a time.
func (r *beside) absences(after time.Time) (all [][2]time.Time) {
	changes := r.vip.since(after)
	for i, c := range changes {
		if c.is != "" {
			continue
		}
		end := time.Now()
		if i+1 < len(changes) {
			end = changes[i+1].at
		}
		all = append(all, [2]time.Time{c.at, end})
	}
	return all
}

// marked fails unless the router's path soon has GRACEFUL_SHUTDOWN.
func (r *beside) marked(site *site) {
	r.node.t.Helper()
	eventually(r.node.t, r.node.name+" is asked to move its traffic", slack, func() error {
		what, err := offer(r, site.v4)
		if err == nil && what != isMarked {
			err = fmt.Errorf("%s", what)
		}
		return err
	})
}

// TestOneKeyForThreeRoutersNeverTakesTheRouteFromTwo follows the man page: one file holds the key of
// all sessions, and the engineer changes the router that the status names.
func TestOneKeyForThreeRoutersNeverTakesTheRouteFromTwo(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short: three turns take a minute")
	}
	for _, b := range brands {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			l := newNetwork(t).lan("lan")
			file := newKey(t, key)
			routers := severalRouters(l, b, withKey(key), 3)
			start := time.Now()
			s := l.site(1, turning(", passwordFile: "+file, 2*time.Second, routers...))
			for _, r := range routers {
				r.vip.becomes(start, comeback, s.v4)
			}
			time.Sleep(4 * time.Second) // each has carried it for long enough
			start = time.Now()
			fixture.Write(t, file, otherKey+"\n")
			for i, r := range routers {
				r.marked(s)
				s.inPhase(r, session.Returns)
				for _, later := range routers[i+1:] {
					s.inPhase(later, session.Waits)
				}
				r.vip.becomes(start, slack)
				replace(r.router, b, withKey(otherKey))
				r.vip.becomes(r.absences(start)[0][0], 2*comeback, s.v4)
			}
			for _, r := range routers {
				s.inPhase(r, "")
			}
			var all [][2]time.Time
			for _, r := range routers {
				gone := r.absences(start)
				if len(gone) != 1 {
					t.Errorf("%s lost the route %d times, want 1", r.node.name, len(gone))
				}
				all = append(all, gone...)
			}
			for i := range all[1:] {
				if all[i+1][0].Before(all[i][1]) {
					t.Errorf("two routers were without the route at once: %s", all)
				}
				t.Logf("%s: r%d was without the route for %.1f s, and r%d %.1f s after it", b.name, i+1, all[i][1].Sub(all[i][0]).Seconds(), i+2, all[i+1][0].Sub(all[i][1]).Seconds())
			}
			s.speaker.wantSecret(key, otherKey)
		})
	}
}

// inPhase waits until a router is in the phase.
func (s *site) inPhase(r *beside, phase session.Phase) {
	r.node.t.Helper()
	eventually(r.node.t, fmt.Sprintf("%s is %q", r.node.name, phase), 2*slack, func() error {
		p, err := s.speaker.peer(r.address)
		is := session.Phase("")
		if err == nil && p.Change != nil {
			is = p.Change.Phase
		}
		if err == nil && is != phase {
			err = fmt.Errorf("%q: %+v", is, p.Change)
		}
		return err
	})
}

// TestAReplacedPeerLeavesByGracefulShutdown also checks that its router reads why the session ended, and that
// the one that takes its place has the route before.
func TestAReplacedPeerLeavesByGracefulShutdown(t *testing.T) {
	for _, b := range brands {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			l := newNetwork(t).lan("lan")
			routers := severalRouters(l, b, one(), 2)
			before, after := routers[0], routers[1]
			start := time.Now()
			s := l.site(1, turning("", 3*time.Second, before))
			before.vip.becomes(start, comeback, s.v4)
			start = time.Now()
			s.speaker.rewrite(turning("", 3*time.Second, after))
			before.marked(s)
			marked := time.Now()
			before.vip.becomes(marked, slack)
			came, went := after.vip.since(start)[1].at, before.vip.since(marked)[1].at
			if marked.Before(came) || went.Sub(marked) < time.Second {
				t.Errorf("the new router has the route at %s; the old one is asked to move traffic at %s and loses it at %s", came, marked, went)
			}
			eventually(t, "the old peer has left", slack, func() error {
				if p, err := s.speaker.peer(before.address); err == nil {
					return fmt.Errorf("%+v", p.Change)
				}
				return nil
			})
			if n := len(after.vip.since(start)); n != 2 {
				t.Errorf("the new router's route changed %d times", n-1)
			}
			before.wantReason(s)
		})
	}
}

// wantReason fails unless the router has read Cease, Peer De-configured.
func (r *beside) wantReason(s *site) {
	r.node.t.Helper()
	command, want := "show bgp neighbors "+s.v4, "Notification received (Cease/Peer De-configured)"
	if r.brand.name == "BIRD" {
		command, want = "show protocols all", "Received: Peer de-configured"
	}
	if text, err := r.ask(command); err != nil || !strings.Contains(text, want) {
		r.node.t.Errorf("%v: want %q in\n%s", err, want, text)
	}
}
