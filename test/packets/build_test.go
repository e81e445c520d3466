package packets_test

import "encoding/binary"

// header is the header of a packet (RFC 1035, section 4.1.1), without its ID.
type header struct {
	bits           uint16
	qd, an, ns, ar uint16
}

// Bits of the header.
const (
	qr = 1 << 15
	aa = 1 << 10
	tc = 1 << 9
	rd = 1 << 8
	ra = 1 << 7
	z  = 1 << 6
	ad = 1 << 5
	cd = 1 << 4
)

func opcode(n int) uint16 { return uint16(n) << 11 }

// id is the ID of every packet.
const id = 0x4e43

// packet returns the header with what follows.
func packet(h header, parts ...[]byte) []byte {
	data := binary.BigEndian.AppendUint16(nil, id)
	for _, field := range []uint16{h.bits, h.qd, h.an, h.ns, h.ar} {
		data = binary.BigEndian.AppendUint16(data, field)
	}
	return join(append([][]byte{data}, parts...)...)
}

func join(parts ...[]byte) (all []byte) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// labels returns an absolute name; each label may have any octets.
func labels(all ...string) []byte {
	var name []byte
	for _, l := range all {
		name = append(append(name, byte(len(l))), l...)
	}
	return append(name, 0)
}

// below returns a name in the zone.
func below(l ...string) []byte { return labels(append(l, "fn", "example", "org")...) }

func hello() []byte { return below("hello", "demo") }

// pointer is a compressed name (RFC 1035, section 4.1.4).
func pointer(to int) []byte { return binary.BigEndian.AppendUint16(nil, 0xC000|uint16(to)) }

func question(name []byte, qtype, class uint16) []byte {
	name = append([]byte(nil), name...)
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(name, qtype), class)
}

func record(name []byte, rrtype, class uint16, ttl uint32, data []byte) []byte {
	r := question(name, rrtype, class)
	r = binary.BigEndian.AppendUint32(r, ttl)
	return append(binary.BigEndian.AppendUint16(r, uint16(len(data))), data...)
}

// opt returns an OPT record; extended has its extended RCODE, version and flags.
func opt(size uint16, extended uint32, options ...[]byte) []byte {
	return record([]byte{0}, 41, size, extended, join(options...))
}

func option(code uint16, data ...byte) []byte {
	o := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, code), uint16(len(data)))
	return append(o, data...)
}

// ask returns a query for A of the function, with an additional section.
func ask(additional ...[]byte) []byte {
	return packet(header{qd: 1, ar: uint16(len(additional))}, append([][]byte{question(hello(), 1, 1)}, additional...)...)
}

// with returns a query with an OPT that has the options.
func with(options ...[]byte) []byte { return ask(opt(1232, 0, options...)) }

// soa returns the data of an SOA.
func soa() []byte { return join([]byte{0, 0}, make([]byte, 20)) }
