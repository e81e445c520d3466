package health

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
)

// TestSlowTargetsDelayNoOthers: whatever slows down the targets of one namespace, each of
// another's is probed at most twice as late as by itself, once they are known.
func TestSlowTargetsDelayNoOthers(t *testing.T) {
	const others, slow, slots = 100, 1000, 50
	c := config
	c.InFlight = slots // the slow ones would take several times as many
	for name, takes := range map[string]func(turn int) time.Duration{
		"just in time":       func(int) time.Duration { return c.Timeout - time.Millisecond },
		"never":              func(int) time.Duration { return time.Hour },
		"a quarter of it":    func(int) time.Duration { return c.Timeout / slowFraction },
		"in time, in turn":   func(turn int) time.Duration { return time.Duration(turn%2) * (c.Timeout - time.Millisecond) },
		"late, once in four": func(turn int) time.Duration { return time.Duration((turn%4)/3) * time.Hour },
	} {
		t.Run(name, func(t *testing.T) {
			worst := func(slow int) time.Duration {
				w := &paced{quick: numberedUpTo(others), takes: takes, turns: map[federation.Target]int{}, last: map[federation.Target]time.Time{}}
				synctest.Test(t, func(t *testing.T) {
					p := New(c, w.probe)
					ctx, cancel := context.WithCancel(t.Context())
					done := make(chan struct{})
					go func() { p.Run(ctx); close(done) }()
					declare(p, numberedUpTo(others), nil)
					time.Sleep(c.Interval)
					declare(p, numberedUpTo(others+slow), nil)
					time.Sleep(20 * c.Interval)
					w.watch()
					time.Sleep(20 * c.Interval)
					cancel()
					<-done
				})
				return w.worst
			}
			alone, beside := worst(0), worst(slow)
			if beside > 2*alone {
				t.Errorf("a target waited %s for its next probe, and %s without slow targets", beside, alone)
			}
		})
	}
}

// paced lets the first targets answer at once, and the others take what takes returns.
type paced struct {
	quick map[federation.Target]bool
	takes func(turn int) time.Duration

	mu    sync.Mutex
	turns map[federation.Target]int
	last  map[federation.Target]time.Time // when the others were probed
	worst time.Duration                   // since watch
}

func (w *paced) probe(ctx context.Context, t federation.Target) (Sample, error) {
	select {
	case <-ctx.Done():
		return Sample{}, ctx.Err()
	case <-time.After(w.begin(t)):
		return Sample{RTT: time.Millisecond}, nil
	}
}

func (w *paced) begin(t federation.Target) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.quick[t] {
		w.turns[t]++
		return w.takes(w.turns[t])
	}
	now := time.Now()
	if last, before := w.last[t]; before {
		w.worst = max(w.worst, now.Sub(last))
	}
	w.last[t] = now
	return time.Millisecond
}

func (w *paced) watch() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.worst = 0
}
