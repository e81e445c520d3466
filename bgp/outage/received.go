package outage

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/nearcast/nearcast/bgp/route"
)

// received explains what to do about a NOTIFICATION from the router.
func (s Subject) received(a Attempt) string {
	n := a.Received
	text := fmt.Sprintf("the router sent NOTIFICATION %s", n)
	if inner := n.Inner(); inner != nil {
		n = inner
	}
	if advice := s.advice(n, a); advice != "" {
		return text + ": " + advice
	}
	return text + "; see its log"
}

func (s Subject) advice(n *Notification, a Attempt) string {
	switch n.Code {
	case headerError, updateError, 7:
		return "it could not parse a message of this speaker; report this with the router's version and its log"
	case openError:
		return s.openAdvice(n, a.Open)
	case holdExpired:
		return fmt.Sprintf("it received nothing from this speaker for the hold time; look for packet loss, a path MTU that is too small, or an overloaded machine, or raise holdTime (%s) in the file", s.Peer.HoldTime) + s.gtsmHint()
	case fsmError:
		return "its session state differs from this speaker's; see its log"
	case cease:
		return s.ceaseAdvice(n)
	case sendExpired:
		return "this speaker accepted none of its messages for too long (RFC 9687); look for packet loss or an overloaded machine"
	}
	return ""
}

func (s Subject) gtsmHint() string {
	if s.wantsGTSM() {
		return gtsmHere
	}
	return ""
}

func (s Subject) openAdvice(n *Notification, open *Open) string {
	switch n.Subcode {
	case badPeerAS:
		return fmt.Sprintf("it does not expect this speaker's AS, %d; set %[1]d on the router (FRR: neighbor %s remote-as %[1]d; BIRD: neighbor %[2]s as %[1]d), or set asn in the file to the AS that the router expects", s.ASN, s.local())
	case badIdentifier:
		if open != nil && open.RouterID == s.RouterID {
			return fmt.Sprintf("both ends have router ID %s; set another routerID in the file or on the router", s.RouterID)
		}
		return fmt.Sprintf("it does not accept router ID %s, which it or another speaker uses; set another routerID in the file", s.RouterID)
	case badHoldTime:
		return fmt.Sprintf("it does not accept a hold time of %s; raise the peer's holdTime in the file to the router's minimum, or lower the minimum on the router (FRR: bgp minimum-holdtime; BIRD: min hold time)", s.Peer.HoldTime)
	case badCapability:
		return s.capabilityAdvice(n)
	case 4:
		return "it does not support an optional parameter of this speaker's OPEN: it is too old for capabilities (RFC 5492)"
	case 5:
		return "authentication failed; configure the same key at both ends (passwordFile in the file, password on the router)"
	case roleMismatch:
		return "it requires a BGP role (RFC 9234), which this speaker does not send; remove the strict role on the router (FRR: no neighbor " + s.local() + " local-role)"
	}
	return ""
}

// capabilityMultiprotocol is the capability whose absence makes routers refuse a session in practice
// (RFC 4760).
const capabilityMultiprotocol = 1

// capabilityAdvice reads which capability the router requires: the data begin with its code, length
// and value (RFC 5492, section 5).
func (s Subject) capabilityAdvice(n *Notification) string {
	ours := familyNames(s.Peer.Families)
	if len(n.Data) >= 6 && n.Data[0] == capabilityMultiprotocol {
		family := familyName(n.Data[2:6])
		switch {
		case slices.Contains(s.Peer.Families, route.Family(family)): // FRR names what it was offered
			return fmt.Sprintf("%s is not activated for this neighbor; activate it on the router (FRR: address-family %[1]s unicast, neighbor %s activate; BIRD: a channel %[1]s), or remove it from families in the file", family, s.local())
		case family != "":
			return fmt.Sprintf("it requires %s, and the file has families: [%s]; add it to the file, or activate the neighbor for %[2]s on the router instead", family, ours)
		}
	}
	return fmt.Sprintf("none of families: [%s] is activated for this neighbor; activate one on the router (FRR: address-family … unicast, neighbor %s activate; BIRD: a channel), or set families in the file", ours, s.local())
}

func familyNames(families []route.Family) (text string) {
	for i, f := range families {
		if i > 0 {
			text += ", "
		}
		text += string(f)
	}
	return text
}

// familyName reads AFI, a reserved octet and SAFI; "" for other SAFIs than unicast.
func familyName(data []byte) string {
	if data[3] != 1 {
		return ""
	}
	switch binary.BigEndian.Uint16(data) {
	case 1:
		return string(route.IPv4)
	case 2:
		return string(route.IPv6)
	}
	return ""
}

func (s Subject) ceaseAdvice(n *Notification) string {
	switch n.Subcode {
	case maxPrefixes:
		return prefixAdvice(n, s.local())
	case shutdown:
		return fmt.Sprintf("the session was shut down by its operator; end the shutdown on the router (FRR: no neighbor %s shutdown; BIRD: enable)", s.local())
	case deconfigured:
		return "the neighbor was removed on the router; configure it there again as " + s.neighbor()
	case reset:
		return "the session was reset by its operator; the speaker connects again"
	case rejected:
		return fmt.Sprintf("it currently rejects sessions with %s; configure it on the router as %s, or set localAddress in the file to the address that the router expects", s.local(), s.neighbor())
	case changed:
		return "its configuration was changed; the speaker connects again"
	case collision:
		return "it already has a connection with this machine; if another speaker runs here, set localAddress in the file to an address that only this speaker uses"
	case outOfResource:
		return "it is out of memory or table space; reduce the load on the router"
	case bfdDown:
		return "its BFD session is down; allow UDP 3784 at both ends, or disable BFD at both"
	}
	return ""
}

// prefixAdvice reads the family and the limit (RFC 4486, section 4).
func prefixAdvice(n *Notification, local string) string {
	limit := ""
	if len(n.Data) >= 7 {
		family := familyName([]byte{n.Data[0], n.Data[1], 0, n.Data[2]})
		limit = fmt.Sprintf(" of %d for %s", binary.BigEndian.Uint32(n.Data[3:7]), family)
	}
	return fmt.Sprintf("this speaker announces more routes than its limit%s; raise the limit on the router (FRR: neighbor %s maximum-prefix N, then clear bgp %[2]s; BIRD: import limit N, then restart), or announce fewer VIPs", limit, local)
}
