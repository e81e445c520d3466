// Package wire reads queries before miekg/dns unpacks them, because that is in places stricter, and in others more
// lenient, than the RFCs.
//
// miekg/dns unpacks the options of an OPT by their codes. It takes a query for malformed if it cannot unpack an
// option, even one that no code here reads, but a server must ignore options that it does not understand (RFC 6891,
// section 6.1.2). On the other hand it accepts a message that ends before its last record, and one with two OPTs.
package wire

import (
	"encoding/binary"

	"github.com/miekg/dns"
)

const (
	headerSize = 12
	// fixed is the part of a record between its name and its data, and of a question after its name.
	fixedRecord, fixedQuestion = 10, 4
	// junk is an invalid name: its first two bits are reserved (RFC 1035, section 4.1.4).
	junk = 0x80
)

// Readable returns a query that dns.Msg.Unpack reads as the RFCs require: without the options that it cannot read
// and that are to be ignored, and unreadable if the query is malformed. If nothing must change, it returns the
// query itself, which it never writes to; otherwise a copy.
//
// Messages that are not a query with one question are left to the server's dns.MsgAcceptFunc, and the question to
// dns.Msg.Unpack.
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

// record is where the data of an OPT begins and ends; the zero value stands for no record.
type record struct{ start, end int }

// records walks through what follows the question. It returns the OPT and where the last record ends, or false if
// the query is malformed: it ends within a record, or has an OPT that is not the only one, not the root's or not in
// the additional section (RFC 6891, sections 6.1.1 and 6.1.2). The OPT of a query signed with TSIG is not returned:
// signed data must not be changed.
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

// afterName returns the end of a name that begins at, negative if it does not end, and whether it ends with a
// pointer: the first name of a message has nothing before it to point to (RFC 1035, section 4.1.4).
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

// unreadable returns a message that a dns.Server answers with FORMERR: the header and the question of the query,
// which ends at, and an invalid additional record.
func unreadable(query []byte, at int) []byte {
	cut := append(make([]byte, 0, at+1), query[:at]...)
	copy(cut[6:headerSize], []byte{0, 0, 0, 0, 0, 1})
	return append(cut, junk)
}
