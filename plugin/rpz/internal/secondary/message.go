package secondary

import (
	"encoding/binary"
	"fmt"

	"github.com/miekg/dns"
)

const headerSize = 12

// message is an answer as received.
type message struct {
	raw      []byte
	id       uint16
	bits     uint16
	question []dns.Question
	answer   []dns.RR
	// tsig is the signature, at the offset tsigAt of raw; nil if there is none.
	tsig   *dns.TSIG
	tsigAt int
}

// The bits of the header (RFC 1035, section 4.1.1).
const (
	bitQR, bitAA, bitTC = 1 << 15, 1 << 10, 1 << 9
	maskOpcode          = 15 << 11
	maskRcode           = 15
)

// parse reads a message to its last octet. Unlike Msg.Unpack, it refuses a message with fewer records than its
// header says, or with excess octets: in a transfer, either means lost records.
func parse(raw []byte) (*message, error) {
	if len(raw) < headerSize {
		return nil, fmt.Errorf("a message has %d octets, fewer than a header", len(raw))
	}
	m := &message{raw: raw, id: binary.BigEndian.Uint16(raw), bits: binary.BigEndian.Uint16(raw[2:])}
	count := func(section int) int { return int(binary.BigEndian.Uint16(raw[4+2*section:])) }
	off, err := m.parseQuestion(count(0))
	if err != nil {
		return nil, err
	}
	take := func(_ int, rr dns.RR) error { m.answer = append(m.answer, rr); return nil }
	if off, err = walk(raw, off, count(1), take); err != nil {
		return nil, err
	}
	if off, err = walk(raw, off, count(2), func(int, dns.RR) error { return nil }); err != nil {
		return nil, err
	}
	if off, err = walk(raw, off, count(3), m.additional); err != nil {
		return nil, err
	}
	if off != len(raw) {
		return nil, fmt.Errorf("a message has %d octets after its last record", len(raw)-off)
	}
	return m, nil
}

func (m *message) parseQuestion(count int) (off int, err error) {
	off = headerSize
	for range count {
		var q dns.Question
		if q.Name, off, err = dns.UnpackDomainName(m.raw, off); err != nil {
			return 0, fmt.Errorf("the question of a message: %w", err)
		}
		if off+4 > len(m.raw) {
			return 0, fmt.Errorf("a message ends within its question")
		}
		q.Qtype, q.Qclass = binary.BigEndian.Uint16(m.raw[off:]), binary.BigEndian.Uint16(m.raw[off+2:])
		m.question = append(m.question, q)
		off += 4
	}
	return off, nil
}

// additional finds the signature, which must be the last record.
func (m *message) additional(at int, rr dns.RR) error {
	if m.tsig != nil {
		return fmt.Errorf("a message has a record after its signature")
	}
	if t, ok := rr.(*dns.TSIG); ok {
		m.tsig, m.tsigAt = t, at
	}
	return nil
}

// walk reads the records of a section and returns where it ends.
func walk(raw []byte, off, count int, each func(at int, rr dns.RR) error) (int, error) {
	for range count {
		if off >= len(raw) {
			return 0, fmt.Errorf("a message has fewer records than its header says")
		}
		rr, next, err := dns.UnpackRR(raw, off)
		if err != nil {
			return 0, fmt.Errorf("a record cannot be read: %w", err)
		}
		if err := each(off, rr); err != nil {
			return 0, err
		}
		off = next
	}
	return off, nil
}

func (m *message) rcode() int { return int(m.bits & maskRcode) }
