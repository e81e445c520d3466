package bgp

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"io"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/vip"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/steering/health"
)

// TestWhateverHappensASpeakerKeepsItsPromises has checks, drains, hints, reloads, Services,
// addresses, routes, disks and signals change in any order at up to three sites that share an
// upstream. Whenever a site has had time to settle, it announces what it can serve and nothing
// else, with the attributes of the state; the status and the metrics say what the router has;
// drains that were said to be saved hold after a restart. Every end is in time, and leaves no
// route, no address and no goroutine.
func TestWhateverHappensASpeakerKeepsItsPromises(t *testing.T) {
	histories, with := 0, map[string]int{}
	rapid.Check(t, func(r *rapid.T) {
		synctest.Test(t, func(t *testing.T) {
			for what := range runStorm(t, r) {
				with[what]++
			}
		})
		histories++
	})
	t.Logf("of %d histories, the number that have each event: %v", histories, with)
	for _, what := range []string{"none", string(vip.Up), string(vip.Degraded), string(vip.Held), restart} {
		if histories >= 100 && with[what] == 0 {
			t.Errorf("no history has %s: the events do not cover it", what)
		}
	}
}

// A history is drawn inside a bubble, and a bubble ends the process when rapid gives up an attempt
// to shrink one by a panic, before the failure is printed.
func init() { _ = flag.Set("rapid.shrinktime", "0s") }

// storm applies events to sites.
type storm struct {
	*rapid.T
	bubble *testing.T
	sites  []*station
	// hasty makes events follow each other before a site has settled.
	hasty bool
	// calm is set while everything had settled before the last event.
	calm bool
	seen map[string]bool // what the history has

	mu      sync.Mutex
	answers map[netip.AddrPort]answerKind
	asked   int
}

// answerKind is what a backend answers.
type answerKind string

const (
	passes   answerKind = "passes"
	refuses  answerKind = "refuses"
	vanishes answerKind = "vanishes" // and takes the whole timeout
	unsteady answerKind = "unsteady" // passes and refuses in turn
)

var allAnswers = []answerKind{passes, refuses, vanishes, unsteady}

// restart is in the histories that have one.
const restart = "restart"

// sharedUpstream is what every site depends on.
var sharedUpstream = netip.MustParseAddrPort("203.0.113.1:53")

const (
	// calmTime is more than any event takes: checks that vanish, dwell and linger, retries, and
	// the second that a Service's data path gets.
	calmTime = 20 * time.Second
	// unsure is how long after the end of a drain or a hint it is left open what is announced.
	unsure = 9 * time.Second
)

func runStorm(t *testing.T, r *rapid.T) (seen map[string]bool) {
	w := &storm{T: r, bubble: t, hasty: rapid.IntRange(0, 2).Draw(r, "hasty") == 0, calm: true, seen: map[string]bool{}, answers: map[netip.AddrPort]answerKind{}}
	askBefore, writeBefore := ask, replaceFile
	ask, replaceFile = w.ask, w.writeFile
	defer func() { ask, replaceFile = askBefore, writeBefore }()
	for i := range rapid.SampledFrom([]int{1, 1, 2, 3}).Draw(r, "sites") {
		w.sites = append(w.sites, newStation(t, w, i))
	}
	for _, n := range w.sites {
		n.starts()
	}
	w.settle()
	for range rapid.IntRange(3, 16).Draw(r, "steps") {
		w.step()
		w.pause()
	}
	w.settle()
	for _, n := range w.sites {
		n.ends(true)
		n.mendDisk() // what a disk holds up ends with the process
	}
	synctest.Wait()
	return w.seen
}

// Errorf also logs what fails where rapid cannot reproduce it: it prints only what fails twice.
func (w *storm) Errorf(format string, args ...any) {
	w.Helper()
	w.bubble.Helper()
	w.bubble.Logf(format, args...)
	w.T.Errorf(format, args...)
}

func (w *storm) n(label string, most int) int { return rapid.IntRange(0, most).Draw(w.T, label) }

func (w *storm) coin(label string) bool { return rapid.Bool().Draw(w.T, label) }

// pause lets everything settle, or not.
func (w *storm) pause() {
	if w.hasty && w.n("settle", 2) > 0 {
		w.calm = false
		for _, n := range w.sites {
			n.loseCount()
		}
		time.Sleep([]time.Duration{0, 30 * time.Millisecond, time.Second, 3 * time.Second}[w.n("pause", 3)])
		return
	}
	w.settle()
}

// settle lets everything settle, and compares it with what it must be.
func (w *storm) settle() {
	time.Sleep(calmTime - 3*retry)
	for _, n := range w.sites {
		n.machine.mu.Lock()
		n.fails = 0 // what is left would meet a check that is unsteady
		n.machine.mu.Unlock()
	}
	time.Sleep(3 * retry)
	synctest.Wait()
	for _, n := range w.sites {
		n.recount()
		n.verify()
	}
	w.verifyAll()
	for _, n := range w.sites {
		n.remember()
	}
	w.calm = true
}

// verifyAll checks that an address that works somewhere is announced somewhere. One without a
// route of its own waits for others of its aggregate.
func (w *storm) verifyAll() {
	for _, a := range allVIPs {
		works, announced := false, false
		for _, n := range w.sites {
			states, _ := n.outlook(a)
			works = works || len(states) > 0 && !contains(states, "") && !n.stuck[route.Host(a)] && n.force.hosts(a)
			announced = announced || n.carries(a)
		}
		if works && !announced {
			w.Errorf("%s works at a site, but no site announces it", a)
		}
	}
}

// ask answers checks.
func (w *storm) ask(ctx context.Context, target federation.Target) (health.Sample, error) {
	kind := w.answer(target.Addr)
	w.mu.Lock()
	w.asked++
	even := w.asked%2 == 0
	w.mu.Unlock()
	switch {
	case kind == vanishes:
		return health.Sample{}, late(ctx)
	case kind == refuses, kind == unsteady && even:
		return health.Sample{}, errRefused
	}
	return health.Sample{}, nil
}

// late waits for the end of a probe that nobody answers; what asks by TCP bounds itself.
func late(ctx context.Context) error {
	deadline, _ := ctx.Deadline()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Until(deadline)):
		return context.DeadlineExceeded
	}
}

// answer is what the backend answers. Who asks a VIP that the machine lacks is answered by
// another site, where it works.
func (w *storm) answer(at netip.AddrPort) answerKind {
	if site := int(at.Port()) - ownPort; site >= 0 && site < len(w.sites) && !w.sites[site].has(at.Addr()) {
		return passes
	}
	return w.own(at)
}

// own is what the backend itself answers.
func (w *storm) own(at netip.AddrPort) answerKind {
	w.mu.Lock()
	defer w.mu.Unlock()
	return cmp.Or(w.answers[at], passes)
}

func (w *storm) setAnswer(at netip.AddrPort, kind answerKind) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers[at] = kind
}

// errHung is the error of a disk that was repaired after its speaker had stopped.
var errHung = errors.New("an input/output error")

// writeFile stands for the disks of the sites.
func (w *storm) writeFile(path string, write func(io.Writer) error) error {
	for _, n := range w.sites {
		if n.owns(path) {
			return n.write(path, write)
		}
	}
	return syscall.ENOENT
}
