package rrl

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/internal/imputed"
)

// kind is the kind of an answer; each kind has its own rate.
type kind uint8

const (
	responses kind = iota
	nxdomains
	failures
	kinds
)

// String returns the label of limited_total.
func (k kind) String() string { return [...]string{"responses", "nxdomains", "errors"}[k] }

// said identifies an answer: two answers with the same value count as one.
type said struct {
	kind  kind
	name  string
	qtype uint16 // 0 if the answer does not depend on it
}

// saidBy returns the identity of the reply.
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
		s.name = reply.Ns[0].Header().Name // a referral, which is the same for all names below
	}
	return s
}

// zoneOf returns the zone whose SOA proves that a name does not exist, or the root if there is no SOA.
func zoneOf(reply *dns.Msg) string {
	for _, rr := range reply.Ns {
		if rr.Header().Rrtype == dns.TypeSOA {
			return rr.Header().Name
		}
	}
	return "."
}

// maxName is how many octets at a name's end distinguish accounts, which covers nearly all names whole.
const maxName = 128 - 16 - 3

// alike makes both cases of each letter the same, in eight octets at once. It also merges some other characters,
// which hostnames do not contain.
const alike = 0x2020202020202020

// hash returns the hash of the account for an answer to a network. Its seed is secret: nobody can choose names
// whose accounts fall into one line of the table.
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
