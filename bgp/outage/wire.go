package outage

import (
	"bytes"
	"encoding/binary"
	"net/netip"
)

// Open is the evaluated part of an OPEN message (RFC 4271, section 4.2).
type Open struct {
	ASN      uint32
	HoldTime uint16 // seconds
	RouterID netip.Addr
}

// Messages that are evaluated, and their sizes in octets.
const (
	openMessage         = 1
	notificationMessage = 3
	headerLength        = 19
	openLength          = 10 // without optional parameters
	// longest is the maximum size of an OPEN or a NOTIFICATION (RFC 4271, section 4).
	longest = 4096

	capabilities      = 2  // the optional parameter of RFC 5492
	fourOctetAS       = 65 // the capability of RFC 6793
	fourOctetASLength = 4
)

var marker = bytes.Repeat([]byte{0xff}, 16)

// stream reassembles what one end of a connection sends, as far as the messages that begin or end a
// session.
type stream struct {
	next    uint32 // the next sequence number; valid if begun is set
	begun   bool
	lost    bool // something is missing, or is not BGP
	pending []byte
}

// add takes a segment's payload, and passes complete messages to the attempt.
func (s *stream) add(sequence uint32, payload []byte, a *Attempt) {
	if !s.begun {
		s.begun, s.next = true, sequence
	}
	switch ahead := int32(sequence - s.next); {
	case ahead > 0:
		s.lost = true // something is missing
	case int(-ahead) >= len(payload):
		return // already seen
	default:
		payload = payload[-ahead:]
	}
	if s.lost {
		return
	}
	s.next += uint32(len(payload))
	s.pending = append(s.pending, payload...)
	for len(s.pending) >= headerLength && !s.lost {
		length := int(binary.BigEndian.Uint16(s.pending[16:]))
		if !bytes.Equal(s.pending[:16], marker) || length < headerLength || length > longest {
			s.lost, s.pending = true, nil
			return
		}
		if len(s.pending) < length {
			return
		}
		read(s.pending[18], s.pending[headerLength:length], a)
		s.pending = s.pending[length:]
	}
}

// read records a message in the attempt.
func read(kind byte, body []byte, a *Attempt) {
	switch kind {
	case openMessage:
		if open := parseOpen(body); open != nil {
			a.Open = open
		}
	case notificationMessage:
		if n := ParseNotification(body); n != nil {
			a.Received = n
		}
	}
}

// ParseNotification reads a NOTIFICATION's body; nil if it is invalid.
func ParseNotification(body []byte) *Notification {
	if len(body) < 2 {
		return nil
	}
	return &Notification{Code: body[0], Subcode: body[1], Data: bytes.Clone(body[2:])}
}

func parseOpen(body []byte) *Open {
	if len(body) < openLength {
		return nil
	}
	id, _ := netip.AddrFromSlice(body[5:9]) // four octets are always an address
	open := &Open{ASN: uint32(binary.BigEndian.Uint16(body[1:])), HoldTime: binary.BigEndian.Uint16(body[3:]), RouterID: id}
	parameters := body[openLength:]
	eachTLV(parameters[:min(int(body[9]), len(parameters))], func(kind byte, value []byte) {
		if kind != capabilities {
			return
		}
		eachTLV(value, func(code byte, value []byte) {
			if code == fourOctetAS && len(value) == fourOctetASLength {
				open.ASN = binary.BigEndian.Uint32(value)
			}
		})
	})
	return open
}

// eachTLV calls fn with each type and value, until the rest is not a complete TLV.
func eachTLV(all []byte, fn func(kind byte, value []byte)) {
	for len(all) >= 2 && len(all) >= 2+int(all[1]) {
		end := 2 + int(all[1])
		fn(all[0], all[2:end])
		all = all[end:]
	}
}
