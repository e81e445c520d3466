package site

import (
	"sync/atomic"
	"time"

	"github.com/nearcast/nearcast/internal/base/vector"
	"github.com/nearcast/nearcast/internal/federation"
)

// activity distinguishes functions that receive queries from idle ones, whose placements
// are probed less often. Only the publisher uses it, except for asked.
type activity struct {
	asked atomic.Bool // since the last call of look
	last  time.Time   // when look last found it asked
	idle  atomic.Bool
}

// activities are indexed by function; they outlive the tables.
type activities struct {
	after time.Duration // without a query, until a function is idle; 0 for never
	woken chan struct{}
}

func newActivities(after time.Duration) *activities {
	return &activities{after: after, woken: make(chan struct{}, 1)}
}

// follow updates the activities from the functions before to the functions after, and
// drops those of deleted functions. They stay empty if functions never become idle.
func (a *activities) follow(of vector.Vector[*activity], before, after functions, now time.Time) vector.Vector[*activity] {
	if a.after == 0 {
		return of
	}
	e := of.Edit()
	for i, f := range changes(before, after) {
		switch {
		case f.after == nil:
			e.Set(i, nil)
		case f.before == nil || f.before.Ref() != f.after.Ref():
			e.Set(i, &activity{last: now})
		}
	}
	return e.Vector()
}

// look determines which functions are idle now, and returns the targets that only idle
// functions use.
func (a *activities) look(v *View, now time.Time) map[federation.SharedTarget]bool {
	idle := map[federation.SharedTarget]bool{}
	for i, f := range v.State.All() {
		one := v.activity.At(i)
		if one.asked.Swap(false) {
			one.last = now
		}
		one.idle.Store(now.Sub(one.last) > a.after)
		for _, p := range f.Placements {
			target := p.Target
			before, known := idle[target]
			idle[target] = one.idle.Load() && (before || !known)
		}
	}
	return idle
}

// Asked records a query for the function, and reports whether the function was idle: what
// is known about it is then old.
func (v *View) Asked(function int) (wasIdle bool) {
	if v.activity.Len() == 0 {
		return false
	}
	one := v.activity.At(function)
	if !one.asked.Load() { // a store for each query would bounce the cache line between cores
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
