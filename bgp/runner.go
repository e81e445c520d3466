package bgp

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// runner asks all checks at their intervals, each in a goroutine of its own.
type runner struct {
	ctx     context.Context
	began   time.Time
	results chan<- result
	running map[string]*running
	all     sync.WaitGroup
}

// result is one check's.
type result struct {
	id      string
	failure error
	at      time.Time
	took    time.Duration
}

type running struct {
	// check is replaced where its endpoints change.
	check  atomic.Pointer[Check]
	cancel context.CancelFunc
}

// newRunner returns a runner whose checks end with ctx. They wait until their results are taken.
func newRunner(ctx context.Context, results chan<- result) *runner {
	return &runner{ctx: ctx, began: time.Now(), results: results, running: map[string]*running{}}
}

// set declares all the checks; those that are asked already go on.
func (r *runner) set(checks map[string]Check) {
	for id, one := range r.running {
		if _, wanted := checks[id]; !wanted {
			one.cancel()
			delete(r.running, id)
		}
	}
	for id, check := range checks {
		if one := r.running[id]; one != nil {
			one.check.Store(&check)
			continue
		}
		ctx, cancel := context.WithCancel(r.ctx)
		one := &running{cancel: cancel}
		one.check.Store(&check)
		r.running[id] = one
		r.all.Go(func() { r.watch(ctx, id, one) })
	}
}

// wait returns when the checks have ended, after ctx has.
func (r *runner) wait() { r.all.Wait() }

// watch runs one check until ctx ends: at its interval while results agree, and
// faster from one that differs until enough have followed.
func (r *runner) watch(ctx context.Context, id string, one *running) {
	passed, alike := false, 0
	next := time.NewTimer(time.Hour)
	defer next.Stop()
	for {
		check := one.check.Load()
		began := time.Now()
		err := check.Run(ctx)
		if ctx.Err() != nil {
			return // the failure is ours
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
		pause := check.Interval
		if passed && alike < check.Rise || !passed && alike < check.Fall {
			pause = check.FastInterval
		}
		next.Reset(time.Until(r.together(began.Add(jittered(pause)), pause)))
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
	}
}

// jittered spreads checks of one interval, so that they do not ask all at once.
func jittered(d time.Duration) time.Duration {
	return d + time.Duration((rand.Float64()-0.5)*0.1*float64(d))
}

// moments is how many there are in a pause at which checks begin: thousands of them wake the
// process so often, and not each for itself.
const moments = 100

// together returns the first of those moments that is not before at.
func (r *runner) together(at time.Time, pause time.Duration) time.Time {
	grain := max(pause/moments, 1)
	return r.began.Add((at.Sub(r.began) + grain - 1).Truncate(grain))
}
