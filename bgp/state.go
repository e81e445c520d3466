package bgp

import (
	"net/netip"
	"time"
)

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

// allStates are the states in the metric.
var allStates = []State{Init, Rising, Up, Degraded, Draining, Down, Disabled}

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
	Told          Code = "drained"
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

// VIPStatus is the status of one VIP.
type VIPStatus struct {
	addr    netip.Addr
	Address string    `json:"address"`
	State   State     `json:"state"`
	Reason  Reason    `json:"reason"`
	Since   time.Time `json:"since"`
	// Until is when the passing of time changes the state; zero for never.
	Until time.Time `json:"until,omitzero"`
	// Announced reports what the sessions carry. It follows State, but announcing may fail.
	Announced bool `json:"announced"`
	// Attributes are those that the sessions carry; nil if it is not announced.
	Attributes *Attributes `json:"attributes,omitempty"`
	// Peers are the peers that its route is for, by Peer.Entry; absent means all. Peers whose own
	// vips do not contain it do not receive it.
	Peers []string `json:"peers,omitzero"`
	// OwnPreference is set if the local preference is the VIP's own, which no peer overrides.
	OwnPreference bool `json:"ownPreference,omitempty"`
	// Aggregate is the prefix that announces it, with the Attributes of that aggregate; "" if it
	// has a route of its own.
	Aggregate string `json:"aggregate,omitempty"`
	// Warning is a caveat about a VIP that is announced; "" for none.
	Warning string `json:"warning,omitempty"`
	// Bound is set if the address is given to this machine.
	Bound bool `json:"bound,omitempty"`
	// Owners are the Services that it belongs to.
	Owners []string      `json:"owners,omitempty"`
	Checks []CheckStatus `json:"checks"`
	// Flaps and UpstreamFlaps are the failures of local and upstream checks that count against
	// their budgets now.
	Flaps         int `json:"flaps,omitempty"`
	UpstreamFlaps int `json:"upstreamFlaps,omitempty"`
}

// CheckStatus is the status of one check of a VIP.
type CheckStatus struct {
	Name  string `json:"name"`
	Scope Scope  `json:"scope"`
	// State is passing, failing, rising or unchecked.
	State string `json:"state"`
	// Failure is the failure of the last result; "" if it passed.
	Failure string    `json:"failure,omitempty"`
	Last    time.Time `json:"last,omitzero"`
	// InARow counts the last consecutive equal results.
	InARow int `json:"inARow"`
}

// Transition is a change of a VIP's state.
type Transition struct {
	VIP      netip.Addr
	From, To State
	Reason   Reason
}

// host returns the prefix of a single address: a /32 or a /128.
func host(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }
