package session

import "time"

// Phase is how far a session has followed a change of the file.
type Phase string

// Phases of a session that the file changes or has removed.
const (
	// Waits: the session is unchanged until its turn comes.
	Waits Phase = "waiting"
	// Drains: the router has the dwell to move its traffic.
	Drains Phase = "draining"
	// Returns: the session was reset and is not established again.
	Returns Phase = "returning"
	// Overdue: it is still not established, and the other sessions no longer wait for it.
	Overdue Phase = "overdue"
)

// Change is the pending change of a session because of the file.
type Change struct {
	Phase Phase `json:"phase"`
	// Leaving is set if the peer was removed from the file.
	Leaving bool `json:"leaving,omitempty"`
	// After lists the peers that it waits for, by their Name.
	After []string `json:"after,omitempty"`
	// Until is when the phase ends at the latest; zero if only an established session ends it.
	Until time.Time `json:"until,omitzero"`
	// Text describes all of this except Until in words.
	Text string `json:"text"`
}
