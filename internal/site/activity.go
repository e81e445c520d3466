package site

import (
	"sync/atomic"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
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
	of    map[federation.Ref]*activity
	woken chan struct{}
}

func newActivities(after time.Duration) *activities {
	return &activities{after: after, of: map[federation.Ref]*activity{}, woken: make(chan struct{}, 1)}
}

// list returns the functions' activities in their order; nil where no function is
// ever idle. Those of functions that are gone are forgotten.
func (a *activities) list(functions []*federation.Function, now time.Time) []*activity {
	if a.after == 0 {
		return nil
	}
	of := make(map[federation.Ref]*activity, len(functions))
	all := make([]*activity, len(functions))
	for i, f := range functions {
		one := a.of[f.Ref]
		if one == nil {
			one = &activity{last: now}
		}
		all[i], of[f.Ref] = one, one
	}
	a.of = of
	return all
}

// look finds who is idle now, and returns the targets that only idle functions
// have.
func (a *activities) look(v *View, now time.Time) map[federation.Target]bool {
	idle := map[federation.Target]bool{}
	for i, f := range v.State.Functions {
		one := v.activity[i]
		if one.asked.Swap(false) {
			one.last = now
		}
		one.idle.Store(now.Sub(one.last) > a.after)
		for p := range f.Placements {
			target := f.Placements[p].Target
			before, known := idle[target]
			idle[target] = one.idle.Load() && (before || !known)
		}
	}
	return idle
}

// Asked notes that somebody asked for the function, and reports whether it was
// idle: what is known of it is then old.
func (v *View) Asked(function int) (wasIdle bool) {
	if v.activity == nil {
		return false
	}
	one := v.activity[function]
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
