package health

import (
	"container/heap"
	"time"

	"golang.org/x/time/rate"
)

// schedule decides which probe starts next, and when. Targets whose probes take long wait
// in a separate queue and use at most half of the slots: however many of them drop
// packets or answer just in time, the probes of other targets do not wait for them.
type schedule struct {
	quick, slow queue
	// slots bounds the probes in flight.
	slots          int
	open, openSlow int
	pace           *rate.Limiter
	// began is when there was no probe yet, and grid the time from then by which probes
	// are due: several at once, for which this process wakes once.
	began time.Time
	grid  time.Duration
}

// Probes start at a bounded rate, so that neither a start, nor many new targets, nor a
// process that stood still for a while causes a burst that recurs at every interval.
const (
	// headroom is how much faster that rate is than all targets need: a first round, or
	// catching up, takes four fifths of the interval.
	headroom = 1.25
	// leastPace, per second, is enough for few targets, all of which are probed at once.
	leastPace = 1000
	// paceGrain is the time that a scheduler that overslept may make up.
	paceGrain = 5 * time.Millisecond
	// leastGrain is how many probes may always start at once: what a link and a server take
	// for none.
	leastGrain = 16
	// mostGrid is the share of the interval that the grid has at most. Jitter then takes a
	// target to the points beside its own, and no further.
	mostGrid = jitter
)

func newSchedule(slots int) schedule {
	return schedule{slots: slots, pace: rate.NewLimiter(leastPace, leastGrain), began: time.Now()}
}

// setPace sets the rate, and the grid, for this many targets. At a point of the grid half as
// many probes are due as may start at once, so that hardly any waits for its turn.
func (s *schedule) setPace(targets int, interval time.Duration) {
	mean := float64(targets) / interval.Seconds()
	pace := max(leastPace, headroom*mean)
	burst := max(leastGrain, pace*paceGrain.Seconds())
	s.pace.SetLimit(rate.Limit(pace))
	s.pace.SetBurst(int(burst))
	s.grid = time.Duration(min(mostGrid*interval.Seconds(), burst/2/mean) * float64(time.Second))
}

// onGrid returns the point of the grid that is closest to the time.
func (s *schedule) onGrid(at time.Time) time.Time {
	return s.began.Add(at.Sub(s.began).Round(s.grid))
}

// next takes the task whose probe is to start, or returns how long there is nothing to do
// unless something changes.
func (s *schedule) next(now time.Time) (*task, time.Duration) {
	q := s.earliest()
	if q == nil {
		return nil, time.Hour
	}
	if wait := (*q)[0].at.Sub(now); wait > 0 {
		return nil, wait
	}
	if !s.pace.AllowN(now, 1) {
		return nil, paceGrain / 2 // half, so that a scheduler that oversleeps that long is not late
	}
	t := heap.Pop(q).(*task)
	s.open++
	if t.slow {
		s.openSlow++
	}
	return t, 0
}

// earliest returns the queue whose first task is due next and for which a slot is free.
func (s *schedule) earliest() *queue {
	if s.open == s.slots {
		return nil
	}
	var q *queue
	if len(s.quick) > 0 {
		q = &s.quick
	}
	if len(s.slow) > 0 && s.openSlow < (s.slots+1)/2 && (q == nil || s.slow[0].at.Before(s.quick[0].at)) {
		q = &s.slow
	}
	return q
}

// done returns the slot of a task's probe, and reports whether a goroutine waiting for
// next must be woken.
func (s *schedule) done(t *task) bool {
	full := s.open == s.slots
	s.open--
	if t.slow {
		full = full || s.openSlow == (s.slots+1)/2
		s.openSlow--
	}
	return full
}

// push makes a task wait for its time, and reports whether a goroutine waiting for next
// must be woken.
func (s *schedule) push(t *task) bool {
	heap.Push(s.queue(t), t)
	return t.index == 0
}

// hurry makes a waiting task due at once.
func (s *schedule) hurry(t *task, now time.Time) {
	t.at = now
	heap.Fix(s.queue(t), t.index)
}

// remove removes a task, which may not be waiting.
func (s *schedule) remove(t *task) {
	if t.index >= 0 {
		heap.Remove(s.queue(t), t.index)
	}
}

func (s *schedule) queue(t *task) *queue {
	if t.slow {
		return &s.slow
	}
	return &s.quick
}

// lag returns how late the longest-waiting probe is.
func (s *schedule) lag(now time.Time) (lag time.Duration) {
	for _, q := range [...]queue{s.quick, s.slow} {
		if len(q) > 0 {
			lag = max(lag, now.Sub(q[0].at))
		}
	}
	return lag
}

// queue is a heap of tasks, the next to be probed first.
type queue []*task

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].at.Before(q[j].at) }
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

func (q *queue) Push(x any) {
	t := x.(*task)
	t.index = len(*q)
	*q = append(*q, t)
}

func (q *queue) Pop() any {
	last := len(*q) - 1
	t := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	t.index = -1
	return t
}
