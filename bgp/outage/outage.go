// Package outage explains why a BGP session does not begin or has ended. From what was observed it
// derives a reason and a text that says what to change and at which end. It is pure, and its values
// are immutable except for those with methods that change them.
package outage

import (
	"cmp"
	"fmt"
	"net/netip"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/session"
)

// Subject is the session that is down.
type Subject struct {
	// Peer is the router's configuration, and Addr its address.
	Peer *config.Peer
	Addr netip.Addr
	// ASN and RouterID are this speaker's. Local is the address by which the router knows it;
	// invalid if this machine has no route.
	ASN      uint32
	RouterID netip.Addr
	Local    netip.Addr
	// Routed is set if this machine has a route, OnLink if no router is on the path, and Own if the
	// address belongs to this machine.
	Routed, OnLink, Own bool
}

// Signature is how a TCP segment is authenticated.
type Signature string

// Signatures of TCP segments.
const (
	Unsigned Signature = ""
	MD5      Signature = "TCP MD5 (RFC 2385)"
	AO       Signature = "TCP-AO (RFC 5925)"
)

// Attempt is what was observed of one attempt to begin a session, or of the end of one.
type Attempt struct {
	// Established is set if the session was up at that time.
	Established bool
	// Connect is why no TCP connection was established; nil if one was, or none was tried.
	Connect error
	// Closed is set if the router closed the connection without a NOTIFICATION, and Reset if it did
	// so by a RST.
	Closed, Reset bool
	// Silent is set if the router accepted the connection and then sent nothing in time.
	Silent bool
	// Open is the router's OPEN; nil if none was seen.
	Open *Open
	// Received and Sent are the NOTIFICATIONs; nil if there was none.
	Received, Sent *Notification
	// Unread is set if a NOTIFICATION arrived whose content could not be read.
	Unread bool
	// Answered is the signature of the router's answers to our connection, nil if none was seen;
	// TTL is that of the last answer, 0 if unknown.
	Answered *Signature
	TTL      int
	// Called is the signature of the router's own connection attempts; nil for none.
	Called *Signature
}

// Verdict is why the session is down.
type Verdict struct {
	Reason session.Reason
	// Text says what happened, and what to change at which end.
	Text string
	// Received, Sent and Connection describe what was observed; "" for nothing.
	Received, Sent, Connection string
	// Pace is how soon the next attempt may come.
	Pace Pace
}

// Explain returns why the attempt failed.
func Explain(s Subject, a Attempt) Verdict {
	v := Verdict{}
	if a.Received != nil {
		v.Received = a.Received.String()
	}
	if a.Sent != nil {
		v.Sent = a.Sent.String()
	}
	v.Connection = connection(a)
	switch {
	case s.Own:
		v.Reason, v.Text = session.OwnAddress, fmt.Sprintf("%s is an address of this machine; set the peer's address in the file to the router's", s.Addr)
	case a.Received != nil:
		v.Reason, v.Text = reasonOf("received", a.Received), s.received(a)
	case a.Unread:
		v.Reason, v.Text = session.Unread, "the router sent a NOTIFICATION that the speaker is not permitted to read; see the router's log, or grant the speaker CAP_NET_RAW"
	case a.Sent != nil:
		v.Reason, v.Text = reasonOf("sent", a.Sent), s.sent(a)
	case a.Connect != nil:
		v.Reason, v.Text = s.unconnected(a)
		v.Pace = Away
		if timedOut(a.Connect) {
			v.Pace = Slow
		}
	case a.Silent:
		v.Reason, v.Text = s.silent(a)
	case a.Closed && a.Established:
		v.Reason, v.Text = session.Closed, "the router closed the connection without a NOTIFICATION: its BGP process was killed or restarted; see its log"
		v.Pace = Away
	case a.Closed && a.Open == nil:
		v.Reason, v.Text = session.Rejected, s.rejected()
	case a.Closed:
		v.Reason, v.Text = session.Closed, "the router closed the connection after its OPEN without a NOTIFICATION; see its log"
	default:
		v.Reason, v.Text = session.Closed, "the session ended; see the router's log"
	}
	return v
}

// Since adds to a verdict what the router reported earlier in the same outage: after a NOTIFICATION
// many routers only close connections, and the first message is the one that explains why.
func Since(v Verdict, earlier Verdict) Verdict {
	if earlier.Received == "" || v.Received != "" || v.Reason == "" || v.Reason == session.OwnAddress {
		return v
	}
	v.Received = earlier.Received
	if v.Reason == session.Rejected || v.Reason == session.Closed {
		v.Reason, v.Text = earlier.Reason, earlier.Text+"; since then it closes each connection"
		return v
	}
	v.Text += fmt.Sprintf("; the router had sent NOTIFICATION %s", earlier.Received)
	return v
}

func connection(a Attempt) string {
	switch {
	case a.Connect != nil:
		return cause(a.Connect)
	case a.Reset:
		return "reset by the router"
	case a.Closed:
		return "closed by the router"
	case a.Silent:
		return "nothing received from the router"
	}
	return ""
}

// local returns the address by which the router knows this speaker.
func (s Subject) local() string {
	if s.Local.IsValid() {
		return s.Local.WithZone("").String()
	}
	return "this speaker"
}

// port returns the router's port.
func (s Subject) port() uint16 { return cmp.Or(s.Peer.Port, 179) }

// neighbor returns how a router's configuration names this speaker.
func (s Subject) neighbor() string {
	return fmt.Sprintf("%s with AS %d (FRR: neighbor %[1]s remote-as %[2]d; BIRD: neighbor %[1]s as %[2]d)", s.local(), s.ASN)
}

func (s Subject) rejected() string {
	text := fmt.Sprintf("the router closes each connection before its OPEN: neighbor %s is not configured there or is shut down; configure it on the router as %s, or end the shutdown", s.local(), s.neighbor())
	if s.Peer.LocalAddress.IsValid() {
		return text
	}
	return text + "; if the router expects another address of this machine, set localAddress in the file"
}

// silent explains why nothing is received on a connection, or nothing after the OPEN. Packets that
// GTSM drops are still overheard.
func (s Subject) silent(a Attempt) (session.Reason, string) {
	text := "the router accepts the connection and sends no OPEN"
	if a.Open != nil {
		text = "the router sent its OPEN, but no KEEPALIVE"
	}
	switch {
	case s.Peer.GTSM && a.TTL != 0 && a.TTL < gtsmTTL:
		return session.TTL, fmt.Sprintf("the router's packets arrive with TTL %d, and gtsm drops all but 255; %s", a.TTL, gtsmThere)
	case s.Peer.GTSM:
		return session.Silent, text + ": its packets may arrive with a TTL below 255, which gtsm drops; " + gtsmThere
	case s.wantsGTSM():
		return session.Silent, text + gtsmHere
	}
	return session.Silent, text + ": its BGP process hangs, or packets are lost on the path; see its log"
}

// Advice if GTSM is on at only one end.
const (
	gtsmThere = "enable GTSM on the router too (FRR: ttl-security hops 1; BIRD: ttl security on), or remove gtsm from the file"
	gtsmHere  = "; if this repeats, the router may require TTL 255 (GTSM) and drop packets with TTL 1; set gtsm: true in the file, or remove ttl-security on the router"
)

// wantsGTSM reports whether the router may require GTSM, for which this end sends too low a TTL.
func (s Subject) wantsGTSM() bool {
	return !s.Peer.GTSM && s.Peer.Multihop == 0 && s.Peer.ASN != s.ASN
}
