package outage

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/nearcast/nearcast/bgp/session"
	"github.com/nearcast/nearcast/internal/base/brief"
)

// Notification is a NOTIFICATION message (RFC 4271, section 4.5).
type Notification struct {
	Code, Subcode uint8
	Data          []byte
}

// Codes of NOTIFICATIONs that are evaluated.
const (
	headerError = 1
	openError   = 2
	updateError = 3
	holdExpired = 4
	fsmError    = 5
	cease       = 6
	sendExpired = 8

	badPeerAS     = 2
	badIdentifier = 3
	badHoldTime   = 6
	badCapability = 7
	roleMismatch  = 11

	maxPrefixes   = 1
	shutdown      = 2
	deconfigured  = 3
	reset         = 4
	rejected      = 5
	changed       = 6
	collision     = 7
	outOfResource = 8
	hardReset     = 9
	bfdDown       = 10
)

// names are from IANA's "BGP Error (Notification) Codes" and their subcodes, which begin with 1;
// subcode 0 has no name unless listed.
var names = map[uint8]struct {
	name string
	subs map[uint8]string
}{
	headerError: {"Message Header Error", map[uint8]string{1: "Connection Not Synchronized", 2: "Bad Message Length", 3: "Bad Message Type"}},
	openError: {"OPEN Message Error", map[uint8]string{
		1: "Unsupported Version Number", badPeerAS: "Bad Peer AS", badIdentifier: "Bad BGP Identifier", 4: "Unsupported Optional Parameter",
		5: "Authentication Failure", badHoldTime: "Unacceptable Hold Time", badCapability: "Unsupported Capability", roleMismatch: "Role Mismatch",
	}},
	updateError: {"UPDATE Message Error", map[uint8]string{
		1: "Malformed Attribute List", 2: "Unrecognized Well-known Attribute", 3: "Missing Well-known Attribute", 4: "Attribute Flags Error",
		5: "Attribute Length Error", 6: "Invalid ORIGIN Attribute", 8: "Invalid NEXT_HOP Attribute", 9: "Optional Attribute Error",
		10: "Invalid Network Field", 11: "Malformed AS_PATH",
	}},
	holdExpired: {"Hold Timer Expired", nil},
	fsmError: {"Finite State Machine Error", map[uint8]string{
		1: "Receive Unexpected Message in OpenSent State", 2: "Receive Unexpected Message in OpenConfirm State", 3: "Receive Unexpected Message in Established State",
	}},
	cease: {"Cease", map[uint8]string{
		maxPrefixes: "Maximum Number of Prefixes Reached", shutdown: "Administrative Shutdown", deconfigured: "Peer De-configured",
		reset: "Administrative Reset", rejected: "Connection Rejected", changed: "Other Configuration Change",
		collision: "Connection Collision Resolution", outOfResource: "Out of Resources", hardReset: "Hard Reset", bfdDown: "BFD Down",
	}},
	7:           {"ROUTE-REFRESH Message Error", map[uint8]string{1: "Invalid Message Length"}},
	sendExpired: {"Send Hold Timer Expired", nil},
}

// name returns the registered names of code and subcode; each is "" if unregistered.
func (n *Notification) name() (name, sub string) {
	code := names[n.Code]
	return code.name, code.subs[n.Subcode]
}

// String returns the registered name of the message, its numbers and the sender's message to the
// operator: `Cease/Administrative Shutdown (6/2) "maintenance"`.
func (n *Notification) String() string {
	name, sub := n.name()
	if name == "" {
		name = "Unknown"
	}
	if sub != "" {
		name += "/" + sub
	}
	text := fmt.Sprintf("%s (%d/%d)", name, n.Code, n.Subcode)
	if message := n.Message(); message != "" {
		text += ` "` + message + `"` // already escaped
	}
	if inner := n.Inner(); inner != nil {
		text += " for " + inner.String()
	}
	return text
}

// Message returns the message in a Cease to the operator of this end (RFC 9003), safe to display;
// "" if there is none.
func (n *Notification) Message() string {
	if n.Code != cease || n.Subcode != shutdown && n.Subcode != reset || len(n.Data) < 2 {
		return ""
	}
	length := int(n.Data[0])
	if length == 0 || length > len(n.Data)-1 || !utf8.Valid(n.Data[1:1+length]) {
		return ""
	}
	return brief.Text(string(n.Data[1 : 1+length]))
}

// Inner returns the message inside a Hard Reset (RFC 8538, section 3.1); nil if there is none.
func (n *Notification) Inner() *Notification {
	if n.Code != cease || n.Subcode != hardReset || len(n.Data) < 2 || n.Data[0] == cease && n.Data[1] == hardReset {
		return nil
	}
	return &Notification{Code: n.Data[0], Subcode: n.Data[1], Data: n.Data[2:]}
}

// reasonOf returns a NOTIFICATION as a metric label, such as received-bad-peer-as. All unregistered
// codes share one label: otherwise the sender could create 65536.
func reasonOf(way string, n *Notification) session.Reason {
	name, sub := n.name()
	if name == "" {
		name = "unknown"
	}
	if sub != "" {
		name = sub
	}
	return session.Reason(way + "-" + strings.ToLower(strings.NewReplacer(" ", "-", "_", "-").Replace(name)))
}
