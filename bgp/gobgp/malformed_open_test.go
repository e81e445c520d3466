package gobgp

import (
	"bytes"
	"encoding/binary"
	"fmt"

	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"
)

// routerID is the malformed peer's, speakerID the speaker's.
var routerID, speakerID = octets("c0000201"), octets("c000020b")

// The capabilities of an OPEN that is right.
var (
	basics     = join(capability(1, octets("0001 00 01")), capability(1, octets("0002 00 01")), capability(2, nil))
	fourOctets = capability(65, binary.BigEndian.AppendUint32(nil, attackerASN))
)

func rightOpen() openMessage {
	return openMessage{version: 4, as: attackerASN, hold: 3600, id: routerID, params: parameter(2, basics, fourOctets)}
}

// openWith offers further capabilities.
func openWith(capabilities []byte) []byte {
	o := rightOpen()
	o.params = parameter(2, basics, capabilities)
	return o.bytes()
}

func opensOfWrongFields() []provocation {
	field := func(name string, want outcome, change func(*openMessage)) provocation {
		o := rightOpen()
		change(&o)
		return provocation{name: name, send: o.bytes(), want: []outcome{want}}
	}
	withAS := func(as string) func(*openMessage) {
		return func(o *openMessage) { o.params = parameter(2, basics, capability(65, octets(as))) }
	}
	return placed("OPEN", opening, []provocation{
		field("version 0", "reset 2/1", func(o *openMessage) { o.version = 0 }),
		field("version 3", "reset 2/1", func(o *openMessage) { o.version = 3 }),
		field("version 5", "reset 2/1", func(o *openMessage) { o.version = 5 }),
		field("AS 0", "reset 2/2", func(o *openMessage) { o.as, o.params = 0, nil }),
		field("another AS", "reset 2/2", func(o *openMessage) { o.as, o.params = 64999, nil }),
		field("the speaker's AS", "reset 2/2", func(o *openMessage) { o.as, o.params = 64511, nil }),
		field("another AS of four octets", "reset 2/2", withAS("0000fde7")),
		field("AS 0 of four octets", "reset 2/2", withAS("00000000")),
		field("identifier 0.0.0.0", "reset 2/3", func(o *openMessage) { o.id = octets("00000000") }),
		// RFC 6286: the same identifier in another AS is right.
		field("the speaker's identifier", kept, func(o *openMessage) { o.id = speakerID }),
		field("identifier 255.255.255.255", kept, func(o *openMessage) { o.id = octets("ffffffff") }),
		field("hold time 1", "reset 2/6", func(o *openMessage) { o.hold = 1 }),
		field("hold time 2", "reset 2/6", func(o *openMessage) { o.hold = 2 }),
		field("hold time 0", kept, func(o *openMessage) { o.hold = 0 }),
		field("hold time 65535", kept, func(o *openMessage) { o.hold = 65535 }),
		field("no parameters", kept, func(o *openMessage) { o.params = nil }),
	})
}

func opensOfWrongParameters() []provocation {
	with := func(name string, params []byte, lie int, want ...outcome) provocation {
		o := rightOpen()
		o.params, o.lie = params, lie
		return provocation{name: name, send: o.bytes(), want: want}
	}
	right := rightOpen().params
	extended := func(length int, params []byte) []byte { return join([]byte{255}, uint16Of(length), params) }
	wide := join([]byte{2}, uint16Of(len(right)-2), right[2:]) // RFC 9072: a length of two bytes
	all := []provocation{
		with("length beyond the message", right, 1, "reset 1/2", "reset 2/*"),
		with("length short of the message", right, -1, "reset 1/2", "reset 2/*"),
		with("length 0 before parameters", right, -len(right), anyOpenEnd...),
		with("half a parameter", []byte{2}, 0, "reset 1/2", "reset 2/*"),
		with("a parameter beyond the length", []byte{2, 20, 1, 4}, 0, "reset 1/2", "reset 2/*"),
		with("a parameter of 254 bytes in none", []byte{2, 254}, 0, "reset 1/2", "reset 2/*"),
		with("a parameter of 255 bytes in none", []byte{2, 255}, 0, "reset 1/2", "reset 2/*"),
		with("parameters of no length", bytes.Repeat([]byte{2, 0}, 100), 0, anyOpenEnd...),
		with("noise", noise(20, 200), 0, "reset 1/2", "reset 2/*"),
		with("the same capabilities twenty times", bytes.Repeat(parameter(2, basics), 20), 0, anyOpenEnd...),
		// RFC 9072: the length 255 and the parameter 255 announce long ones.
		with("RFC 9072, right", extended(len(wide), wide), 255-len(wide)-3, anyOpenEnd...),
		with("RFC 9072, empty", extended(0, nil), 255-3, anyOpenEnd...),
		with("RFC 9072, beyond the message", extended(60000, wide), 255-len(wide)-3, "reset 1/2", "reset 2/*"),
		with("RFC 9072, no length", []byte{255}, 254, "reset 1/2", "reset 2/*"),
	}
	for _, kind := range []byte{0, 1, 3, 128, 254, 255} {
		all = append(all,
			with(fmt.Sprintf("unknown parameter %d", kind), join(right, parameter(kind, noise(21, 9))), 0, "reset 2/4"),
			with(fmt.Sprintf("unknown parameter %d, empty", kind), join(right, parameter(kind)), 0, "reset 2/4"))
	}
	return placed("OPEN parameters", opening, all)
}

// capabilityValues has a right value for each capability that GoBGP decodes, and
// for some that it does not know.
var capabilityValues = map[gobgp.BGPCapabilityCode][]byte{
	0:                                    octets(""),
	gobgp.BGP_CAP_MULTIPROTOCOL:          octets("0002 00 01"),
	gobgp.BGP_CAP_ROUTE_REFRESH:          octets(""),
	3:                                    octets("0001 00 01 01 4003"),
	gobgp.BGP_CAP_CARRYING_LABEL_INFO:    octets(""),
	gobgp.BGP_CAP_EXTENDED_NEXTHOP:       octets("0001 0001 0002 0001 0080 0002"),
	gobgp.BGP_CAP_EXTENDED_MESSAGE:       octets(""),
	9:                                    octets("03"),
	gobgp.BGP_CAP_GRACEFUL_RESTART:       octets("c078 0001 01 80 0002 01 80"),
	gobgp.BGP_CAP_FOUR_OCTET_AS_NUMBER:   octets("0000fbf4"),
	67:                                   octets("00"),
	gobgp.BGP_CAP_ADD_PATH:               octets("0001 01 03 0002 01 03"),
	gobgp.BGP_CAP_ENHANCED_ROUTE_REFRESH: octets(""),
	gobgp.BGP_CAP_LONG_LIVED_GRACEFUL_RESTART: octets("0001 01 80 000078 0002 01 80 000078"),
	gobgp.BGP_CAP_FQDN:                        octets("04 686f7374 03 6c6162"),
	gobgp.BGP_CAP_SOFT_VERSION:                octets("05 6c61622f31"),
	gobgp.BGP_CAP_ROUTE_REFRESH_CISCO:         octets(""),
	255:                                       octets("ffff"),
}

func opensOfWrongCapabilities() []provocation {
	var all []provocation
	add := func(name string, capabilities []byte, want ...outcome) {
		all = append(all, provocation{name: name, send: openWith(capabilities), want: want})
	}
	for code, value := range capabilityValues {
		name := code.String() + ", "
		c := byte(code)
		// The AS number belongs in it, or the AS of two octets is the peer's.
		after := fourOctets
		if code == gobgp.BGP_CAP_FOUR_OCTET_AS_NUMBER {
			after = nil
		}
		add(name+"right", join(capability(c, value), after), kept)
		add(name+"twice", join(capability(c, value), capability(c, value), after), kept)
		add(name+"too long", join(capability(c, join(value, []byte{0xff})), after), anyOpenEnd...)
		add(name+"of 60 ones", join(capability(c, bytes.Repeat([]byte{0xff}, 60)), after), anyOpenEnd...)
		add(name+"beyond the parameter", join(after, []byte{c, byte(len(value) + 1)}, value), "reset 1/2", "reset 2/*")
		if len(value) > 0 {
			add(name+"empty", join(capability(c, nil), after), anyOpenEnd...)
			add(name+"too short", join(capability(c, value[:len(value)-1]), after), anyOpenEnd...)
			add(name+"of zeroes", join(capability(c, make([]byte, len(value))), after), "kept", "reset 2/*")
		}
	}
	add("FQDN, the host name overruns it", join(capability(73, octets("ff 6162")), fourOctets), anyOpenEnd...)
	add("FQDN, the domain name overruns it", join(capability(73, octets("01 61 ff 62")), fourOctets), anyOpenEnd...)
	add("FQDN, names that are not UTF-8", join(capability(73, octets("02 fffe 02 c0c1")), fourOctets), kept)
	add("software version, overruns it", join(capability(75, octets("ff 61")), fourOctets), anyOpenEnd...)
	add("software version, not UTF-8", join(capability(75, octets("03 fffec0")), fourOctets), kept)
	add("half a capability", join(fourOctets, []byte{1}), anyOpenEnd...)
	for i := range 16 {
		add(fmt.Sprintf("noise %d", i), noise(uint64(100+i), 8*(1+i%8)), anyOpenEnd...)
	}
	return placed("OPEN capabilities", opening, all)
}
