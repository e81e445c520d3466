package interop

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// three is a router, three sites with one VIP, and a client beyond the router.
type three struct {
	brand      brand
	start      time.Time
	router     *node
	neighbours []neighbour
	sites      []*site
	vip        *routes
	client     *node
}

// newThree returns with the sites running, before there is a router.
func newThree(t *testing.T, b brand, change ...string) *three {
	t.Helper()
	n := newNetwork(t)
	r := n.node("r1")
	inside, outside := n.lan("lan"), n.lan("outside")
	inside.join(r, routerID+"/24", routerV6+"/64")
	outside.join(r, "203.0.113.1/24")
	three := &three{brand: b, start: time.Now(), router: r, client: n.node("client"), vip: watch(r, prefix(vip4))}
	outside.join(three.client, "203.0.113.9/24")
	three.client.via("203.0.113.1")
	for number := 1; number <= 3; number++ {
		s := inside.site(number, strings.NewReplacer(change...).Replace(config(number, hold3.keys, vip4)))
		three.sites, three.neighbours = append(three.sites, s), append(three.neighbours, neighbour{address: s.v4, asn: s.asn})
	}
	return three
}

// boot starts the router, which knows the first of the sites.
func (s *three) boot(known int) router {
	return s.brand.start(s.router, s.brand.config(s.neighbours[:known]...))
}

// settle starts the router, and returns when it routes to all three.
func (s *three) settle() router {
	s.vip.t.Helper()
	r := s.boot(3)
	s.vip.becomes(s.start, comeback, s.sites[0].v4, s.sites[1].v4, s.sites[2].v4)
	return r
}

// TestThreeSitesShareTheClientsOfOneVIP also checks that the remaining ones
// answer all clients.
func TestThreeSitesShareTheClientsOfOneVIP(t *testing.T) {
	for _, b := range brands {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			three := newThree(t, b)
			three.settle()
			one, two := three.sites[0], three.sites[1]
			three.wantAnswers("s1.", "s2.", "s3.")
			start := time.Now()
			three.sites[2].backend.sick.Store(true)
			three.vip.becomes(start, slack, one.v4, two.v4)
			three.wantAnswers("s1.", "s2.")
			start = time.Now()
			two.speaker.Stop(syscall.SIGKILL)
			three.vip.becomes(start, slack, one.v4)
			three.wantAnswers("s1.")
		})
	}
}

// wantAnswers queries the VIP from many ports, until exactly these nodes answer:
// the kernel follows the router's table a moment later. Each query
// must be answered.
func (s *three) wantAnswers(nodes ...string) {
	s.vip.t.Helper()
	eventually(s.vip.t, "the nodes that answer", comeback, func() error {
		answers := map[string]int{}
		for range 64 {
			node, err := s.client.asks(vip4, slack)
			if err != nil {
				s.vip.t.Errorf("a query was lost: %v", err)
			}
			answers[node]++
		}
		if got := slices.Sorted(maps.Keys(answers)); !slices.Equal(got, nodes) {
			return fmt.Errorf("got %v, want %v", answers, nodes)
		}
		return nil
	})
}

// TestADrainingSiteLosesItsClientsAndNoQuery stops a speaker while a client sends queries,
// and checks that its route is no longer preferred before it is withdrawn.
func TestADrainingSiteLosesItsClientsAndNoQuery(t *testing.T) {
	const states = `states: {up: {communities: ["64500:53", "64500:1:2"]}, draining: {dwell: 3s, linger: 1s}}`
	for _, b := range brands {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			three := newThree(t, b, noDwell, states)
			router := three.settle()
			if best, err := router.best(prefix(vip4)); err != nil || !slices.Equal(best.communities, []string{"64500:53"}) || !slices.Equal(best.largeCommunities, []string{"64500:1:2"}) {
				t.Errorf("got %+v, %v, want the communities", best, err)
			}
			stop := three.keepAsking()
			start := time.Now()
			three.sites[2].speaker.Signal(syscall.SIGTERM)
			moved := three.vip.becomes(start, slack, three.sites[0].v4, three.sites[1].v4)
			t.Logf("%s: the clients moved %.3f s after SIGTERM", b.name, moved.Seconds())
			three.wantAnswers("s1.", "s2.")
			if !three.sites[2].speaker.Running() {
				t.Error("the speaker exited before its clients had moved")
			}
			eventually(t, "the speaker ends", slack, func() error {
				if three.sites[2].speaker.Running() {
					return errors.New("it is still running")
				}
				return nil
			})
			stop()
		})
	}
}

// keepAsking asks the VIP again and again, and counts a query without an answer as
// a failure of the test. The function that it returns ends that, once so many were
// asked that it says something.
func (s *three) keepAsking() (stop func()) {
	const enough = 100
	done := make(chan struct{})
	var asking sync.WaitGroup
	asking.Go(func() {
		for asked := 0; ; asked++ {
			select {
			case <-done:
				if asked >= enough {
					return
				}
			case <-time.After(5 * time.Millisecond):
			}
			if _, err := s.client.asks(vip4, slack); err != nil {
				s.vip.t.Errorf("query %d was lost: %v", asked, err)
			}
		}
	})
	end := sync.OnceFunc(func() { close(done); asking.Wait() })
	s.vip.t.Cleanup(end)
	return end
}
