package rrl

import (
	"hash/maphash"
	"net/netip"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/imputed"
)

// kind is what an answer is, of which each has a rate.
type kind uint8

const (
	responses kind = iota
	nxdomains
	failures
	kinds
)

// String returns the label of limited_total.
func (k kind) String() string { return [...]string{"responses", "nxdomains", "errors"}[k] }

// said is what an answer says: two that say the same are one.
type said struct {
	kind  kind
	name  string
	qtype uint16 // 0 for what does not depend on it
}

// saidBy returns what the reply says.
func saidBy(reply *dns.Msg, question *dns.Question, note *imputed.Note) said {
	switch {
	case note.Absent:
		return said{kind: nxdomains, name: note.Name}
	case reply.Rcode == dns.RcodeNameError:
		return said{kind: nxdomains, name: zoneOf(reply)}
	case reply.Rcode != dns.RcodeSuccess:
		return said{kind: failures}
	}
	s := said{kind: responses, name: question.Name, qtype: question.Qtype}
	if note.Name != "" {
		s.name = note.Name
	}
	if len(reply.Answer) > 0 || reply.Truncated {
		return s
	}
	s.qtype = 0
	if len(reply.Ns) > 0 && reply.Ns[0].Header().Rrtype == dns.TypeNS {
		s.name = reply.Ns[0].Header().Name // a referral, which all names below have
	}
	return s
}

// zoneOf returns the zone whose SOA proves that a name does not exist; the root where
// none does.
func zoneOf(reply *dns.Msg) string {
	for _, rr := range reply.Ns {
		if rr.Header().Rrtype == dns.TypeSOA {
			return rr.Header().Name
		}
	}
	return "."
}

// maxName is how much of a name's end tells accounts apart: all of it where it needs no
// escapes.
const maxName = 255

// hash is that of the account for what is said to a network. Its seed is secret: nobody
// can make up names whose accounts are in one line of the table.
func (s *said) hash(seed maphash.Seed, network netip.Addr) uint64 {
	var buf [16 + 3 + maxName]byte
	addr := network.As16()
	n := copy(buf[:], addr[:])
	buf[n], buf[n+1], buf[n+2] = byte(s.kind), byte(s.qtype>>8), byte(s.qtype)
	n += 3
	name := s.name[max(0, len(s.name)-maxName):]
	for i := range len(name) {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		buf[n] = c
		n++
	}
	return maphash.Bytes(seed, buf[:n])
}
