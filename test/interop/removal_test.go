package interop

import (
	"testing"
	"time"
)

// TestARouteFollowsItsSite is the part of the full matrix that
// always runs.
func TestARouteFollowsItsSite(t *testing.T) {
	strikeAll(t, []timers{hold3}, sigterm, sigkill, siteLinkDown)
}

func TestEveryFailureIsNoticedByEveryTimer(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short: it takes minutes")
	}
	strikeAll(t, allTimers, sigterm, sigkill, sigstop, siteLinkDown, routerLinkDown, routerRestart)
}

// strikeAll runs the events in a scene with each brand of router and each of
// the timers, one after the other, and prints how long removal and return took.
func strikeAll(t *testing.T, all []timers, events ...event) {
	t.Helper()
	measured := &table{heading: "router\ttimers\tevent\tremoval\treturn"}
	t.Run("routers", func(t *testing.T) {
		for _, b := range brands {
			for _, timers := range all {
				t.Run(b.name+" "+timers.name, func(t *testing.T) {
					t.Parallel()
					s := newScene(t, b, timers)
					for _, e := range events {
						removal, back := s.measure(e, timers)
						measured.add([]time.Duration{removal, back}, b.name, timers.name, e.name)
					}
				})
			}
		}
	})
	measured.print(t)
}
