package bgp

import (
	"net/netip"
	"time"
)

// State is what a VIP goes through.
type State string

// The states of a VIP.
const (
	// Init: not every check has a result yet.
	Init State = "init"
	// Rising: the checks pass, but not often enough yet.
	Rising State = "rising"
	// Up is announced.
	Up State = "up"
	// Degraded is announced so that routers prefer any site that is up: what it depends on
	// fails, or too many failures came before.
	Degraded State = "degraded"
	// Draining is announced with GRACEFUL_SHUTDOWN for a dwell, then not any more but
	// served for another.
	Draining State = "draining"
	// Down is not announced.
	Down State = "down"
	// Disabled is Down because the file says so.
	Disabled State = "disabled"
)

// allStates are those of the metric.
var allStates = []State{Init, Rising, Up, Degraded, Draining, Down, Disabled}

// Code is a reason in a word, for metrics.
type Code string

// The reasons of states.
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
	// NoDataPath: the cluster takes no packets to the Service's address, or may not yet.
	NoDataPath Code = "no-data-path"
	// NotHere: this machine takes no packets to the address.
	NotHere Code = "not-here"
)

// Reason is why a VIP is in its state.
type Reason struct {
	Code Code   `json:"code"`
	Text string `json:"text"`
}

// VIPStatus is one VIP at a glance.
type VIPStatus struct {
	addr    netip.Addr
	Address string    `json:"address"`
	State   State     `json:"state"`
	Reason  Reason    `json:"reason"`
	Since   time.Time `json:"since"`
	// Until is when time alone changes the state; zero for never.
	Until time.Time `json:"until,omitzero"`
	// Announced is what the sessions carry; it follows State, and may fail to.
	Announced bool `json:"announced"`
	// Attributes are those that they carry; nil if it is not announced.
	Attributes *Attributes `json:"attributes,omitempty"`
	// Peers are those that its route is for, by Peer.Entry; absent, all of them. Those
	// whose own vips lack it do not get it.
	Peers []string `json:"peers,omitzero"`
	// OwnPreference is set where the local preference is the VIP's own, which no peer's takes
	// the place of.
	OwnPreference bool `json:"ownPreference,omitempty"`
	// Aggregate is the prefix that it is announced as a part of, with that one's Attributes; ""
	// where it has a route of its own.
	Aggregate string `json:"aggregate,omitempty"`
	// Warning is what is to be minded of a VIP that is announced; "" for nothing.
	Warning string `json:"warning,omitempty"`
	// Bound is set where the address is given to this machine.
	Bound bool `json:"bound,omitempty"`
	// Owners are the Services that it belongs to.
	Owners []string      `json:"owners,omitempty"`
	Checks []CheckStatus `json:"checks"`
	// Flaps and UpstreamFlaps are the failures of local and of upstream checks that count
	// against the budget now, each for itself.
	Flaps         int `json:"flaps,omitempty"`
	UpstreamFlaps int `json:"upstreamFlaps,omitempty"`
}

// CheckStatus is one check of a VIP at a glance.
type CheckStatus struct {
	Name  string `json:"name"`
	Scope Scope  `json:"scope"`
	// State is passing, failing, rising or unchecked.
	State string `json:"state"`
	// Failure is that of the last result; "" if it passed.
	Failure string    `json:"failure,omitempty"`
	Last    time.Time `json:"last,omitzero"`
	// InARow counts the last results that were alike.
	InARow int `json:"inARow"`
}

// Transition is a change of a VIP's state.
type Transition struct {
	VIP      netip.Addr
	From, To State
	Reason   Reason
}

// host returns the route to one address: a /32 or a /128.
func host(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }
