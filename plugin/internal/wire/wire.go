// Package wire reads queries before miekg/dns unpacks them, where that is stricter than
// the RFCs, or more lenient.
//
// miekg/dns unpacks the options of an OPT by their codes, and a query with an option that
// it cannot unpack is malformed to it, though nobody here would have looked at the option:
// one that a server does not understand is to be ignored (RFC 6891, section 6.1.2). On the
// other side it takes for well-formed what ends before its last record, and what has
// two OPTs.
package wire

import (
	"encoding/binary"

	"github.com/miekg/dns"
)

const (
	headerSize = 12
	// fixed is what a record has between its name and its data, and a question has.
	fixedRecord, fixedQuestion = 10, 4
	// junk is no name: its first two bits are reserved (RFC 1035, section 4.1.4).
	junk = 0x80
)

// Readable returns the query as dns.Msg.Unpack reads it in the RFCs' sense: without
// the options that are to be ignored and that it cannot read, and unreadable where the
// query is malformed. It returns the query itself where nothing is to be changed, which
// it never writes to, and otherwise a copy.
//
// What is not a query of one question is left to the server's dns.MsgAcceptFunc, and the
// question to dns.Msg.Unpack.
func Readable(query []byte) []byte {
	if len(query) < headerSize {
		return query
	}
	bits := binary.BigEndian.Uint16(query[2:])
	const response, opcode = 1 << 15, 0xF << 11
	if bits&(response|opcode) != 0 || binary.BigEndian.Uint16(query[4:]) != 1 {
		return query
	}
	end, compressed := afterName(query, headerSize)
	if end < 0 || compressed || end+fixedQuestion > len(query) {
		return unreadable(query, headerSize)
	}
	question := end + fixedQuestion
	opt, end, ok := records(query, question)
	if !ok {
		return unreadable(query, question)
	}
	if opt.end == 0 {
		return query
	}
	return opt.readable(query, question, end)
}

// record is where the data of an OPT begins and ends; the zero value is no record.
type record struct{ start, end int }

// records walks through what follows the question. It returns the OPT and where the last
// record ends, or false where the query is malformed: it ends within a record, or has an
// OPT that is not the only one, not the root's or not in the additional section (RFC 6891,
// sections 6.1.1 and 6.1.2). The OPT of a query that TSIG signs is not returned: what is
// signed is not to be changed.
func records(query []byte, at int) (opt record, end int, ok bool) {
	answers := int(binary.BigEndian.Uint16(query[6:])) + int(binary.BigEndian.Uint16(query[8:]))
	all := answers + int(binary.BigEndian.Uint16(query[10:]))
	signed := false
	for i := range all {
		name := at
		if at, _ = afterName(query, at); at < 0 || at+fixedRecord > len(query) {
			return record{}, 0, false
		}
		start := at + fixedRecord
		end := start + int(binary.BigEndian.Uint16(query[at+8:]))
		if end > len(query) {
			return record{}, 0, false
		}
		switch binary.BigEndian.Uint16(query[at:]) {
		case dns.TypeOPT:
			if i < answers || opt.end > 0 || query[name] != 0 {
				return record{}, 0, false
			}
			opt = record{start, end}
		case dns.TypeTSIG:
			signed = true
		}
		at = end
	}
	if signed {
		opt = record{}
	}
	return opt, at, true
}

// afterName returns where a name ends that begins at, negative where it does not end, and
// whether it ends with a pointer: the first name of a message has nothing before it to
// point to (RFC 1035, section 4.1.4).
func afterName(query []byte, at int) (end int, compressed bool) {
	for at < len(query) {
		length := int(query[at])
		switch {
		case length == 0:
			return at + 1, false
		case length&0xC0 == 0xC0 && at+2 <= len(query):
			return at + 2, true
		case length&0xC0 != 0:
			return -1, false
		}
		at += 1 + length
	}
	return -1, false
}

// unreadable returns what a dns.Server answers FORMERR with the header and the question
// of the query, which ends at: an additional record that is none.
func unreadable(query []byte, at int) []byte {
	cut := append(make([]byte, 0, at+1), query[:at]...)
	copy(cut[6:headerSize], []byte{0, 0, 0, 0, 0, 1})
	return append(cut, junk)
}
