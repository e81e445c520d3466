package health

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unique"

	"go.uber.org/goleak"

	"github.com/nearcast/nearcast/internal/federation"
)

func target(last byte) federation.Target {
	return federation.Target{Kind: federation.ProbeTCP, Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, last}), 80)}
}

func set(targets ...federation.Target) map[federation.Target]bool {
	all := map[federation.Target]bool{}
	for _, t := range targets {
		all[t] = true
	}
	return all
}

// world is what a fake probe encounters.
type world struct {
	mu      sync.Mutex
	dead    map[federation.Target]bool
	hang    map[federation.Target]bool
	asked   map[federation.Target]int
	now     int
	highest int
}

func newWorld() *world {
	return &world{dead: map[federation.Target]bool{}, hang: map[federation.Target]bool{}, asked: map[federation.Target]int{}}
}

func (w *world) set(m map[federation.Target]bool, t federation.Target, v bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m[t] = v
}

func (w *world) probe(ctx context.Context, t federation.Target) (Sample, error) {
	w.mu.Lock()
	w.asked[t]++
	w.now++
	w.highest = max(w.highest, w.now)
	dead, hang := w.dead[t], w.hang[t]
	w.mu.Unlock()
	defer func() { w.mu.Lock(); w.now--; w.mu.Unlock() }()
	if hang {
		<-ctx.Done()
		return Sample{}, errors.New("timed out")
	}
	time.Sleep(10 * time.Millisecond)
	if dead {
		return Sample{}, errors.New("refused")
	}
	return Sample{RTT: 10 * time.Millisecond}, nil
}

var config = Config{Interval: 5 * time.Second, Timeout: 2 * time.Second, Rise: 2, Fall: 3, InFlight: 4}

// run starts a Prober in a bubble and stops it at the end: synctest fails if a goroutine
// is left.
func run(t *testing.T, c Config, test func(*Prober, *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		p := New(c, w.probe)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { p.Run(ctx); close(done) }()
		test(p, w)
		cancel()
		<-done
	})
}

func TestTheFirstProbeDecidesByItself(t *testing.T) {
	run(t, config, func(p *Prober, w *world) {
		w.set(w.dead, target(2), true)
		declare(p, set(target(1), target(2)), nil)
		if p.Settled() || p.Verdict(unique.Make(target(1))).State != Unknown {
			t.Error("a verdict before any probe")
		}
		time.Sleep(100 * time.Millisecond)
		if !p.Settled() || p.Verdict(unique.Make(target(1))).State != Up || p.Verdict(unique.Make(target(2))).State != Down {
			t.Errorf("after a round: %v, %v", p.Verdict(unique.Make(target(1))), p.Verdict(unique.Make(target(2))))
		}
		if r := p.Verdict(unique.Make(target(2))).Reason; r != "refused" {
			t.Errorf("reason %q", r)
		}
	})
}

// TestABlackHoleIsDetectedInTime checks (interval + timeout + jitter) × fall, and that
// fewer failures change nothing.
func TestABlackHoleIsDetectedInTime(t *testing.T) {
	run(t, config, func(p *Prober, w *world) {
		declare(p, set(target(1)), nil)
		time.Sleep(time.Second)
		w.set(w.hang, target(1), true)
		start := time.Now()
		for p.Verdict(unique.Make(target(1))).State == Up {
			time.Sleep(10 * time.Millisecond)
		}
		bound := time.Duration(config.Fall) * (config.Interval*11/10 + config.Timeout)
		if took := time.Since(start); took > bound {
			t.Errorf("detected after %s, want at most %s", took, bound)
		} else if least := 2 * config.Interval * 9 / 10; took < least {
			t.Errorf("detected after %s, before %d failures were possible", took, config.Fall)
		}
	})
}

func TestOneFailureBetweenPassesChangesNothing(t *testing.T) {
	run(t, config, func(p *Prober, w *world) {
		declare(p, set(target(1)), nil)
		time.Sleep(time.Second)
		since := p.Verdict(unique.Make(target(1))).Since
		for range 10 {
			w.set(w.dead, target(1), true)
			time.Sleep(config.Interval)
			w.set(w.dead, target(1), false)
			time.Sleep(2 * config.Interval)
		}
		if v := p.Verdict(unique.Make(target(1))); v.State != Up || v.Since != since {
			t.Errorf("%v after single failures, want it always up", v)
		}
	})
}

func TestASharedTargetIsProbedOncePerInterval(t *testing.T) {
	run(t, config, func(p *Prober, w *world) {
		declare(p, set(target(1)), nil)
		for range 20 { // declared again with every publish
			time.Sleep(time.Second)
			declare(p, set(target(1)), nil)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if n := w.asked[target(1)]; n < 4 || n > 6 {
			t.Errorf("%d probes in twenty seconds at an interval of five", n)
		}
	})
}

func TestProbesInFlightAreBounded(t *testing.T) {
	run(t, config, func(p *Prober, w *world) {
		many := map[federation.Target]bool{}
		for i := range byte(100) {
			many[target(i)] = true
			w.set(w.hang, target(i), true)
		}
		declare(p, many, nil)
		time.Sleep(time.Minute)
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.highest != config.InFlight {
			t.Errorf("%d at once, want %d", w.highest, config.InFlight)
		}
	})
}

func TestARemovedTargetIsForgotten(t *testing.T) {
	run(t, config, func(p *Prober, w *world) {
		w.set(w.hang, target(1), true)
		declare(p, set(target(1), target(2)), nil)
		time.Sleep(time.Millisecond) // target 1 hangs in its first probe
		declare(p, set(target(2)), nil)
		time.Sleep(time.Minute)
		if v := p.Verdict(unique.Make(target(1))); v != (Verdict{}) || !p.Settled() {
			t.Errorf("%v, settled %v", v, p.Settled())
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.asked[target(1)] != 1 {
			t.Errorf("probed %d times after it was removed", w.asked[target(1)]-1)
		}
	})
}

// TestAllYieldsWhatIsThereWhileTargetsChange uses the Prober between two targets, as its
// other users do while a snapshot is written.
func TestAllYieldsWhatIsThereWhileTargetsChange(t *testing.T) {
	p := New(Default, nil)
	seed := map[federation.Target]Verdict{target(1): {State: Up}, target(2): {State: Down}}
	one, two, three, four := unique.Make(target(1)), unique.Make(target(2)), unique.Make(target(3)), unique.Make(target(4))
	p.Change([]federation.SharedTarget{one, two, three}, nil, seed)
	for yielded, v := range p.All() {
		if v != p.Verdict(unique.Make(yielded)) || v.State != seed[yielded].State {
			t.Errorf("%s: %+v", yielded, v)
		}
		p.Change([]federation.SharedTarget{four}, []federation.SharedTarget{one, two, three}, nil)
	}
	n := 0
	for yielded := range p.All() {
		if n++; yielded != target(4) {
			t.Errorf("%s is yielded and no longer a target", yielded)
		}
	}
	if n != 1 {
		t.Errorf("%d targets", n)
	}
}

func TestASeedHoldsUntilProbesDisagree(t *testing.T) {
	run(t, config, func(p *Prober, w *world) {
		w.set(w.dead, target(1), true)
		declare(p, set(target(1)), map[federation.Target]Verdict{target(1): {State: Up, RTT: time.Second}})
		time.Sleep(time.Second)
		if v := p.Verdict(unique.Make(target(1))); v.State != Up || v.RTT != time.Second {
			t.Errorf("%v after one failure, want the seed", v)
		}
		time.Sleep(3 * config.Interval)
		if v := p.Verdict(unique.Make(target(1))); v.State != Down {
			t.Errorf("%v after three failures", v)
		}
	})
}

func TestTheFirstProbeOverridesTheVerdictOfAnEarlierRun(t *testing.T) {
	run(t, config, func(p *Prober, w *world) {
		w.set(w.dead, target(1), true)
		declare(p, set(target(1)), map[federation.Target]Verdict{target(1): {State: Up, Stale: true}})
		if v := p.Verdict(unique.Make(target(1))); v.State != Up {
			t.Errorf("%v before the first probe, want the seed", v)
		}
		time.Sleep(time.Second)
		if v := p.Verdict(unique.Make(target(1))); v.State != Down || v.Stale {
			t.Errorf("%v after it", v)
		}
	})
}

func TestRoundTripIsAMovingAverage(t *testing.T) {
	rtt := average(0, 80*time.Millisecond)
	if rtt != 80*time.Millisecond {
		t.Errorf("first %s", rtt)
	}
	if rtt = average(rtt, 160*time.Millisecond); rtt != 90*time.Millisecond {
		t.Errorf("slower %s, want an eighth of the way", rtt)
	}
	if rtt = average(rtt, 10*time.Millisecond); rtt != 50*time.Millisecond {
		t.Errorf("faster %s, want half of the way", rtt)
	}
}

// TestAskWorksWithRealServers checks what a probe accepts as alive.
func TestAskWorksWithRealServers(t *testing.T) {
	var host, path atomic.Value
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host.Store(r.Host)
		path.Store(r.URL.RequestURI())
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "http://192.0.2.1/", http.StatusFound)
		case "/sick":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/hints":
			w.WriteHeader(http.StatusEarlyHints)
		case "/slow":
			<-r.Context().Done()
		}
	})
	plain, secure := httptest.NewServer(handler), httptest.NewTLSServer(handler)
	defer plain.Close()
	defer secure.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	addr := func(l net.Listener) netip.AddrPort { return netip.MustParseAddrPort(l.Addr().String()) }
	for _, c := range []struct {
		target federation.Target
		want   string // the error; "" for alive
	}{
		{federation.Target{Kind: federation.ProbeTCP, Addr: addr(plain.Listener)}, ""},
		{federation.Target{Kind: federation.ProbeTCP, Addr: addr(closed)}, "connection refused"},
		{federation.Target{Kind: federation.ProbeHTTP, Addr: addr(plain.Listener), Path: "/?a=b", Host: "fn.example.org"}, ""},
		{federation.Target{Kind: federation.ProbeHTTP, Addr: addr(plain.Listener), Path: "/moved"}, ""},
		{federation.Target{Kind: federation.ProbeHTTP, Addr: addr(plain.Listener), Path: "/sick"}, "HTTP status 503"},
		{federation.Target{Kind: federation.ProbeHTTP, Addr: addr(plain.Listener), Path: "/hints"}, ""},
		{federation.Target{Kind: federation.ProbeHTTP, Addr: addr(plain.Listener), Path: "/slow"}, "timed out"},
		{federation.Target{Kind: federation.ProbeHTTP, Addr: addr(closed), Path: "/"}, "connection refused"},
		{federation.Target{Kind: federation.ProbeHTTPS, Addr: addr(secure.Listener), Path: "/", Host: "fn.example.org"}, ""},
		{federation.Target{Kind: federation.ProbeHTTPS, Addr: addr(plain.Listener), Path: "/"}, "TLS: the handshake failed"},
		{federation.Target{Kind: "exec"}, `no probe of kind "exec"`},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		sample, err := Ask(TLS{})(ctx, c.target)
		cancel()
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != c.want && (c.want == "" || !strings.Contains(got, c.want)) {
			t.Errorf("%s: %q, want %q", c.target, got, c.want)
		}
		if c.want == "" && sample.RTT <= 0 {
			t.Errorf("%s: no round-trip time", c.target)
		}
		if c.target.Host != "" && host.Load() != c.target.Host {
			t.Errorf("%s: host %q", c.target, host.Load())
		}
	}
	if path.Load() != "/" {
		t.Errorf("path %q", path.Load())
	}
}

// TestAProbeCutOffLeavesNothing cuts probes off where packets are dropped, where a server
// accepts and stays silent, and where one never ends its headers.
func TestAProbeCutOffLeavesNothing(t *testing.T) {
	ignore := goleak.IgnoreCurrent()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		for err == nil {
			_, err = conn.Write([]byte("HTTP/1.1 103 Early Hints\r\n\r\n"))
		}
		conn.Close()
	}))
	defer endless.Close()
	vanishing := vanish(t)
	var probes sync.WaitGroup
	for _, addr := range []string{vanishing, silent.Addr().String(), endless.Listener.Addr().String()} {
		for kind := range kinds {
			probes.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
				defer cancel()
				target := federation.Target{Kind: kind, Addr: netip.MustParseAddrPort(addr), Path: "/"}
				if _, err := Ask(TLS{})(ctx, target); err == nil && (kind != federation.ProbeTCP || addr == vanishing) {
					t.Errorf("%s passed", target)
				}
			})
		}
	}
	probes.Wait()
	endless.Close()
	goleak.VerifyNone(t, ignore)
}

// vanish returns an address at which a SYN is not answered.
func vanish(t *testing.T) string {
	port, release, err := blackHole()
	if err != nil {
		t.Skip("skipped: ", err)
	}
	t.Cleanup(release)
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

// declare sets the targets.
func declare(p *Prober, targets map[federation.Target]bool, seed map[federation.Target]Verdict) {
	var come, gone []federation.SharedTarget
	for target := range p.Verdicts() {
		if !targets[target] {
			gone = append(gone, unique.Make(target))
		}
	}
	for target := range targets {
		come = append(come, unique.Make(target))
	}
	p.Change(come, gone, seed)
}
