// Package cookie makes and checks DNS cookies (RFC 7873) in the interoperable form (RFC 9018): servers that share
// an address and a secret accept each other's. A Jar is safe for concurrent use and takes no lock.
package cookie

import (
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"net/netip"

	"github.com/dchest/siphash"
	"github.com/miekg/dns"
)

const (
	clientSize = 8
	// Size is the size of a COOKIE option of version 1: the client cookie, and the server cookie's 16 octets (RFC
	// 9018, section 4).
	Size = clientSize + 16
	// leastServer and mostServer bound the size of any server cookie, in octets (RFC 7873, section 4).
	leastServer, mostServer = 8, 32
	version                 = 1
	hashSize                = 8
)

// In seconds, from RFC 9018, section 4.3.
const (
	past       = 60 * 60
	future     = 5 * 60
	renewAfter = 30 * 60
)

// Standing is the verdict on the COOKIE option of a query.
type Standing uint8

// The standings.
const (
	// Absent: the query has no COOKIE option.
	Absent Standing = iota
	// Malformed: the option has an invalid length; the answer is FORMERR.
	Malformed
	// ClientOnly: the client has no server cookie yet.
	ClientOnly
	// Invalid: the server cookie is too old, of another client, or made with an unknown secret.
	Invalid
	// Valid: the client has received an answer at its address within the last hour.
	Valid
)

// Secret is shared by the servers of one address.
type Secret [16]byte

// Secrets are those of a server, at least one: the first makes cookies, and all verify them.
type Secrets []Secret

// Query is the content of a query's COOKIE option.
type Query struct {
	Standing Standing
	// octets are those of the option, up to the size of our cookies.
	octets [Size]byte
	// fresh is set if the server cookie need not be renewed.
	fresh bool
}

// Judge reads the COOKIE option of a query, which may be nil, sent from a client's address. The time is in seconds
// since 1970.
func (s Secrets) Judge(option *dns.EDNS0_COOKIE, from netip.Addr, now uint32) (q Query) {
	if option == nil {
		return q
	}
	size := len(option.Cookie) / 2
	switch {
	case size == clientSize:
		q.Standing = ClientOnly
	case size < clientSize+leastServer || size > clientSize+mostServer:
		q.Standing = Malformed
		return q
	default:
		q.Standing = Invalid
	}
	var text [2 * Size]byte
	n := copy(text[:], option.Cookie)
	if _, err := hex.Decode(q.octets[:], text[:n]); err != nil {
		q.Standing = Malformed
		return q
	}
	if size == Size {
		s.check(&q, from, now)
	}
	return q
}

// Of returns the query's first COOKIE option or nil. Only the first counts (RFC 7873, section 5.2).
func Of(query *dns.Msg) *dns.EDNS0_COOKIE {
	opt := query.IsEdns0()
	if opt == nil {
		return nil
	}
	for _, o := range opt.Option {
		if cookie, ok := o.(*dns.EDNS0_COOKIE); ok {
			return cookie
		}
	}
	return nil
}

// check finds out whether one of the secrets made the server cookie.
func (s Secrets) check(q *Query, from netip.Addr, now uint32) {
	server := q.octets[clientSize:]
	age := int32(now - binary.BigEndian.Uint32(server[4:])) //nolint:gosec // serial arithmetic (RFC 1982)
	if server[0] != version || age > past || age < -future {
		return
	}
	for i := range s {
		hash := s[i].hash(&q.octets, from)
		if subtle.ConstantTimeCompare(hash[:], server[len(server)-hashSize:]) == 1 {
			q.Standing = Valid
			q.fresh = i == 0 && age <= renewAfter
			return
		}
	}
}

// Reply returns the octets of the COOKIE option that answers the query, whose Standing
// is ClientOnly, Invalid or Valid.
func (s Secrets) Reply(q *Query, from netip.Addr, now uint32) [Size]byte {
	if q.fresh {
		return q.octets
	}
	octets := q.octets
	binary.BigEndian.PutUint32(octets[clientSize:], version<<24)
	binary.BigEndian.PutUint32(octets[clientSize+4:], now)
	hash := s[0].hash(&octets, from)
	copy(octets[Size-hashSize:], hash[:])
	return octets
}

// hash covers everything before it in the option, and the client's address (RFC 9018, section 4.4).
func (s *Secret) hash(octets *[Size]byte, from netip.Addr) (hash [hashSize]byte) {
	var input [Size - hashSize + 16]byte
	n := copy(input[:], octets[:Size-hashSize])
	if from.Is4() {
		addr := from.As4()
		n += copy(input[n:], addr[:])
	} else {
		addr := from.As16()
		n += copy(input[n:], addr[:])
	}
	sum := siphash.Hash(binary.LittleEndian.Uint64(s[:8]), binary.LittleEndian.Uint64(s[8:]), input[:n])
	binary.LittleEndian.PutUint64(hash[:], sum)
	return hash
}
