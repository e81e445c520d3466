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
		return text + fmt.Sprintf(": the router's OPEN is of AS %d, and the file has %d; set asn: %[1]d of the peer %[3]s in the file, or mend the AS at the router", a.Open.ASN, s.Peer.ASN, s.Peer.Name())
	case n.Code == openError && n.Subcode == badPeerAS:
		return text + fmt.Sprintf(": the router's OPEN is of another AS than %d; set asn of the peer %s in the file to the router's, or mend that at the router", s.Peer.ASN, s.Peer.Name())
	case n.Code == openError && n.Subcode == badIdentifier:
		return text + fmt.Sprintf(": the router has router ID %s, as this speaker does, or 0.0.0.0; set another routerID in the file, or at the router", s.RouterID)
	case n.Code == openError && n.Subcode == badHoldTime:
		return text + ": the router offers a hold time of 1 or 2 seconds; set 0 or at least 3 there (RFC 4271, section 4.2)"
	case n.Code == openError:
		return text + ": the router's OPEN cannot be used; see its version and its configuration"
	case n.Code == holdExpired && a.Established:
		return text + fmt.Sprintf(": nothing came from the router for %s; it hangs, or the link to it is cut without being down", s.Peer.HoldTime) + s.gtsmHint()
	case n.Code == holdExpired:
		return text + ": the router took the connection and sent nothing; see its log"
	case n.Code == cease && n.Subcode == bfdDown:
		return text + ": no BFD packets come from the router; admit UDP 3784 at both ends, switch bfd on there, or take it off here"
	case n.Code == cease && n.Subcode == maxPrefixes:
		return text + fmt.Sprintf(": the router sends more than %d routes of a family; have it send none, for the speaker takes none (FRR: neighbor %s route-map DENY out; BIRD: export none)", session.MostReceived, s.Peer.LocalAddress)
	case n.Code == fsmError:
		return text + ": the router sent a message that has no place there; see its log"
	case n.Code == cease:
		return text
	}
	return text + ": the router sent what the RFC forbids; see its version"
}
