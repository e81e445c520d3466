// Package vip has the states of VIPs with their reasons, as the speaker decides and shows them, and
// what is said of VIPs by others: drains, and whether Services back them. It is pure.
package vip

import "net/netip"

// State is the state of a VIP.
type State string

// The states of a VIP.
const (
	// Init: not every check has a result yet.
	Init State = "init"
	// Rising: the checks pass, but not often enough yet.
	Rising State = "rising"
	// Up is announced.
	Up State = "up"
	// Degraded is announced so that routers prefer any site that is up: a dependency fails, or the
	// VIP failed too often before.
	Degraded State = "degraded"
	// Draining is announced with GRACEFUL_SHUTDOWN for the dwell, then withdrawn but still served
	// for the linger time.
	Draining State = "draining"
	// Down is not announced.
	Down State = "down"
	// Disabled is Down because of the file.
	Disabled State = "disabled"
)

// States returns all states, in the order in which a VIP goes through them.
func States() []State {
	return []State{Init, Rising, Up, Degraded, Draining, Down, Disabled}
}

// Code is a reason as a single word, for metrics.
type Code string

// Reasons of states.
const (
	Unchecked     Code = "unchecked"
	Passing       Code = "passing"
	Held          Code = "held"
	CheckFailed   Code = "check-failed"
	NoEndpoints   Code = "no-endpoints"
	Ended         Code = "endpoints-terminating"
	Drained       Code = "drained"
	Hinted        Code = "hinted"
	Stopping      Code = "stopping"
	Removed       Code = "removed"
	OnDrainedNode Code = "node"
	SetDisabled   Code = "disabled"
	// NoDataPath: the cluster takes no packets to the Service's address, or may not take them yet.
	NoDataPath Code = "no-data-path"
	// NotHere: this machine takes no packets to the address.
	NotHere Code = "not-here"
)

// Reason is why a VIP is in its state.
type Reason struct {
	Code Code   `json:"code"`
	Text string `json:"text"`
}

// Transition is a change of a VIP's state.
type Transition struct {
	VIP      netip.Addr
	From, To State
	Reason   Reason
}

// Scope is what a check covers.
type Scope string

// Scopes of checks.
const (
	// Local checks test whether the service behind the VIP works here: a failure withdraws the
	// route.
	Local Scope = "local"
	// Upstream checks test whether this site reaches its dependencies: a failure only degrades the
	// VIP, so that it stays announced even if the checks fail at all sites.
	Upstream Scope = "upstream"
)
