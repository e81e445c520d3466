package health

import (
	"context"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
)

// jitter is the share of the interval by which probes are spread in either direction, so
// that probes that started together drift apart.
const jitter = 0.1

// The weight of a new sample in the moving average: that of TCP (RFC 6298, alpha) for a
// slower sample, and more for a faster one. Load at either end only adds to a round trip,
// so the faster sample is closer to the truth.
const (
	slowerWeight = 1.0 / 8
	fasterWeight = 1.0 / 2
	// loadWeight follows the load within a few probes, but not every spike.
	loadWeight = 1.0 / 4
)

// Prober probes a set of targets.
type Prober struct {
	config Config
	probe  Probe
	// changed is signalled after verdicts have changed.
	changed chan struct{}
	// wake is signalled when the schedule has changed.
	wake chan struct{}

	mu       sync.Mutex
	tasks    map[federation.SharedTarget]*task
	schedule schedule
	pending  int // targets not yet probed
	moved    []*task
}

// task is a target's schedule and state.
type task struct {
	target federation.SharedTarget
	at     time.Time
	index  int // in the schedule; -1 during the probe
	// slow is set if a probe took long, until quickAfter probes in a row have not. It
	// changes only while the task is not in the schedule.
	slow    bool
	quick   int // quick probes in a row
	streak  Streak
	damping damping
	verdict Verdict
	probed  bool
	idle    bool
	removed bool
	moved   bool // it is listed in Prober.moved
}

// New returns a Prober that uses probe, usually that of [Ask].
func New(config Config, probe Probe) *Prober {
	return &Prober{
		config: config, probe: probe,
		changed: make(chan struct{}, 1), wake: make(chan struct{}, 1),
		tasks:    map[federation.SharedTarget]*task{},
		schedule: newSchedule(affordable(config.InFlight)),
	}
}

// Changed delivers a value after verdicts have changed; it merges changes that were not
// yet received into one.
func (p *Prober) Changed() <-chan struct{} { return p.changed }

// Change adds and removes targets; a target exists once. A new target is probed at once,
// or within the interval if very many are added, and starts from its verdict in seed if
// it has one.
func (p *Prober) Change(come, gone []federation.SharedTarget, seed map[federation.Target]Verdict) {
	if len(come) == 0 && len(gone) == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, target := range gone {
		if t := p.tasks[target]; t != nil {
			p.remove(t)
		}
	}
	now := time.Now()
	for _, target := range come {
		if p.tasks[target] == nil && target.Value().Kind != federation.ProbeNone {
			p.add(target, seed[target.Value()], now)
		}
	}
	p.schedule.setPace(len(p.tasks), p.config.Interval)
	signal(p.wake)
}

func (p *Prober) add(target federation.SharedTarget, seed Verdict, now time.Time) {
	t := &task{target: target, at: now, verdict: seed}
	if !seed.Stale {
		t.streak.State = seed.State
	}
	p.tasks[target] = t
	p.pending++
	p.schedule.push(t)
}

// Moved returns the targets whose verdicts, except round-trip times, have changed since
// the last call.
func (p *Prober) Moved() []federation.SharedTarget {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []federation.SharedTarget
	for _, t := range p.moved {
		t.moved = false
		all = append(all, t.target)
	}
	p.moved = nil
	return all
}

// idleFactor is how much less often a target is probed that nobody needs.
const idleFactor = 6

// SetIdle sets the targets that nobody needs now. A target that is needed again is probed
// at once.
func (p *Prober) SetIdle(idle map[federation.SharedTarget]bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for target, t := range p.tasks {
		if t.idle && !idle[target] && t.index >= 0 {
			p.schedule.hurry(t, time.Now())
			signal(p.wake)
		}
		t.idle = idle[target]
	}
}

func (p *Prober) remove(t *task) {
	t.removed = true
	delete(p.tasks, t.target)
	p.schedule.remove(t)
	if !t.probed {
		p.pending--
	}
}

// Verdict returns the target's verdict; the zero Verdict if it is not probed.
func (p *Prober) Verdict(target federation.SharedTarget) Verdict {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := p.tasks[target]; t != nil {
		return t.verdict
	}
	return Verdict{}
}

// Verdicts returns every target's verdict.
func (p *Prober) Verdicts() map[federation.Target]Verdict {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make(map[federation.Target]Verdict, len(p.tasks))
	for target, t := range p.tasks {
		all[target.Value()] = t.verdict
	}
	return all
}

// All yields every target with its verdict, without a copy of them all. Between two of them
// the Prober may be used, and change.
func (p *Prober) All() iter.Seq2[federation.Target, Verdict] {
	return func(yield func(federation.Target, Verdict) bool) {
		p.mu.Lock()
		tasks := slices.AppendSeq(make([]*task, 0, len(p.tasks)), maps.Values(p.tasks))
		p.mu.Unlock()
		for _, t := range tasks {
			p.mu.Lock()
			verdict, removed := t.verdict, t.removed
			p.mu.Unlock()
			if !removed && !yield(t.target.Value(), verdict) {
				return
			}
		}
	}
}

// Settled reports whether every target has been probed at least once.
func (p *Prober) Settled() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pending == 0
}

// Run probes until ctx ends, and returns when no probe is in flight.
func (p *Prober) Run(ctx context.Context) {
	var probes sync.WaitGroup
	defer probes.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		t, wait := p.next()
		if t == nil {
			timer.Reset(wait)
			select {
			case <-ctx.Done():
				return
			case <-timer.C:
			case <-p.wake:
			}
			continue
		}
		if ctx.Err() != nil {
			return
		}
		probes.Go(func() {
			// A goroutine that is done starts the next due probe: under load, that is
			// often.
			for ; t != nil && ctx.Err() == nil; t, _ = p.next() {
				p.ask(ctx, t)
			}
		})
	}
}

// next takes the task that is due, or returns how long to wait for one.
func (p *Prober) next() (*task, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.schedule.next(time.Now())
}

// Count returns how many targets are probed, and how many probes are in flight.
func (p *Prober) Count() (targets, underWay int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.tasks), p.schedule.open
}

// Lag returns how late the longest-waiting probe is: it grows if this machine, or
// [Config.InFlight], is not enough for the interval.
func (p *Prober) Lag() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.schedule.lag(time.Now())
}

func average(old, sample time.Duration) time.Duration {
	if old == 0 {
		return sample
	}
	weight := slowerWeight
	if sample < old {
		weight = fasterWeight
	}
	return old + time.Duration(weight*float64(sample-old))
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
