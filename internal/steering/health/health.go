// Package health probes targets to see whether they are alive, and keeps a verdict and a
// round-trip time for each.
//
// Each target is probed once per interval, however many placements share it. The Prober
// is safe for concurrent use; Run owns every goroutine that it starts and waits for them.
package health

import (
	"context"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
)

// State is the result of a target's probes.
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
	// Reason is the reason of the last failure; "" if the last probe passed.
	Reason string
	// RTT is the moving average of the time to connect; 0 if it is not known.
	RTT time.Duration
	// Load is the moving average of the load that the target reports; 1 is its full
	// capacity, 0 means that it reports nothing.
	Load float64
	// Stale is set if the verdict comes from an earlier run; the first probe decides.
	Stale bool
	// Shaky is set if the next probe may change State.
	Shaky bool
	// Flapping is set if State changed too often recently to be relied on.
	Flapping bool
	// Since is when the target entered State.
	Since time.Time
}

// Config says how to probe targets.
type Config struct {
	// Interval is the time between two probes of a target, plus or minus a tenth.
	Interval time.Duration
	// Timeout bounds one probe.
	Timeout time.Duration
	// Rise is how many probes in a row must pass to bring a target up, Fall how many must
	// fail to take it down. The very first probe decides alone.
	Rise, Fall int
	// InFlight bounds the probes in flight; so does half of the files that the process
	// may open.
	InFlight int
	TLS      TLS
	// Idle is how long a function must go without a query before its targets are probed
	// at idleFactor times the interval; 0 for never.
	Idle time.Duration
}

// Default detects a dead target within fifteen seconds and costs a cluster one connection
// in five. InFlight is enough if a tenth of 100,000 targets becomes a black hole, or if
// all of them are 400 ms away.
var Default = Config{Interval: 5 * time.Second, Timeout: 2 * time.Second, Rise: 2, Fall: 2, InFlight: 8192}

// Sample is the result of one probe.
type Sample struct {
	// RTT is how long connecting took; 0 if it failed.
	RTT time.Duration
	// Load is the load that the target reports; 0 for none.
	Load float64
}

// Probe probes the target once. It returns the result, and an error if the target is not
// alive.
type Probe func(ctx context.Context, target federation.Target) (Sample, error)

// Streak turns results into a state that changes only after enough equal results in a
// row.
type Streak struct {
	State State
	run   int
}

// Observe counts one result and reports whether the state changed. From Unknown, the
// first result decides.
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

// Shaky reports whether a contrary result was seen and one more would change the state.
func (s *Streak) Shaky(rise, fall int) bool {
	need := fall
	if s.State == Down {
		need = rise
	}
	return s.run > 0 && s.run+1 >= need
}
