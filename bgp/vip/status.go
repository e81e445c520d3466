package vip

import (
	"net/netip"
	"time"

	"github.com/nearcast/nearcast/bgp/route"
)

// Status is the status of one VIP.
type Status struct {
	Addr    netip.Addr `json:"-"`
	Address string     `json:"address"`
	State   State      `json:"state"`
	Reason  Reason     `json:"reason"`
	Since   time.Time  `json:"since"`
	// Until is when the passing of time changes the state; zero for never.
	Until time.Time `json:"until,omitzero"`
	// Announced reports what the sessions carry. It follows State, but announcing may fail.
	Announced bool `json:"announced"`
	// Attributes are those that the sessions carry; nil if it is not announced.
	Attributes *route.Attributes `json:"attributes,omitempty"`
	// Peers are the peers that its route is for, by config.Peer.Entry; absent means all. Peers
	// whose own vips do not contain it do not receive it.
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

// Members counts the VIPs of an aggregate by the state in which they are announced.
type Members struct {
	Up       int `json:"up"`
	Degraded int `json:"degraded"`
	Draining int `json:"draining"`
	// All counts the VIPs that are declared and not disabled.
	All int `json:"all"`
}

// AggregateStatus is the status of one aggregate.
type AggregateStatus struct {
	Prefix string `json:"prefix"`
	// State is up, degraded, draining or down.
	State State `json:"state"`
	// Announced reports what the sessions carry. It follows State, but announcing may fail.
	Announced bool `json:"announced"`
	// Attributes are those that the sessions carry; nil for none.
	Attributes *route.Attributes `json:"attributes,omitempty"`
	Members    Members           `json:"vips"`
	// Need is how many VIPs must be announced.
	Need int `json:"need"`
	// Peers are the recipients of its own route; absent means all.
	Peers []string `json:"peers,omitzero"`
	// OwnPreference is set if the local preference is the aggregate's own.
	OwnPreference bool `json:"ownPreference,omitempty"`
	// HostRoutes is set if its VIPs also have routes of their own.
	HostRoutes bool   `json:"hostRoutes"`
	Reason     string `json:"reason"`
}
