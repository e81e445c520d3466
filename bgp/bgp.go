// Package bgp is the speaker's judgement: which shared addresses this site
// announces, and why. What is announced is a function of the configuration and
// of local checks alone; there is no view between sites, and none is needed.
//
// The Controller is pure. Run drives it with real checks and an Announcer,
// which package bgp/gobgp implements.
package bgp

import (
	"net/netip"
	"time"
)

// Announcer makes routes known to the peers.
type Announcer interface {
	// Set declares all the routes to announce; it finds out itself what changed.
	// A failed Set may be called again with the same routes.
	Set(routes []netip.Prefix) error
	// Peers returns the sessions as they are.
	Peers() []PeerStatus
	// Close withdraws everything and ends the sessions, within the deadline.
	Close(deadline time.Duration) error
}

// PeerStatus is one session at a glance.
type PeerStatus struct {
	Address string `json:"address"`
	ASN     uint32 `json:"asn"`
	// State is BGP's name for it; "established" carries routes.
	State string `json:"state"`
	// Uptime is how long the session is established.
	Uptime time.Duration `json:"uptime,omitempty"`
}

// State is what a VIP goes through.
type State string

// The states of a VIP. Only one that is Up is announced.
const (
	// Init: not every check has a result yet.
	Init State = "init"
	// Rising: the checks pass, but not often enough yet.
	Rising State = "rising"
	Up     State = "up"
	Down   State = "down"
)

// VIPStatus is one VIP at a glance.
type VIPStatus struct {
	Address string    `json:"address"`
	State   State     `json:"state"`
	Reason  string    `json:"reason"`
	Since   time.Time `json:"since"`
	// Announced is what the sessions carry; it follows State, and may fail to.
	Announced bool `json:"announced"`
}

// Status is the speaker at a glance.
type Status struct {
	ASN      uint32       `json:"asn"`
	RouterID string       `json:"routerID"`
	Peers    []PeerStatus `json:"peers"`
	VIPs     []VIPStatus  `json:"vips"`
}

// host returns the route to one address: a /32 or a /128.
func host(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }
