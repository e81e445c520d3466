package outage

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"github.com/nearcast/nearcast/bgp/session"
)

// gtsmTTL is the TTL of a packet that no router has forwarded (RFC 5082).
const gtsmTTL = 255

// unconnected explains why no connection was established.
func (s Subject) unconnected(a Attempt) (session.Reason, string) {
	at := fmt.Sprintf("%s port %d", s.Addr, s.port())
	err := a.Connect
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return session.Refused, fmt.Sprintf("connection refused: nothing listens at %s; start BGP on the router, or correct the peer's address and port in the file", at)
	case errors.Is(err, syscall.EADDRNOTAVAIL) && s.Peer.LocalAddress.IsValid():
		return session.NoLocalAddress, fmt.Sprintf("localAddress %s is not an address of this machine; correct it in the file, or assign the address to an interface", s.Peer.LocalAddress)
	case errors.Is(err, syscall.ENETUNREACH) && s.Routed:
		return session.NoHost, fmt.Sprintf("network unreachable: a router on the path has no route to %s; correct its routes, or the peer's address in the file%s", s.Addr, s.hops())
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EADDRNOTAVAIL):
		return session.NoRoute, fmt.Sprintf("network unreachable: this machine has no route to %s; add one, or correct the peer's address in the file", s.Addr)
	case errors.Is(err, syscall.EHOSTUNREACH) && s.OnLink:
		return session.NoHost, fmt.Sprintf("no route to host: %s does not answer on its link; check the cable, the VLAN and the addresses at both ends", s.Addr)
	case errors.Is(err, syscall.EHOSTUNREACH):
		return session.NoHost, fmt.Sprintf("no route to host: a router on the path cannot deliver packets to %s%s", s.Addr, s.hops())
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		return session.Filtered, fmt.Sprintf("operation not permitted: this machine's packet filter rejects connections to %s; allow TCP there", at)
	case timedOut(err):
		return s.timedOut(a, at)
	case errors.Is(err, syscall.ECONNRESET):
		return session.Rejected, s.rejected()
	}
	return session.Unconnected, fmt.Sprintf("cannot connect to %s: %s", at, cause(err))
}

// hops gives advice for eBGP across routers, which drop packets with a TTL of 1.
func (s Subject) hops() string {
	if s.OnLink || s.Peer.Multihop > 0 || s.Peer.ASN == s.ASN {
		return ""
	}
	return "; eBGP packets are sent with a TTL of 1, so no router forwards them: set multihop in the file and on the router, or peer with a router on this link"
}

func timedOut(err error) bool {
	var timeout net.Error
	return errors.Is(err, syscall.ETIMEDOUT) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// timedOut explains why nothing came back, as far as the router's own packets show it: neither end
// reports a wrong key, and both drop silently.
func (s Subject) timedOut(a Attempt, at string) (session.Reason, string) {
	keyed := s.Peer.PasswordFile != ""
	signed := a.Answered
	if signed == nil {
		signed = a.Called
	}
	silence := fmt.Sprintf("connection timed out: %s does not answer", at)
	switch {
	case signed != nil && *signed == AO:
		return session.WrongKey, silence + ", and signs its own packets with TCP-AO (RFC 5925), which this speaker does not support; configure TCP MD5 or no key on the router"
	case signed != nil && *signed == MD5 && !keyed:
		return session.WrongKey, silence + ", and signs its own packets with TCP MD5: it has a password for " + s.local() + " and the file has none; set the peer's passwordFile, or remove the password on the router"
	case signed != nil && *signed == MD5:
		return session.WrongKey, silence + ", and signs its own packets with TCP MD5: its password differs from the content of passwordFile; configure the same key at both ends"
	case signed != nil && keyed:
		return session.WrongKey, silence + ", and its own packets carry no TCP MD5 signature: the file has a passwordFile, but the router has no password for " + s.local() + "; set it on the router, or remove passwordFile"
	case a.Answered != nil && s.Peer.GTSM && a.TTL != 0 && a.TTL < gtsmTTL:
		return session.TTL, fmt.Sprintf("connection timed out: answers from %s arrive with TTL %d, and gtsm drops all but 255; %s", at, a.TTL, gtsmThere)
	case keyed:
		return session.TimedOut, silence + ": the key in passwordFile may differ from the router's password, or the router has none for " + s.local() + "; both ends drop these packets silently; compare the keys, then look for a packet filter"
	}
	return session.TimedOut, silence + ": a packet filter drops TCP, or the router requires a key (a password for " + s.local() + ") and silently drops packets without one; set the peer's passwordFile, or allow TCP" + s.hops()
}

// cause returns the innermost error of a chain: addresses and ports are already in the text.
func cause(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}
