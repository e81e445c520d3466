package interop

import (
	"errors"
	"syscall"
	"testing"
	"time"
)

// scene is a router and one site at a switch.
type scene struct {
	router router
	cable  *cable // the router's
	site   *site
	vip    *routes
}

// timers are the timers by which a router and a speaker notice that the other is silent.
type timers struct {
	name string
	keys string // of the speaker's peer
	bfd  bool
	// notice is how long that takes.
	notice time.Duration
}

var (
	hold3 = timers{"hold 3 s", "holdTime: 3s", false, 3 * time.Second}
	hold9 = timers{"hold 9 s", "holdTime: 9s", false, 9 * time.Second}
	// With so long a hold time it is BFD that notices: 3 × 300 ms.
	bfd       = timers{"BFD 0.9 s", "holdTime: 90s, bfd: true", true, 900 * time.Millisecond}
	allTimers = []timers{hold3, hold9, bfd}
)

// newScene returns when the router routes to the site's VIP.
func newScene(t *testing.T, b brand, timers timers) *scene {
	t.Helper()
	l, r := newLAN(t)
	s := &scene{cable: r.cable, vip: watch(r, prefix(vip4))}
	one := siteAddresses(1)
	s.router = b.start(r, b.config(neighbour{address: one.v4, asn: one.asn, bfd: timers.bfd}))
	start := time.Now()
	s.site = l.site(1, config(1, timers.keys, vip4))
	s.vip.becomes(start, comeback, one.v4)
	return s
}

// comeback bounds how long a route may take to return: GoBGP waits for five
// seconds after a session, BIRD for as long after an error, and both before each
// attempt to connect.
const comeback = 3 * slack

// event is something that happens to a site, and its end.
type event struct {
	name   string
	strike func(*scene)
	heal   func(*scene)
	// silent: only timers tell the router.
	silent bool
}

var (
	sigterm = event{
		name:   "SIGTERM",
		strike: func(s *scene) { s.site.speaker.Stop(syscall.SIGTERM) },
		heal:   func(s *scene) { s.site.node.run(s.site.speaker.Process) },
	}
	sigkill = event{
		name:   "SIGKILL",
		strike: func(s *scene) { s.site.speaker.Stop(syscall.SIGKILL) },
		heal:   func(s *scene) { s.site.node.run(s.site.speaker.Process) },
	}
	sigstop = event{
		name:   "SIGSTOP",
		strike: func(s *scene) { s.site.speaker.Signal(syscall.SIGSTOP) },
		heal:   func(s *scene) { s.site.speaker.Signal(syscall.SIGCONT) },
		silent: true,
	}
	// The switch hides it from the router.
	siteLinkDown = event{
		name:   "link down, site's",
		strike: func(s *scene) { s.site.cable.cut() },
		heal:   func(s *scene) { s.site.cable.repair() },
		silent: true,
	}
	routerLinkDown = event{
		name:   "link down, router's",
		strike: func(s *scene) { s.cable.cut() },
		heal:   func(s *scene) { s.cable.repair() },
	}
	routerRestart = event{
		name:   "router restart",
		strike: func(s *scene) { s.router.stop() },
		heal:   func(s *scene) { s.router.start() },
	}
)

// prompt bounds the removal if the router is notified: it waits for no
// hold time.
const prompt = 3 * time.Second

// measure starts and ends the event, checks the removal against its bound, and
// returns how long removal and return took.
func (s *scene) measure(e event, timers timers) (removal, back time.Duration) {
	s.vip.t.Helper()
	if timers.bfd {
		s.waitForBFD()
	}
	bound := prompt
	if e.silent {
		bound = timers.notice + slack
	}
	start := time.Now()
	e.strike(s)
	removal = s.vip.becomes(start, bound)
	start = time.Now()
	e.heal(s)
	return removal, s.vip.becomes(start, comeback, s.site.v4)
}

// waitForBFD waits until BFD watches: it begins after BGP, and slowly.
func (s *scene) waitForBFD() {
	s.vip.t.Helper()
	waitForBFD(s.vip.t, s.router, s.site)
}

func waitForBFD(t *testing.T, r router, s *site) {
	t.Helper()
	eventually(t, "BFD is up", slack, func() error {
		session, err := r.session(s.v4)
		if err == nil && !session.bfd {
			err = errors.New("it is not")
		}
		return err
	})
}
