package direct

import (
	"encoding/binary"

	"github.com/miekg/dns"
)

const headerSize = 12

// maxName is the largest size in octets of a name's text that needs no escapes.
const maxName = 255

// plain reads the question of an ordinary query: one question of class IN, with nothing else but an OPT. It returns
// the name in lower case, in buf. CoreDNS itself reads and answers the queries that it refuses.
func plain(query []byte, buf *[maxName]byte) (name []byte, ok bool) {
	if len(query) < headerSize {
		return nil, false
	}
	bits := binary.BigEndian.Uint16(query[2:])
	const response, opcode, truncated = 1 << 15, 0xF << 11, 1 << 9
	if bits&(response|opcode|truncated) != 0 {
		return nil, false
	}
	// One question, no answer, no authority, at most one additional record.
	if binary.BigEndian.Uint16(query[4:]) != 1 || binary.BigEndian.Uint32(query[6:]) != 0 || binary.BigEndian.Uint16(query[10:]) > 1 {
		return nil, false
	}
	name, rest := text(query[headerSize:], buf)
	if name == nil || len(rest) < 4 {
		return nil, false
	}
	if binary.BigEndian.Uint16(rest[2:]) != dns.ClassINET {
		return nil, false
	}
	switch binary.BigEndian.Uint16(rest) {
	case dns.TypeAXFR, dns.TypeIXFR: // may be long
		return nil, false
	case dns.TypeDS: // belongs to the parent zone, which another plugin may serve
		return nil, false
	}
	return name, true
}

// text reads the name at the start of a question into buf, lower case, and returns what follows it; nil if it is
// compressed, needs escapes or is invalid.
func text(question []byte, buf *[maxName]byte) (name, rest []byte) {
	n := 0
	for at := 0; at < len(question); {
		length := int(question[at])
		at++
		if length == 0 {
			if n == 0 {
				return nil, nil // the root is not a function
			}
			return buf[:n], question[at:]
		}
		if length > 63 || at+length > len(question) || n+length+1 > maxName {
			return nil, nil
		}
		for _, c := range question[at : at+length] {
			switch {
			case 'A' <= c && c <= 'Z':
				c += 'a' - 'A'
			case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_', c == '*':
			default:
				return nil, nil
			}
			buf[n] = c
			n++
		}
		buf[n] = '.'
		n++
		at += length
	}
	return nil, nil
}
