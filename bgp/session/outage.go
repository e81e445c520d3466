package session

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

// Reason is a word for why a session is down or lacks something. For a NOTIFICATION it is
// received- or sent- and the registered name, such as received-bad-peer-as.
type Reason string

// All other reasons.
const (
	Waiting        Reason = "waiting"          // a passive peer's router has not connected
	NoNeighbour    Reason = "no-neighbour"     // none was found on the link
	NoGateway      Reason = "no-gateway"       // no default route leads to a router
	NotAPeer       Reason = "not-a-peer"       // the default route leads to something that cannot be a peer
	OwnAddress     Reason = "own-address"      // the peer is this machine
	Refused        Reason = "refused"          // nothing listens there
	NoHost         Reason = "no-host"          // the router does not answer on its link
	NoRoute        Reason = "no-route"         // this machine has no route
	NoLocalAddress Reason = "no-local-address" // this machine lacks localAddress
	Filtered       Reason = "filtered"         // by this machine
	TimedOut       Reason = "timeout"          // nothing came back
	WrongKey       Reason = "key"              // the ends sign differently
	TTL            Reason = "ttl"              // GTSM at only one end
	Unconnected    Reason = "unconnected"      // for another reason
	Rejected       Reason = "rejected"         // closed before the router's OPEN
	Closed         Reason = "closed"           // closed later, without a NOTIFICATION
	Silent         Reason = "silent"           // connected, but nothing was received
	Unread         Reason = "unread"           // a NOTIFICATION that could not be read
	NoFamily       Reason = "no-family"        // up, without a family of the file
	NoNextHop      Reason = "no-next-hop"      // up, without RFC 8950
	NoHoldTime     Reason = "no-hold-time"     // up, without keepalives
	NotExternal    Reason = "not-external"     // up, with a router of the site's own AS
	NotAdded       Reason = "not-added"        // GoBGP refuses the peer
)
