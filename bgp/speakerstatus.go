package bgp

import (
	"github.com/nearcast/nearcast/bgp/cluster"
	"github.com/nearcast/nearcast/bgp/session"
	"github.com/nearcast/nearcast/bgp/vip"
	"github.com/nearcast/nearcast/internal/base/admin/hint"
)

// Status is the status of the speaker.
type Status struct {
	ASN      uint32           `json:"asn"`
	RouterID string           `json:"routerID"`
	Peers    []session.Status `json:"peers"`
	VIPs     []vip.Status     `json:"vips"`
	// Aggregates are prefixes that are announced for several VIPs.
	Aggregates []vip.AggregateStatus `json:"aggregates,omitempty"`
	// Drains are those that were commanded here. They survive a restart if there is a state directory.
	Drains []vip.Drain `json:"drains,omitempty"`
	// DrainsUnsaved says why the current drains are not on disk: they are in force, but a restart
	// would lose what has changed. "" if they are saved or no directory is configured.
	DrainsUnsaved string `json:"drainsUnsaved,omitempty"`
	// DrainsLost says which drains of an earlier run could not be read at start; "" for none.
	DrainsLost string `json:"drainsLost,omitempty"`
	// Refused are Service requests that were refused, a few of each namespace; RefusedInAll counts
	// all of them.
	Refused      []cluster.Refusal `json:"refused,omitempty"`
	RefusedInAll int               `json:"refusedInAll,omitempty"`
	// IgnoredHints are hints of the resolver for VIPs that they do not move: VIPs of the file
	// without Hints, and those of Services in another namespace.
	IgnoredHints []hint.Hint `json:"ignoredHints,omitempty"`
	// Fault is what was wrong with the last file read; "" if it is in force.
	Fault string `json:"fault,omitempty"`
}
