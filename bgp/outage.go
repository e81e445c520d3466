package bgp

import "time"

// Outage is what is known of a session that is down.
type Outage struct {
	// Since is when it went down, or was declared.
	Since time.Time `json:"since"`
	// Attempts counts those that failed since.
	Attempts int `json:"attempts"`
	// NextTry is when the speaker connects next; zero while it does, and for a peer that is
	// waited for.
	NextTry time.Time `json:"nextTry,omitzero"`
	// Received and Sent are the NOTIFICATIONs (RFC 4271, section 4.5) by their registered
	// names, with what the router's operator wrote (RFC 9003); Connection is what became of
	// the last TCP connection. Each is "" for nothing.
	Received   string `json:"received,omitempty"`
	Sent       string `json:"sent,omitempty"`
	Connection string `json:"connection,omitempty"`
}

// SessionReason is why a session is down, or lacks something, in a word. Those of
// NOTIFICATIONs are received- or sent- and the registered name, such as received-bad-peer-as.
type SessionReason string

// The other reasons.
const (
	Waiting        SessionReason = "waiting"          // a passive peer's router has not connected
	NoNeighbour    SessionReason = "no-neighbour"     // none was found on the link
	NoGateway      SessionReason = "no-gateway"       // no default route leads to a router
	NotAPeer       SessionReason = "not-a-peer"       // the default route leads to what cannot be one
	OwnAddress     SessionReason = "own-address"      // the peer is this machine
	Refused        SessionReason = "refused"          // nothing listens there
	NoHost         SessionReason = "no-host"          // the router does not answer on its link
	NoRoute        SessionReason = "no-route"         // this machine has no route
	NoLocalAddress SessionReason = "no-local-address" // this machine lacks localAddress
	Filtered       SessionReason = "filtered"         // by this machine
	TimedOut       SessionReason = "timeout"          // nothing came back
	WrongKey       SessionReason = "key"              // the ends sign differently
	TTL            SessionReason = "ttl"              // GTSM at this end alone
	Unconnected    SessionReason = "unconnected"      // for another reason
	Rejected       SessionReason = "rejected"         // closed before the router's OPEN
	Closed         SessionReason = "closed"           // closed later, without a word
	Silent         SessionReason = "silent"           // connected, and nothing came
	Unread         SessionReason = "unread"           // a NOTIFICATION that may not be read
	NoFamily       SessionReason = "no-family"        // up, without a family of the file
	NoNextHop      SessionReason = "no-next-hop"      // up, without RFC 8950
	NoHoldTime     SessionReason = "no-hold-time"     // up, without keepalives
	NotExternal    SessionReason = "not-external"     // up, with a router of the site's own AS
	NotAdded       SessionReason = "not-added"        // GoBGP refuses the peer
)
