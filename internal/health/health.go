// Package health asks targets whether they are alive, and keeps a verdict and a
// round-trip time for each.
//
// A target is probed once per interval however many placements share it. The
// Prober is safe for concurrent use; Run owns every goroutine that it starts
// and waits for them.
package health

import (
	"context"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
)

// State is what the probes of a target say.
type State uint8

// The states of a target.
const (
	Unknown State = iota
	Up
	Down
)

// String returns the state in lower case.
func (s State) String() string { return [...]string{"unknown", "up", "down"}[s] }

// Verdict is a target's state with its reason.
type Verdict struct {
	State State
	// Reason is the last failure's; "" while the last probe passed.
	Reason string
	// RTT is the moving average of the time to connect; 0 while it is not known.
	RTT time.Duration
	// Load is the moving average of what the target reports of itself, 1 for as
	// much as it can bear; 0 where it reports nothing.
	Load float64
	// Stale is set where the verdict is an earlier run's; the first probe decides.
	Stale bool
	// Shaky is set where the next probe may change State.
	Shaky bool
	// Flapping is set where State changed too often of late to be relied on.
	Flapping bool
	// Since is when State began.
	Since time.Time
}

// Config is how targets are probed.
type Config struct {
	// Interval lies between two probes of a target, give or take a tenth.
	Interval time.Duration
	// Timeout bounds one probe.
	Timeout time.Duration
	// Rise is how many probes in a row must pass to bring a target up, Fall how
	// many must fail to take it down. The first probe of all decides alone.
	Rise, Fall int
	// InFlight bounds the probes under way at once, as does half of the files that
	// the process may open.
	InFlight int
	TLS      TLS
	// Idle is how long nobody must have asked for a function for its targets to be
	// probed at idleFactor times the interval; 0 for never.
	Idle time.Duration
}

// Default is a probe that sees a dead target within fifteen seconds and costs a
// cluster one connection in five. So many are in flight where a tenth of 100,000 targets
// becomes a black hole, or all of them are 400 ms away.
var Default = Config{Interval: 5 * time.Second, Timeout: 2 * time.Second, Rise: 2, Fall: 2, InFlight: 8192}

// Sample is what one probe learnt.
type Sample struct {
	// RTT is how long connecting took; 0 if it failed.
	RTT time.Duration
	// Load is what the target reports of itself; 0 for nothing.
	Load float64
}

// Probe asks the target once. It returns what it learnt, and why the target is
// not alive.
type Probe func(ctx context.Context, target federation.Target) (Sample, error)

// Streak turns results into a state that changes only after enough of them
// agree.
type Streak struct {
	State State
	run   int
}

// Observe counts one result and reports whether the state changed. From Unknown
// the first result decides.
func (s *Streak) Observe(ok bool, rise, fall int) bool {
	want, need := Down, fall
	if ok {
		want, need = Up, rise
	}
	if s.State == want {
		s.run = 0
		return false
	}
	s.run++
	if s.State != Unknown && s.run < need {
		return false
	}
	s.State, s.run = want, 0
	return true
}

// Shaky reports whether one more contrary result would change the state, and one
// was seen already.
func (s *Streak) Shaky(rise, fall int) bool {
	need := fall
	if s.State == Down {
		need = rise
	}
	return s.run > 0 && s.run+1 >= need
}
