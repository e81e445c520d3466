package health

import (
	"context"
	"math/rand/v2"
	"time"
)

func (p *Prober) ask(ctx context.Context, t *task) {
	asking, cancel := context.WithTimeout(ctx, p.config.Timeout)
	defer cancel()
	began := time.Now()
	sample, err := p.probe(asking, t.target.Value())
	if err != nil && time.Since(began) > p.config.Timeout+p.config.Timeout/4 {
		err = errStoodStill
	}
	probes.WithLabelValues(string(t.target.Value().Kind), result(err)).Inc()
	if ctx.Err() != nil {
		return // stopped: the failure is our own
	}
	long := time.Since(began) >= p.config.Timeout/slowFraction
	p.mu.Lock()
	defer p.mu.Unlock()
	free := p.schedule.done(t)
	if !unable(err) {
		t.took(long)
	}
	first := !t.removed && p.again(t, sample, err)
	if free || first {
		signal(p.wake)
	}
}

// A probe counts as long from a quarter of the timeout: one that ends just in time takes
// as much of the slots as one that times out. If a single quick probe made a target quick
// again, a target that alternates between late and quick answers would take the slots of
// the others every other time.
const (
	slowFraction = 4
	quickAfter   = 8
)

// took records whether the last probe took long.
func (t *task) took(long bool) {
	if t.quick++; long {
		t.slow, t.quick = true, 0
	} else if t.quick >= quickAfter {
		t.slow = false
	}
}

// again records the result of a probe, schedules the next one, and reports whether that
// is now the first of its queue.
func (p *Prober) again(t *task, sample Sample, err error) bool {
	if !unable(err) {
		p.record(t, sample, err)
	}
	interval := p.config.Interval
	if t.idle {
		interval *= idleFactor
	}
	spread := 1 + jitter*(2*rand.Float64()-1)
	t.at = p.schedule.onGrid(time.Now().Add(time.Duration(float64(interval) * spread)))
	return p.schedule.push(t)
}

func (p *Prober) record(t *task, sample Sample, err error) {
	first := !t.probed
	if first {
		t.probed = true
		p.pending--
	}
	v, before := &t.verdict, t.verdict
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
	now := time.Now()
	v.Stale = false
	known := v.State != Unknown
	if t.streak.Observe(err == nil, p.config.Rise, p.config.Fall) {
		v.State, v.Since = t.streak.State, now
	}
	fell := known && before.State != v.State && v.State == Down
	v.Flapping = t.damping.observe(fell, now, p.config.Interval)
	v.Shaky = t.streak.Shaky(p.config.Rise, p.config.Fall)
	announce := first || v.State != before.State || v.Flapping != before.Flapping || v.Shaky != before.Shaky
	if announce {
		signal(p.changed)
	}
	if (announce || v.Load != before.Load) && !t.moved {
		t.moved = true
		p.moved = append(p.moved, t)
	}
}
