package health

import (
	"context"
	"math"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
	"unique"

	"github.com/nearcast/nearcast/internal/federation"
)

// numbered is one of very many targets.
func numbered(i int) federation.Target {
	addr := netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)})
	return federation.Target{Kind: federation.ProbeTCP, Addr: netip.AddrPortFrom(addr, 80)}
}

func numberedUpTo(n int) map[federation.Target]bool {
	all := make(map[federation.Target]bool, n)
	for i := range n {
		all[numbered(i)] = true
	}
	return all
}

// mostPerStep is how many times the mean may start in one step: the pace exceeds the mean
// by a quarter, and has to make up for half a step.
const mostPerStep = 2

func TestProbesAreSpreadEvenlyFromTheFirstRoundOn(t *testing.T) {
	const n = 20_000
	synctest.Test(t, func(t *testing.T) {
		w, s := newWorld(), &starts{began: time.Now()}
		c := config
		c.InFlight = n
		p := New(c, s.counting(w.probe))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { p.Run(ctx); close(done) }()
		declare(p, numberedUpTo(n), nil)
		time.Sleep(c.Interval)
		if !p.Settled() {
			t.Error("the first round took more than an interval")
		}
		time.Sleep(5 * c.Interval)
		mean := n * step.Seconds() / c.Interval.Seconds()
		if all, most := s.between(s.began, time.Now()); all < 5*n || float64(most) > mostPerStep*mean {
			t.Errorf("%d probes started, and %d in one step of %s, which is %.1f times the mean", all, most, step, float64(most)/mean)
		}
		cancel()
		<-done
	})
}

// TestAFewNewTargetsAreProbedAtOnce bounds the delay that the pace adds.
func TestAFewNewTargetsAreProbedAtOnce(t *testing.T) {
	c := config
	c.InFlight = 100
	run(t, c, func(p *Prober, _ *world) {
		declare(p, numberedUpTo(100), nil)
		time.Sleep(150 * time.Millisecond)
		if !p.Settled() {
			t.Error("not probed within 150 ms")
		}
	})
}

func TestManyBlackHolesDelayNoOtherTargets(t *testing.T) {
	const n, vanish = 2000, 600
	c := config
	c.InFlight = 100 // black holes would take 171 all the time
	run(t, c, func(p *Prober, w *world) {
		declare(p, numberedUpTo(n), nil)
		time.Sleep(2 * c.Interval)
		for i := range vanish {
			w.set(w.hang, numbered(i), true)
		}
		time.Sleep(5 * c.Interval) // by then they wait in their own queue
		w.mu.Lock()
		clear(w.asked)
		w.highest = 0
		w.mu.Unlock()
		time.Sleep(10 * c.Interval)
		w.mu.Lock()
		defer w.mu.Unlock()
		for i := range n {
			asked := w.asked[numbered(i)]
			if least := 9; i >= vanish && asked < least {
				t.Errorf("target %d was probed %d times in ten intervals, want at least %d", i, asked, least)
			}
			if i < vanish && asked == 0 {
				t.Errorf("target %d, a black hole, is no longer probed", i)
			}
		}
		if w.highest > c.InFlight {
			t.Errorf("%d probes at once", w.highest)
		}
	})
}

// TestWithTooFewSlotsTheIntervalStretchesEquallyForAll needs twice as many probes as
// there are slots.
func TestWithTooFewSlotsTheIntervalStretchesEquallyForAll(t *testing.T) {
	const n = 4000 // 800 a second, of 10 ms each
	run(t, config, func(p *Prober, w *world) {
		declare(p, numberedUpTo(n), nil)
		time.Sleep(time.Minute)
		w.mu.Lock()
		defer w.mu.Unlock()
		least, most := n, 0
		for i := range n {
			least, most = min(least, w.asked[numbered(i)]), max(most, w.asked[numbered(i)])
		}
		if least < 5 || most > least+2 { // a tenth of jitter changes the order of the rounds
			t.Errorf("between %d and %d probes in a minute, want six of each, give or take one", least, most)
		}
		if lag := p.Lag(); lag < 4*time.Second || lag > 6*time.Second {
			t.Errorf("the lag is %s, want about the five seconds by which a round is too long", lag)
		}
		if w.highest > config.InFlight {
			t.Errorf("%d probes at once", w.highest)
		}
	})
}

func TestWithEnoughSlotsNoProbeIsLate(t *testing.T) {
	run(t, config, func(p *Prober, _ *world) {
		declare(p, numberedUpTo(100), nil)
		time.Sleep(time.Minute + 7*time.Millisecond)
		if lag := p.Lag(); lag > 100*time.Millisecond {
			t.Errorf("the lag is %s", lag)
		}
	})
}

// TestAPausedProcessSendsNoBurst makes every probe overdue.
func TestAPausedProcessSendsNoBurst(t *testing.T) {
	const n, interval = 20_000, 5 * time.Second
	s := newSchedule(n)
	s.setPace(n, interval)
	now := time.Now()
	for i := range n {
		s.push(&task{at: now.Add(-time.Duration(i) * time.Millisecond)})
	}
	mean := n * step.Seconds() / interval.Seconds()
	end := now.Add(interval)
	for begun := 0; begun < n; now = now.Add(step) {
		inStep := 0
		for ms := range 10 {
			for {
				if t, _ := s.next(now.Add(time.Duration(ms) * time.Millisecond)); t == nil {
					break
				}
				inStep++
			}
		}
		if float64(inStep) > mostPerStep*mean {
			t.Fatalf("%d probes in a step of %s, which is %.1f times the mean", inStep, step, float64(inStep)/mean)
		}
		if begun += inStep; now.After(end) {
			t.Fatalf("%d of %d probes within the interval", begun, n)
		}
	}
}

func TestALocalShortageIsNotBlamedOnATarget(t *testing.T) {
	for _, lack := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		synctest.Test(t, func(t *testing.T) {
			var fails atomic.Value
			p := New(config, func(context.Context, federation.Target) (Sample, error) {
				err, _ := fails.Load().(error)
				return Sample{}, err
			})
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { p.Run(ctx); close(done) }()
			declare(p, set(target(1)), nil)
			time.Sleep(time.Second)
			fails.Store(publicReason(&net.OpError{Op: "dial", Err: lack}))
			time.Sleep(time.Minute)
			if v := p.Verdict(unique.Make(target(1))); v.State != Up {
				t.Errorf("after %v: %v", lack, v)
			}
			cancel()
			<-done
		})
	}
}

func TestAPausedProcessBlamesNoTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stands atomic.Bool
		p := New(config, func(ctx context.Context, _ federation.Target) (Sample, error) {
			if stands.Load() {
				time.Sleep(2 * config.Timeout)
			}
			return Sample{}, ctx.Err()
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { p.Run(ctx); close(done) }()
		declare(p, set(target(1)), nil)
		time.Sleep(time.Second)
		stands.Store(true)
		time.Sleep(time.Minute)
		if v := p.Verdict(unique.Make(target(1))); v.State != Up {
			t.Errorf("%v", v)
		}
		cancel()
		<-done
	})
}

// TestATCPProbeLeavesNoConnectionBehind checks that the connection is reset before it is
// established: one that is closed normally stays in TIME_WAIT, and one that is established
// waits for the server to take it.
func TestATCPProbeLeavesNoConnectionBehind(t *testing.T) {
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, reason := asked(t, TLS{}, federation.Target{Kind: federation.ProbeTCP, Addr: addrOf(t, l)}); reason != "" {
		t.Fatal(reason)
	}
	// What the probe did is done: this connection would be behind its own.
	last, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer last.Close()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if conn.RemoteAddr().String() != last.LocalAddr().String() {
		t.Errorf("the server has a connection from %s, the probe's", conn.RemoteAddr())
	}
}

// TestProbesThatAreDueTogetherCostOneWake counts how often the scheduler has something to do.
func TestProbesThatAreDueTogetherCostOneWake(t *testing.T) {
	const interval, lasts = 5 * time.Second, 20 * time.Second
	for _, targets := range []int{1, 16, 1600, 100_000} {
		s, now := newSchedule(targets), time.Now()
		s.setPace(targets, interval)
		for i := range targets {
			at := now.Add(time.Duration(i) * interval / time.Duration(targets))
			s.push(&task{at: s.onGrid(at)})
		}
		wakes, probes, latest := 0, 0, time.Duration(0)
		for end := now.Add(lasts); now.Before(end); wakes++ {
			var wait time.Duration
			for {
				var due *task
				if due, wait = s.next(now); due == nil {
					break
				}
				latest = max(latest, now.Sub(due.at))
				s.done(due)
				spread := 1 + jitter*(2*rand.Float64()-1)
				due.at = s.onGrid(now.Add(time.Duration(float64(interval) * spread)))
				s.push(due)
				probes++
			}
			now = now.Add(wait)
		}
		each := float64(probes) / float64(wakes)
		t.Logf("%d targets: %.1f probes a wake, at most %s late, a grid of %s", targets, each, latest, s.grid)
		want := map[int]float64{1: 0.9, 16: 1, 1600: 6, 100_000: 40}[targets]
		if each < want || latest > 50*time.Millisecond {
			t.Errorf("%d targets: %.1f probes a wake, %s late, want at least %g, and no more than 50 ms", targets, each, latest, want)
		}
		if mean := float64(targets) * lasts.Seconds() / interval.Seconds(); math.Abs(float64(probes)/mean-1) > 0.05 && targets > 1 {
			t.Errorf("%d targets: %d probes in %s, want %.0f", targets, probes, lasts, mean)
		}
	}
}
