package wire

import (
	"encoding/binary"
	"net"

	"github.com/miekg/dns"
)

// header is what precedes an option's data: its code, and the data's length.
const header = 4

// fate is what happens to an option.
type fate int

const (
	kept fate = iota
	// dropped is an option that no code here reads and that dns.Msg.Unpack cannot parse.
	dropped
	// marked is a malformed client-subnet option. Only a handler that believes the option refuses it.
	marked
)

// mark is the data of a malformed client-subnet option that dns.Msg.Unpack can read: a query's scope must be 0 (RFC
// 7871, section 6).
var mark = []byte{0, 0, 0, 0xFF}

// readable returns the query with the readable part of its OPT. The question ends at question, the last record at
// end.
func (o record) readable(query []byte, question, end int) []byte {
	change := false
	for at := o.start; at < o.end; {
		code, data := option(query[at:o.end])
		if data == nil {
			return unreadable(query, question)
		}
		change = change || fateOf(code, data) != kept
		at += header + len(data)
	}
	if !change {
		return query
	}
	return o.changed(query[:end])
}

// option returns the first option of the data; its data is nil if it is cut off.
func option(rest []byte) (code uint16, data []byte) {
	if len(rest) < header {
		return 0, nil
	}
	end := header + int(binary.BigEndian.Uint16(rest[2:]))
	if end > len(rest) {
		return 0, nil
	}
	return binary.BigEndian.Uint16(rest), rest[header:end:end]
}

// changed returns a copy of the query without the options that are dropped.
func (o record) changed(query []byte) []byte {
	room := len(query) + (o.end-o.start)/header*len(mark) // more than all marks can add
	changed := append(make([]byte, 0, room), query[:o.start]...)
	for at := o.start; at < o.end; {
		code, data := option(query[at:o.end])
		switch fateOf(code, data) {
		case kept:
			changed = append(changed, query[at:at+header+len(data)]...)
		case marked:
			changed = binary.BigEndian.AppendUint16(changed, code)
			changed = binary.BigEndian.AppendUint16(changed, uint16(len(mark)))
			changed = append(changed, mark...)
		case dropped:
		}
		at += header + len(data)
	}
	binary.BigEndian.PutUint16(changed[o.start-2:], uint16(len(changed)-o.start))
	return append(changed, query[o.end:]...)
}

// fateOf decides what happens to an option, by the conditions under which miekg/dns 1.1.73 fails to unpack it.
func fateOf(code uint16, data []byte) fate {
	unreadable := false
	switch code {
	case dns.EDNS0SUBNET:
		if !subnetFits(data) {
			return marked
		}
	case dns.EDNS0LLQ:
		unreadable = len(data) < 18
	case dns.EDNS0UL:
		unreadable = len(data) != 4 && len(data) != 8
	case dns.EDNS0EXPIRE:
		unreadable = len(data) > 0 && len(data) < 4
	case dns.EDNS0TCPKEEPALIVE:
		unreadable = len(data) != 0 && len(data) != 2
	case dns.EDNS0EDE, dns.EDNS0ZONEVERSION:
		unreadable = len(data) < 2
	case dns.EDNS0REPORTING:
		_, _, err := dns.UnpackDomainName(data, 0)
		unreadable = err != nil
	}
	if unreadable {
		return dropped
	}
	return kept
}

// subnetFits reports whether a client-subnet option has exactly the octets that its source prefix length requires
// (RFC 7871, section 6). dig sends a family of 0, with a length of 0.
func subnetFits(data []byte) bool {
	const fixed = 4
	if len(data) < fixed {
		return false
	}
	source, scope := int(data[2]), int(data[3])
	most := 0
	switch binary.BigEndian.Uint16(data) {
	case 0:
	case 1:
		most = 8 * net.IPv4len
	case 2:
		most = 8 * net.IPv6len
	default:
		return false
	}
	return source <= most && scope <= most && len(data) == fixed+(source+7)/8
}
