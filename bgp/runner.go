package bgp

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nearcast/nearcast/bgp/check"
	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/internal/steering/health"
)

// ask probes as package health does, without client certificates.
var ask = health.Ask(health.TLS{})

// runner runs all checks at their intervals, each in its own goroutine.
type runner struct {
	ctx     context.Context
	began   time.Time
	results chan<- result
	running map[string]*running
	all     sync.WaitGroup
}

// result is the result of one check.
type result struct {
	id      string
	failure error
	at      time.Time
	took    time.Duration
}

type running struct {
	// config is replaced when the endpoints change.
	config atomic.Pointer[config.Check]
	cancel context.CancelFunc
}

// newRunner returns a runner whose checks end with ctx. They block until their results are
// received.
func newRunner(ctx context.Context, results chan<- result) *runner {
	return &runner{ctx: ctx, began: time.Now(), results: results, running: map[string]*running{}}
}

// set declares all checks; those that already run continue.
func (r *runner) set(checks map[string]config.Check) {
	for id, one := range r.running {
		if _, wanted := checks[id]; !wanted {
			one.cancel()
			delete(r.running, id)
		}
	}
	for id, cfg := range checks {
		if one := r.running[id]; one != nil {
			one.config.Store(&cfg)
			continue
		}
		ctx, cancel := context.WithCancel(r.ctx)
		one := &running{cancel: cancel}
		one.config.Store(&cfg)
		r.running[id] = one
		r.all.Go(func() { r.watch(ctx, id, one) })
	}
}

// wait returns when all checks have ended, which they do after ctx ends.
func (r *runner) wait() { r.all.Wait() }

// watch runs one check until ctx ends: at its interval while results agree, and faster after a
// different result until enough have followed.
func (r *runner) watch(ctx context.Context, id string, one *running) {
	passed, alike := false, 0
	next := time.NewTimer(time.Hour)
	defer next.Stop()
	for {
		cfg := one.config.Load()
		began := time.Now()
		err := check.Run(ctx, cfg, ask)
		if ctx.Err() != nil {
			return // the failure is caused by the shutdown
		}
		if alike++; alike == 1 || passed != (err == nil) {
			passed, alike = err == nil, 1
		}
		now := time.Now()
		select {
		case r.results <- result{id, err, now, now.Sub(began)}:
		case <-ctx.Done():
			return
		}
		pause := cfg.Interval
		if passed && alike < cfg.Rise || !passed && alike < cfg.Fall {
			pause = cfg.FastInterval
		}
		next.Reset(time.Until(r.together(began.Add(jittered(pause)), pause)))
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
	}
}

// jittered spreads checks with the same interval over time.
func jittered(d time.Duration) time.Duration {
	return d + time.Duration((rand.Float64()-0.5)*0.1*float64(d))
}

// moments is the number of start times per interval: thousands of checks wake the process only that
// often, instead of once each.
const moments = 100

// together returns the first start time that is not before at.
func (r *runner) together(at time.Time, pause time.Duration) time.Time {
	grain := max(pause/moments, 1)
	return r.began.Add((at.Sub(r.began) + grain - 1).Truncate(grain))
}
