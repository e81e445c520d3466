package outage

import "encoding/binary"

// Ears evaluate the TCP segments that a router sends to this machine, and record the result in an
// attempt. They are not safe for concurrent use.
type Ears struct {
	// Port is the router's, and Listening the local port to which it connects.
	Port, Listening uint16
	streams         map[[2]uint16]*stream
}

// maxStreams limits how many connections are followed: each attempt has one.
const maxStreams = 16

// The flags of a segment (RFC 9293, section 3.1) and the kinds of its options.
const (
	flagFIN, flagSYN, flagRST, flagACK = 1, 2, 4, 16

	optionEnd, optionNone, optionMD5, optionAO = 0, 1, 19, 29

	segmentLength = 20 // without options
)

// Hear takes a segment that begins with its TCP header, and the TTL with which it arrived, 0 if
// unknown. It reports whether the router is trying to connect.
func (e *Ears) Hear(segment []byte, ttl int, a *Attempt) (calls bool) {
	if len(segment) < segmentLength {
		return false
	}
	from, to := binary.BigEndian.Uint16(segment), binary.BigEndian.Uint16(segment[2:])
	header := int(segment[12]>>4) * 4
	if header < segmentLength || header > len(segment) || from != e.Port && to != e.Listening {
		return false
	}
	flags := segment[13]
	signed := signature(segment[segmentLength:header])
	switch {
	case flags&flagRST != 0:
		a.Reset = true
	case flags&flagSYN != 0 && flags&flagACK == 0:
		a.Called = &signed
		return true
	case flags&flagSYN != 0:
		a.Answered, a.TTL = &signed, ttl
	}
	if payload := segment[header:]; len(payload) > 0 {
		a.TTL = ttl
		e.stream(from, to).add(binary.BigEndian.Uint32(segment[4:]), payload, a)
	}
	return false
}

func (e *Ears) stream(from, to uint16) *stream {
	if len(e.streams) >= maxStreams || e.streams == nil {
		e.streams = map[[2]uint16]*stream{}
	}
	key := [2]uint16{from, to}
	if e.streams[key] == nil {
		e.streams[key] = &stream{}
	}
	return e.streams[key]
}

// signature returns the option that authenticates a segment.
func signature(options []byte) Signature {
	for len(options) > 0 && options[0] != optionEnd {
		size := 1
		if options[0] != optionNone {
			if len(options) < 2 || options[1] < 2 || int(options[1]) > len(options) {
				return Unsigned
			}
			size = int(options[1])
		}
		switch options[0] {
		case optionMD5:
			return MD5
		case optionAO:
			return AO
		}
		options = options[size:]
	}
	return Unsigned
}
