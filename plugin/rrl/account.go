package rrl

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/internal/imputed"
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

// maxName is how many octets of a name's end tell accounts apart: of nearly all names all.
const maxName = 128 - 16 - 3

// alike makes both cases of each letter one, in eight octets at once. That some other
// signs become one too does not matter: hostnames do not have them.
const alike = 0x2020202020202020

// hash is that of the account for what is said to a network. Its seed is secret: nobody
// can make up names whose accounts are in one line of the table.
func (s *said) hash(seed maphash.Seed, network netip.Addr) uint64 {
	var buf [16 + 3 + maxName]byte
	addr := network.As16()
	n := copy(buf[:], addr[:])
	buf[n], buf[n+1], buf[n+2] = byte(s.kind), byte(s.qtype>>8), byte(s.qtype)
	n += 3
	end := n + copy(buf[n:], s.name[max(0, len(s.name)-maxName):])
	name := buf[n:end]
	for len(name) >= 8 {
		binary.NativeEndian.PutUint64(name, binary.NativeEndian.Uint64(name)|alike)
		name = name[8:]
	}
	for i := range name {
		name[i] |= alike & 0xFF
	}
	return maphash.Bytes(seed, buf[:end])
}
