package outage

import (
	"fmt"

	"github.com/nearcast/nearcast/bgp/session"
)

// sent explains why this speaker ended a session.
func (s Subject) sent(a Attempt) string {
	n := a.Sent
	text := fmt.Sprintf("this speaker sent NOTIFICATION %s", n)
	switch {
	case n.Code == openError && n.Subcode == badPeerAS && a.Open != nil:
		return text + fmt.Sprintf(": the router's OPEN has AS %d, and the file has %d; set asn: %[1]d for peer %[3]s in the file, or correct the AS on the router", a.Open.ASN, s.Peer.ASN, s.Peer.Name())
	case n.Code == openError && n.Subcode == badPeerAS:
		return text + fmt.Sprintf(": the router's OPEN has an AS other than %d; set asn of peer %s in the file to the router's AS, or correct the AS on the router", s.Peer.ASN, s.Peer.Name())
	case n.Code == openError && n.Subcode == badIdentifier:
		return text + fmt.Sprintf(": the router's ID is %s, the same as this speaker's, or 0.0.0.0; set another routerID in the file or on the router", s.RouterID)
	case n.Code == openError && n.Subcode == badHoldTime:
		return text + ": the router offers a hold time of 1 or 2 seconds; set 0 or at least 3 there (RFC 4271, section 4.2)"
	case n.Code == openError:
		return text + ": the router's OPEN is not acceptable; check the router's version and configuration"
	case n.Code == holdExpired && a.Established:
		return text + fmt.Sprintf(": nothing was received from the router for %s; it hangs, or the path to it is broken while the link is still up", s.Peer.HoldTime) + s.gtsmHint()
	case n.Code == holdExpired:
		return text + ": the router accepted the connection and sent nothing; see its log"
	case n.Code == cease && n.Subcode == bfdDown:
		return text + ": no BFD packets arrive from the router; allow UDP 3784 at both ends, enable BFD on the router, or disable it here"
	case n.Code == cease && n.Subcode == maxPrefixes:
		return text + fmt.Sprintf(": the router sends more than %d routes of one family; configure it to send none, because the speaker accepts none (FRR: neighbor %s route-map DENY out; BIRD: export none)", session.MostReceived, s.Peer.LocalAddress)
	case n.Code == fsmError:
		return text + ": the router sent a message that is not valid in this state; see its log"
	case n.Code == cease:
		return text
	}
	return text + ": the router sent a message that violates RFC 4271; check the router's version"
}
