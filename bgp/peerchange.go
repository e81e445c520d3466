package bgp

import "time"

// ChangePhase is how far a session is on its way to what the file says.
type ChangePhase string

// The phases of a session that the file changes or no longer has.
const (
	// Waits: the session is as it was, until its turn comes.
	Waits ChangePhase = "waiting"
	// Drains: the router has the dwell to move its traffic.
	Drains ChangePhase = "draining"
	// Returns: the session was reset and is not established again.
	Returns ChangePhase = "returning"
	// Overdue: it is not, and the others no longer wait for it.
	Overdue ChangePhase = "overdue"
)

// PeerChange is what is still to become of a session because of the file.
type PeerChange struct {
	Phase ChangePhase `json:"phase"`
	// Leaving is set where the file no longer has the peer.
	Leaving bool `json:"leaving,omitempty"`
	// After are the peers that it waits for, by their Name.
	After []string `json:"after,omitempty"`
	// Until is when the phase ends at the latest; zero where only a session that is established
	// ends it.
	Until time.Time `json:"until,omitzero"`
	// Text says all this to people, but for Until.
	Text string `json:"text"`
}
