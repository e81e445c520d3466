package bgp

import "time"

// Outage describes a session that is down.
type Outage struct {
	// Since is when it went down or was declared.
	Since time.Time `json:"since"`
	// Attempts counts failed attempts since then.
	Attempts int `json:"attempts"`
	// NextTry is when the speaker connects next; zero during an attempt, and for a passive peer.
	NextTry time.Time `json:"nextTry,omitzero"`
	// Received and Sent are the NOTIFICATIONs (RFC 4271, section 4.5) by their registered names,
	// with the message of the router's operator (RFC 9003). Connection is the outcome of the last
	// TCP connection. Each is "" for none.
	Received   string `json:"received,omitempty"`
	Sent       string `json:"sent,omitempty"`
	Connection string `json:"connection,omitempty"`
}

// SessionReason is a word for why a session is down or lacks something. For a NOTIFICATION it is
// received- or sent- and the registered name, such as received-bad-peer-as.
type SessionReason string

// All other reasons.
const (
	Waiting        SessionReason = "waiting"          // a passive peer's router has not connected
	NoNeighbour    SessionReason = "no-neighbour"     // none was found on the link
	NoGateway      SessionReason = "no-gateway"       // no default route leads to a router
	NotAPeer       SessionReason = "not-a-peer"       // the default route leads to something that cannot be a peer
	OwnAddress     SessionReason = "own-address"      // the peer is this machine
	Refused        SessionReason = "refused"          // nothing listens there
	NoHost         SessionReason = "no-host"          // the router does not answer on its link
	NoRoute        SessionReason = "no-route"         // this machine has no route
	NoLocalAddress SessionReason = "no-local-address" // this machine lacks localAddress
	Filtered       SessionReason = "filtered"         // by this machine
	TimedOut       SessionReason = "timeout"          // nothing came back
	WrongKey       SessionReason = "key"              // the ends sign differently
	TTL            SessionReason = "ttl"              // GTSM at only one end
	Unconnected    SessionReason = "unconnected"      // for another reason
	Rejected       SessionReason = "rejected"         // closed before the router's OPEN
	Closed         SessionReason = "closed"           // closed later, without a NOTIFICATION
	Silent         SessionReason = "silent"           // connected, but nothing was received
	Unread         SessionReason = "unread"           // a NOTIFICATION that could not be read
	NoFamily       SessionReason = "no-family"        // up, without a family of the file
	NoNextHop      SessionReason = "no-next-hop"      // up, without RFC 8950
	NoHoldTime     SessionReason = "no-hold-time"     // up, without keepalives
	NotExternal    SessionReason = "not-external"     // up, with a router of the site's own AS
	NotAdded       SessionReason = "not-added"        // GoBGP refuses the peer
)
