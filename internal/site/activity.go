package site

import (
	"sync/atomic"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/vector"
)

// activity tells functions that somebody asks for from idle ones, whose
// placements are probed less often. Only the publisher uses it but for asked.
type activity struct {
	asked atomic.Bool // since the last look
	last  time.Time   // when it was last found asked
	idle  atomic.Bool
}

// activities are by function; they outlive the tables.
type activities struct {
	after time.Duration // without a query, until a function is idle; 0 for never
	woken chan struct{}
}

func newActivities(after time.Duration) *activities {
	return &activities{after: after, woken: make(chan struct{}, 1)}
}

// follow brings the activities to what the functions are after, where they were
// before; they are empty where no function is ever idle. Those of functions that are
// gone are forgotten.
func (a *activities) follow(of vector.Vector[*activity], before, after functions, now time.Time) vector.Vector[*activity] {
	if a.after == 0 {
		return of
	}
	e := of.Edit()
	for i, f := range changes(before, after) {
		switch {
		case f.after == nil:
			e.Set(i, nil)
		case f.before == nil || f.before.Ref != f.after.Ref:
			e.Set(i, &activity{last: now})
		}
	}
	return e.Vector()
}

// look finds who is idle now, and returns the targets that only idle functions
// have.
func (a *activities) look(v *View, now time.Time) map[federation.Target]bool {
	idle := map[federation.Target]bool{}
	for i, f := range v.State.All() {
		one := v.activity.At(i)
		if one.asked.Swap(false) {
			one.last = now
		}
		one.idle.Store(now.Sub(one.last) > a.after)
		for _, p := range f.Placements {
			target := p.Target.Value()
			before, known := idle[target]
			idle[target] = one.idle.Load() && (before || !known)
		}
	}
	return idle
}

// Asked notes that somebody asked for the function, and reports whether it was
// idle: what is known of it is then old.
func (v *View) Asked(function int) (wasIdle bool) {
	if v.activity.Len() == 0 {
		return false
	}
	one := v.activity.At(function)
	if !one.asked.Load() { // a store for each query would be shared by all cores
		one.asked.Store(true)
	}
	if !one.idle.Load() {
		return false
	}
	select {
	case v.woken <- struct{}{}:
	default:
	}
	return true
}
