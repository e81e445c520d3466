package gobgp

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"strings"

	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"
)

// The functions of this file put messages together byte by byte: GoBGP's own
// packet library refuses to write most of what a malformed peer sends.

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// octets reads bytes written in hexadecimal; spaces are for the reader.
func octets(text string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

func uint16Of(n int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(n)) }

// header returns the first 19 bytes of a message, with any length.
func header(kind byte, length int) []byte {
	return join(bytes.Repeat([]byte{0xff}, 16), uint16Of(length), []byte{kind})
}

func message(kind byte, body ...[]byte) []byte {
	b := join(body...)
	return join(header(kind, gobgp.BGP_HEADER_LENGTH+len(b)), b)
}

// openMessage is an OPEN whose every field may be wrong.
type openMessage struct {
	version  byte
	as, hold int
	id       []byte
	params   []byte
	// lie is added to the length of the optional parameters.
	lie int
}

func (o openMessage) bytes() []byte {
	return message(gobgp.BGP_MSG_OPEN, []byte{o.version}, uint16Of(o.as), uint16Of(o.hold), o.id,
		[]byte{byte(len(o.params) + o.lie)}, o.params)
}

// parameter is an optional parameter of an OPEN, capability one of those that
// parameter 2 carries.
func parameter(kind byte, value ...[]byte) []byte {
	v := join(value...)
	return join([]byte{kind, byte(len(v))}, v)
}

func capability(code byte, value []byte) []byte { return parameter(code, value) }

// attribute has the extended length exactly if the flags say so.
func attribute(flags, kind byte, value []byte) []byte {
	if gobgp.BGPAttrFlag(flags)&gobgp.BGP_ATTR_FLAG_EXTENDED_LENGTH != 0 {
		return join([]byte{flags, kind}, uint16Of(len(value)), value)
	}
	return join([]byte{flags, kind, byte(len(value))}, value)
}

func update(withdrawn, attributes, nlri []byte) []byte {
	return message(gobgp.BGP_MSG_UPDATE, uint16Of(len(withdrawn)), withdrawn, uint16Of(len(attributes)), attributes, nlri)
}

func refresh(afi int, subtype, safi byte) []byte {
	return message(gobgp.BGP_MSG_ROUTE_REFRESH, uint16Of(afi), []byte{subtype, safi})
}
