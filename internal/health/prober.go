package health

import (
	"container/heap"
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
)

// jitter is the share of the interval by which probes are spread, either way,
// so that what started together does not stay together.
const jitter = 0.1

// The share of a new sample in the moving average: TCP's own (RFC 6298, alpha)
// for a slower one, and more for a faster one. Load on either end only ever
// adds to a round trip, so the faster sample is nearer the truth.
const (
	slowerWeight = 1.0 / 8
	fasterWeight = 1.0 / 2
	// loadWeight follows a load within a few probes, and not each of its spikes.
	loadWeight = 1.0 / 4
)

// Prober probes a set of targets.
type Prober struct {
	config Config
	probe  Probe
	// changed is signalled after verdicts changed.
	changed chan struct{}
	// wake is signalled when the schedule changed.
	wake chan struct{}

	mu      sync.Mutex
	tasks   map[federation.Target]*task
	due     schedule
	pending int // targets that were never probed
}

// task is one target's schedule and standing.
type task struct {
	target  federation.Target
	at      time.Time
	index   int // in the schedule; -1 while the probe is under way
	streak  Streak
	damping damping
	verdict Verdict
	probed  bool
	idle    bool
	removed bool
}

// New returns a Prober that asks with probe, usually that of [Ask].
func New(config Config, probe Probe) *Prober {
	return &Prober{
		config: config, probe: probe,
		changed: make(chan struct{}, 1), wake: make(chan struct{}, 1),
		tasks: map[federation.Target]*task{},
	}
}

// Changed delivers a value after verdicts changed; changes not yet received are
// merged into one.
func (p *Prober) Changed() <-chan struct{} { return p.changed }

// Set declares all the targets. One that stays keeps its verdict and schedule;
// a new one is probed at once, and starts from its verdict in seed if it has one.
func (p *Prober) Set(targets map[federation.Target]bool, seed map[federation.Target]Verdict) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for target, t := range p.tasks {
		if !targets[target] {
			p.remove(t)
		}
	}
	now := time.Now()
	for target := range targets {
		if p.tasks[target] != nil || target.Kind == federation.ProbeNone {
			continue
		}
		t := &task{target: target, at: now, verdict: seed[target]}
		if !t.verdict.Stale {
			t.streak.State = t.verdict.State
		}
		p.tasks[target] = t
		p.pending++
		heap.Push(&p.due, t)
	}
	signal(p.wake)
}

// idleFactor is by how much less a target is probed that nobody needs.
const idleFactor = 6

// SetIdle declares which targets nobody needs now. One that is needed again is
// probed at once.
func (p *Prober) SetIdle(idle map[federation.Target]bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for target, t := range p.tasks {
		if t.idle && !idle[target] && t.index >= 0 {
			t.at = time.Now()
			heap.Fix(&p.due, t.index)
			signal(p.wake)
		}
		t.idle = idle[target]
	}
}

func (p *Prober) remove(t *task) {
	t.removed = true
	delete(p.tasks, t.target)
	if t.index >= 0 {
		heap.Remove(&p.due, t.index)
	}
	if !t.probed {
		p.pending--
	}
}

// Verdict returns the target's verdict; the zero Verdict for one that is not probed.
func (p *Prober) Verdict(target federation.Target) Verdict {
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
		all[target] = t.verdict
	}
	return all
}

// Settled reports whether every target was probed at least once.
func (p *Prober) Settled() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pending == 0
}

// Run probes until ctx ends, and returns when no probe is under way any more.
func (p *Prober) Run(ctx context.Context) {
	var probes sync.WaitGroup
	defer probes.Wait()
	slots := make(chan struct{}, p.config.InFlight)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		t, wait := p.next(time.Now())
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
		select {
		case <-ctx.Done():
			return
		case slots <- struct{}{}:
		}
		probes.Go(func() {
			p.ask(ctx, t)
			<-slots
		})
	}
}

// next takes the task that is due, or returns how long to wait for one.
func (p *Prober) next(now time.Time) (*task, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.due) == 0 {
		return nil, p.config.Interval
	}
	if wait := p.due[0].at.Sub(now); wait > 0 {
		return nil, wait
	}
	return heap.Pop(&p.due).(*task), 0
}

func (p *Prober) ask(ctx context.Context, t *task) {
	asking, cancel := context.WithTimeout(ctx, p.config.Timeout)
	defer cancel()
	sample, err := p.probe(asking, t.target)
	probes.WithLabelValues(string(t.target.Kind), result(err)).Inc()
	if ctx.Err() != nil {
		return // stopped: the failure is ours
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if t.removed {
		return
	}
	p.record(t, sample, err)
	interval := p.config.Interval
	if t.idle {
		interval *= idleFactor
	}
	spread := 1 + jitter*(2*rand.Float64()-1)
	t.at = time.Now().Add(time.Duration(float64(interval) * spread))
	heap.Push(&p.due, t)
	signal(p.wake)
}

func (p *Prober) record(t *task, sample Sample, err error) {
	first := !t.probed
	if first {
		t.probed = true
		p.pending--
	}
	v := &t.verdict
	v.Reason = ""
	if err != nil {
		v.Reason = err.Error()
	}
	if sample.RTT > 0 {
		v.RTT = average(v.RTT, sample.RTT)
	}
	if err == nil {
		v.Load += loadWeight * (sample.Load - v.Load)
		if v.Load == 0 || sample.Load == 0 || first {
			v.Load = sample.Load
		}
	}
	before, now := *v, time.Now()
	v.Stale = false
	known := v.State != Unknown
	if t.streak.Observe(err == nil, p.config.Rise, p.config.Fall) {
		v.State, v.Since = t.streak.State, now
	}
	fell := known && before.State != v.State && v.State == Down
	v.Flapping = t.damping.observe(fell, now, p.config.Interval)
	v.Shaky = t.streak.Shaky(p.config.Rise, p.config.Fall)
	if first || v.State != before.State || v.Flapping != before.Flapping || v.Shaky != before.Shaky {
		signal(p.changed)
	}
}

// Count returns how many targets are probed, and how many probes are under way
// or wait for a slot.
func (p *Prober) Count() (targets, underWay int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.tasks), len(p.tasks) - len(p.due)
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

// schedule is a heap of tasks, the next to be probed first.
type schedule []*task

func (s schedule) Len() int           { return len(s) }
func (s schedule) Less(i, j int) bool { return s[i].at.Before(s[j].at) }
func (s schedule) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].index, s[j].index = i, j
}

func (s *schedule) Push(x any) {
	t := x.(*task)
	t.index = len(*s)
	*s = append(*s, t)
}

func (s *schedule) Pop() any {
	last := len(*s) - 1
	t := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	t.index = -1
	return t
}
