package gobgp

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"
)

// foreign is the route of most UPDATEs; the speaker must never have it.
var foreign = octets("18 cb0071")

// The flags of attributes.
const (
	optional   = byte(gobgp.BGP_ATTR_FLAG_OPTIONAL)
	transitive = byte(gobgp.BGP_ATTR_FLAG_TRANSITIVE)
	partial    = byte(gobgp.BGP_ATTR_FLAG_PARTIAL)
	long       = byte(gobgp.BGP_ATTR_FLAG_EXTENDED_LENGTH)
)

// attributeValues has a right value for every attribute that GoBGP decodes. A
// test holds it against GoBGP's list.
var attributeValues = map[gobgp.BGPAttrType][]byte{
	gobgp.BGP_ATTR_TYPE_ORIGIN:                   octets("00"),
	gobgp.BGP_ATTR_TYPE_AS_PATH:                  octets("02 02 0000fbf4 00010000 01 01 0000fde8"),
	gobgp.BGP_ATTR_TYPE_NEXT_HOP:                 octets("c0000201"),
	gobgp.BGP_ATTR_TYPE_MULTI_EXIT_DISC:          octets("00000064"),
	gobgp.BGP_ATTR_TYPE_LOCAL_PREF:               octets("00000064"),
	gobgp.BGP_ATTR_TYPE_ATOMIC_AGGREGATE:         octets(""),
	gobgp.BGP_ATTR_TYPE_AGGREGATOR:               octets("0000fbf4 c0000201"),
	gobgp.BGP_ATTR_TYPE_COMMUNITIES:              octets("fbf40001 ffffff02"),
	gobgp.BGP_ATTR_TYPE_ORIGINATOR_ID:            octets("c0000201"),
	gobgp.BGP_ATTR_TYPE_CLUSTER_LIST:             octets("c0000201 c0000202"),
	gobgp.BGP_ATTR_TYPE_MP_REACH_NLRI:            octets("0001 01 04 c0000201 00 18 cb0072"),
	gobgp.BGP_ATTR_TYPE_MP_UNREACH_NLRI:          octets("0001 01 18 cb0072"),
	gobgp.BGP_ATTR_TYPE_EXTENDED_COMMUNITIES:     octets("0002 fbf4 00000001 030c 000000000008"),
	gobgp.BGP_ATTR_TYPE_AS4_PATH:                 octets("02 01 00010000"),
	gobgp.BGP_ATTR_TYPE_AS4_AGGREGATOR:           octets("00010000 c0000201"),
	gobgp.BGP_ATTR_TYPE_PMSI_TUNNEL:              octets("00 06 000100 c0000201"),
	gobgp.BGP_ATTR_TYPE_TUNNEL_ENCAP:             octets("0008 0022 0408 030b 0000 00000064 060a 00000000 0001 c0000201 8000 09 00 0906 0000 0000000a"),
	gobgp.BGP_ATTR_TYPE_IP6_EXTENDED_COMMUNITIES: octets("0002 20010db8000000000000000000000001 0001"),
	gobgp.BGP_ATTR_TYPE_AIGP:                     octets("01 000b 0000000000000064"),
	gobgp.BGP_ATTR_TYPE_LS:                       octets("0402 0003 616263 040a 000c 8000 000064 0489 0003 003e80 0447 0003 00000a 0486 0007 00 00 0000 003e80"),
	gobgp.BGP_ATTR_TYPE_LARGE_COMMUNITY:          octets("0000fbf4 00000001 00000002"),
	gobgp.BGP_ATTR_TYPE_PREFIX_SID: octets("01 0007 00 0000 00000064 03 0008 0000 003e80 001f40" +
		"05 0022 00 01 001e 00 20010db8000000000000000000000001 00 0013 00 01 0006 28 18 10 00 10 40"),
}

// mandatory are the attributes without which there is no route, but for one.
func mandatory(without gobgp.BGPAttrType) []byte {
	var all []byte
	for _, t := range []gobgp.BGPAttrType{gobgp.BGP_ATTR_TYPE_ORIGIN, gobgp.BGP_ATTR_TYPE_AS_PATH, gobgp.BGP_ATTR_TYPE_NEXT_HOP} {
		if t != without {
			all = append(all, right(t)...)
		}
	}
	return all
}

func right(t gobgp.BGPAttrType) []byte {
	return attribute(byte(gobgp.PathAttrFlags[t]), byte(t), attributeValues[t])
}

// routeWith is an UPDATE whose last attribute is of the type and the bytes given.
func routeWith(t gobgp.BGPAttrType, attribute []byte) []byte {
	return update(nil, join(beside(t), attribute), foreign)
}

// beside is what an attribute needs in order to be the only one that is wrong.
func beside(t gobgp.BGPAttrType) []byte {
	if t == gobgp.BGP_ATTR_TYPE_AS4_AGGREGATOR {
		return join(mandatory(t), right(gobgp.BGP_ATTR_TYPE_AGGREGATOR))
	}
	return mandatory(t)
}

func updates() []provocation {
	return slices.Concat(wrongLengths(), wrongPrefixes(), missingAttributes(), knownAttributes(), unknownAttributes(),
		nestedValues(), severalFaults(), twoOctetPaths(), multiprotocol())
}

func TestTheCorpusHasEveryAttributeThatGoBGPDecodes(t *testing.T) {
	for n := range 256 {
		kind := gobgp.BGPAttrType(n)
		a, err := gobgp.GetPathAttribute([]byte{0, byte(n)})
		if err != nil {
			t.Fatal(err)
		}
		_, unknown := a.(*gobgp.PathAttributeUnknown)
		value, ok := attributeValues[kind]
		if ok == unknown {
			t.Errorf("%s: in the corpus %v, unknown to GoBGP %v", kind, ok, unknown)
		}
		if ok {
			if err := a.DecodeFromBytes(right(kind)); err != nil {
				t.Errorf("%s: the value that shall be right, %x: %v", kind, value, err)
			}
		}
	}
}

// wrongLengths are UPDATEs that cannot be taken apart (RFC 7606, section 3 b).
func wrongLengths() []provocation {
	raw := func(name string, want outcome, body ...[]byte) provocation {
		return provocation{name: name, send: message(gobgp.BGP_MSG_UPDATE, body...), want: []outcome{want}}
	}
	attributes := mandatory(0)
	return placed("UPDATE lengths", established, []provocation{
		raw("short, no body", "reset 1/2"),
		raw("short, one byte", "reset 1/2", []byte{0}),
		raw("short, three bytes", "reset 1/2", []byte{0, 0, 0}),
		raw("end of RIB", kept, []byte{0, 0, 0, 0}),
		raw("withdrawn routes beyond the message", "reset 3/1", uint16Of(200), octets("18 cb0071"), uint16Of(0)),
		raw("withdrawn routes of 65535 bytes", "reset 3/1", uint16Of(65535), uint16Of(0)),
		raw("withdrawn routes up to the end", "reset 3/1", uint16Of(6), octets("18 cb0071"), uint16Of(0)),
		raw("withdrawn routes that end within one", "reset 3/*", uint16Of(3), octets("18 cb0071"), uint16Of(0)),
		raw("attributes beyond the message", "reset 3/1", uint16Of(0), uint16Of(len(attributes)+5), attributes, foreign),
		raw("attributes of 65535 bytes", "reset 3/1", uint16Of(0), uint16Of(65535), attributes),
		// Section 4: that they end within one is a matter of that one.
		raw("attributes that end within one", kept, uint16Of(0), uint16Of(len(attributes)-1), attributes[:len(attributes)-1], foreign),
		raw("attributes that end within a header", kept, uint16Of(0), uint16Of(len(attributes)+2), attributes, []byte{optional, 4}, foreign),
		raw("attributes that end after one byte", kept, uint16Of(0), uint16Of(len(attributes)+1), attributes, []byte{optional}, foreign),
		raw("all of 4096 bytes of ones", "reset 3/1", bytes.Repeat([]byte{0xff}, 4096-19)),
		// These are routes to everything, which lack the attributes.
		raw("all of 4096 bytes of zeroes", kept, make([]byte, 4096-19)),
		raw("attributes of 4000 zeroes", kept, uint16Of(0), uint16Of(4000), make([]byte, 4000)),
	})
}

// wrongPrefixes are syntax errors among the routes, which end a session (RFC
// 7606, section 3 j and 5.3).
func wrongPrefixes() []provocation {
	var all []provocation
	for name, nlri := range map[string]string{
		"length 33":         "21 cb007100 00",
		"length 255":        "ff cb007100",
		"length 129":        "81 20010db8000000000000000000000000 00",
		"no prefix":         "18",
		"half a prefix":     "18 cb00",
		"half a second one": "18 cb0071 18 cb",
	} {
		all = append(all,
			provocation{name: "announced, " + name, send: update(nil, mandatory(0), octets(nlri)), want: []outcome{"reset 3/10"}},
			provocation{name: "withdrawn, " + name, send: update(octets(nlri), nil, nil), want: []outcome{"reset 3/10", "reset 3/1"}})
	}
	own := octets("20 c6336435")
	return placed("UPDATE prefixes", established, append(all,
		provocation{name: "the default route", send: update(nil, mandatory(0), []byte{0}), want: []outcome{kept}},
		provocation{name: "bits beyond the prefix", send: update(nil, mandatory(0), octets("01 ff")), want: []outcome{kept}},
		provocation{name: "multicast", send: update(nil, mandatory(0), octets("04 e0")), want: []outcome{kept}},
		provocation{name: "one route five hundred times", send: update(nil, mandatory(0), bytes.Repeat(foreign, 500)), want: []outcome{kept}},
		provocation{name: "announced and withdrawn", send: update(foreign, mandatory(0), foreign), want: []outcome{kept}},
		provocation{name: "withdrawn, and never announced", send: update(octets("18 cb00ff"), nil, nil), want: []outcome{kept}},
		provocation{name: "the speaker's route", send: update(nil, mandatory(0), own), want: []outcome{kept}},
		provocation{name: "the speaker's route, withdrawn", send: update(own, nil, nil), want: []outcome{kept}},
	))
}

// missingAttributes: treated as withdrawn (RFC 7606, section 3 d).
func missingAttributes() []provocation {
	all := []provocation{
		{name: "all", send: update(nil, nil, foreign), want: []outcome{kept}},
		{name: "all, of an MP_REACH_NLRI", send: update(nil, right(gobgp.BGP_ATTR_TYPE_MP_REACH_NLRI), nil), want: []outcome{kept}},
		{name: "the routes", send: update(nil, mandatory(0), nil), want: []outcome{kept}},
	}
	for _, t := range []gobgp.BGPAttrType{gobgp.BGP_ATTR_TYPE_ORIGIN, gobgp.BGP_ATTR_TYPE_AS_PATH, gobgp.BGP_ATTR_TYPE_NEXT_HOP} {
		all = append(all, provocation{name: t.String(), send: update(nil, mandatory(t), foreign), want: []outcome{kept}},
			provocation{name: t.String() + " alone is there", send: update(nil, right(t), foreign), want: []outcome{kept}})
	}
	return placed("UPDATE lacks", established, all)
}

// knownAttributes are wrong one at a time. RFC 7606, section 7 and the RFCs of
// the later attributes want the routes withdrawn or the attribute discarded,
// and the session kept; for those that carry routes it may end.
func knownAttributes() []provocation {
	var all []provocation
	for t, value := range attributeValues {
		flags := byte(gobgp.PathAttrFlags[t])
		want, twice := []outcome{kept}, []outcome{kept}
		if carriesRoutes(t) {
			want, twice = anyUpdateEnd, []outcome{"reset 3/1"} // section 3 g
		}
		add := func(name string, want []outcome, attributes ...[]byte) {
			all = append(all, provocation{name: t.String() + ", " + name, send: routeWith(t, join(attributes...)), want: want})
		}
		a := right(t)
		add("right", want, a)
		add("empty", want, attribute(flags, byte(t), nil))
		add("too long", want, attribute(flags, byte(t), join(value, []byte{0xff})))
		add("of 4000 ones", want, attribute(flags|long, byte(t), bytes.Repeat([]byte{0xff}, 4000)))
		add("of 4000 zeroes", want, attribute(flags|long, byte(t), make([]byte, 4000)))
		add("optional or not, wrongly", want, attribute(flags^optional, byte(t), value))
		add("transitive or not, wrongly", want, attribute(flags^transitive, byte(t), value))
		add("partial", want, attribute(flags|partial, byte(t), value))
		add("no flags", want, attribute(0, byte(t), value))
		add("all flags", want, attribute(0xff, byte(t), value))
		add("unused flags", want, attribute(flags|0x0f, byte(t), value))
		add("an extended length", want, attribute(flags|long, byte(t), value))
		add("an extended length of one byte", want, []byte{flags | long, byte(t), byte(len(value))})
		add("beyond the attributes", want, []byte{flags, byte(t), byte(len(value) + 1)}, value)
		add("65535 bytes beyond the attributes", want, []byte{flags | long, byte(t), 0xff, 0xff}, value)
		add("no length", want, []byte{flags, byte(t)})
		add("twice", twice, a, a)
		add("a hundred times", twice, bytes.Repeat(a, min(100, 3500/len(a))))
		all = append(all,
			provocation{name: t.String() + ", first", send: update(nil, join(a, beside(t)), foreign), want: want},
			provocation{name: t.String() + ", alone and without routes", send: update(nil, a, nil), want: want})
		if !carriesRoutes(t) { // there are few sessions to end
			all = append(all, spoilt(t.String(), t, value)...)
		}
	}
	return placed("attribute", established, all)
}

func carriesRoutes(t gobgp.BGPAttrType) bool {
	return t == gobgp.BGP_ATTR_TYPE_MP_REACH_NLRI || t == gobgp.BGP_ATTR_TYPE_MP_UNREACH_NLRI
}

// spoilt cuts a value at each of its bytes, and changes each of them.
func spoilt(name string, t gobgp.BGPAttrType, value []byte) []provocation {
	var all []provocation
	add := func(how string, at int, value []byte) {
		all = append(all, provocation{
			name: fmt.Sprintf("%s, %s %d", name, how, at), want: []outcome{kept},
			send: routeWith(t, attribute(byte(gobgp.PathAttrFlags[t]), byte(t), value)),
		})
	}
	for i := range value {
		add("cut at", i, value[:i])
		for how, b := range map[string]byte{"ff at": 0xff, "00 at": 0, "80 at": 0x80, "one more at": value[i] + 1} {
			changed := bytes.Clone(value)
			changed[i] = b
			add(how, i, changed)
		}
	}
	return all
}

// unknownAttributes: those that are optional are passed over, whatever they hold;
// one that is well-known ends the session (RFC 4271, section 6.3).
func unknownAttributes() []provocation {
	var all []provocation
	for n := range 256 {
		t := gobgp.BGPAttrType(n)
		if _, known := attributeValues[t]; known {
			continue
		}
		add := func(name string, want outcome, flags byte, value []byte) {
			a := attribute(flags, byte(n), value)
			all = append(all, provocation{name: fmt.Sprintf("%d, %s", n, name), send: routeWith(t, a), want: []outcome{want}})
		}
		add("empty", kept, optional|transitive, nil)
		add("not transitive", kept, optional, noise(30, 9))
		add("partial", kept, optional|transitive|partial, noise(31, 99))
		add("of 3000 bytes", kept, optional|transitive|long, noise(32, 3000))
		twice := attribute(optional|transitive, byte(n), nil)
		all = append(all, provocation{name: fmt.Sprintf("%d, twice", n), send: routeWith(t, join(twice, twice)), want: []outcome{kept}})
		if n == 0 || n == 11 || n == 255 {
			add("well-known", "reset 3/2", transitive, noise(33, 4))
			add("no flags", kept, 0, noise(33, 4)) // section 3 c of RFC 7606
		}
	}
	return placed("unknown attribute", established, all)
}

// nestedValues go through the types of what some attributes are made of, each
// with values that are too short, and one that is long.
func nestedValues() []provocation {
	var all []provocation
	add := func(t gobgp.BGPAttrType, name string, value []byte) {
		all = append(all, provocation{
			name: t.String() + ", " + name, want: []outcome{kept},
			send: routeWith(t, attribute(byte(gobgp.PathAttrFlags[t])|long, byte(t), value)),
		})
	}
	sizes := []int{0, 1, 3, 6, 15, 40}
	for _, size := range sizes {
		for n := range 41 {
			name := fmt.Sprintf("type %d of %d bytes", n, size)
			v := noise(uint64(40+n), size)
			add(gobgp.BGP_ATTR_TYPE_PMSI_TUNNEL, name, join([]byte{1, byte(n)}, v))
			add(gobgp.BGP_ATTR_TYPE_AIGP, name, join([]byte{byte(n)}, uint16Of(size), v))
			add(gobgp.BGP_ATTR_TYPE_PREFIX_SID, name, join([]byte{byte(n)}, uint16Of(size), v))
			add(gobgp.BGP_ATTR_TYPE_PREFIX_SID, "service "+name, join(octets("05"), uint16Of(4+size), []byte{0, byte(n)}, uint16Of(size), v))
			add(gobgp.BGP_ATTR_TYPE_TUNNEL_ENCAP, "tunnel "+name, join(uint16Of(n), uint16Of(size), v))
		}
		for n := range 256 {
			name := fmt.Sprintf("sub-TLV %d of %d bytes", n, size)
			length := []byte{byte(size)}
			if n >= 128 {
				length = uint16Of(size)
			}
			v := join([]byte{byte(n)}, length, noise(uint64(50+n), size))
			add(gobgp.BGP_ATTR_TYPE_TUNNEL_ENCAP, name, join(uint16Of(15), uint16Of(len(v)), v))
		}
		for _, n := range linkStateTypes() {
			add(gobgp.BGP_ATTR_TYPE_LS, fmt.Sprintf("type %d of %d bytes", n, size), join(uint16Of(n), uint16Of(size), noise(uint64(n), size)))
		}
	}
	for n := range 256 {
		// All subtypes in one attribute: each is decoded.
		var communities, communities6 []byte
		for sub := range 256 {
			communities = append(communities, join([]byte{byte(n), byte(sub)}, noise(uint64(sub), 6))...)
			if sub < 180 {
				communities6 = append(communities6, join([]byte{byte(n), byte(sub)}, noise(uint64(sub), 18))...)
			}
		}
		add(gobgp.BGP_ATTR_TYPE_EXTENDED_COMMUNITIES, fmt.Sprintf("type %d", n), communities)
		add(gobgp.BGP_ATTR_TYPE_IP6_EXTENDED_COMMUNITIES, fmt.Sprintf("type %d", n), communities6)
	}
	return placed("nested", established, all)
}

// linkStateTypes are the ranges of code points in which GoBGP knows some.
func linkStateTypes() []int {
	var all []int
	for _, r := range [][2]int{{256, 266}, {512, 519}, {1024, 1047}, {1088, 1123}, {1152, 1175}, {1250, 1253}} {
		for n := r[0]; n < r[1]; n++ {
			all = append(all, n)
		}
	}
	return all
}

// severalFaults: the severest handling wins (RFC 7606, section 3 h). GoBGP checks
// no further once it has found one fault, so that what comes behind it is used
// unchecked.
func severalFaults() []provocation {
	var all []provocation
	discarded := attribute(optional|transitive, 7, octets("00")) // AGGREGATOR
	withdrawn := attribute(transitive, 1, octets("ff ff"))       // ORIGIN
	evpn := attribute(optional, 14, octets("0019 46 04 c0000201 00 03 11 0000fbf400000001 00000000 20 c0000201"))
	ipv6 := attribute(optional, 14, octets("0002 01 10 20010db8000000000000000000000001 00 20 20010db8"))
	for name, fault := range map[string][]byte{"discarded": discarded, "withdrawn": withdrawn} {
		add := func(second string, want []outcome, attributes []byte, nlri []byte) {
			all = append(all, provocation{name: name + ", " + second, send: update(nil, join(fault, attributes), nlri), want: want})
		}
		add("no other attribute", []outcome{kept}, nil, foreign)
		add("no next hop", []outcome{kept}, mandatory(gobgp.BGP_ATTR_TYPE_NEXT_HOP), foreign)
		add("no path", []outcome{kept}, mandatory(gobgp.BGP_ATTR_TYPE_AS_PATH), foreign)
		add("a well-known attribute that nobody knows", []outcome{"reset 3/2"}, join(mandatory(0), attribute(transitive, 99, nil)), foreign)
		add("routes of a family not agreed on", anyUpdateEnd, join(mandatory(0), evpn), nil)
		add("IPv6 routes", anyUpdateEnd, join(mandatory(0), ipv6), nil)
		add("MP_REACH_NLRI twice", []outcome{"reset 3/1"}, join(mandatory(0), bytes.Repeat(right(gobgp.BGP_ATTR_TYPE_MP_REACH_NLRI), 2)), nil)
		add("MP_UNREACH_NLRI twice", []outcome{"reset 3/1"}, join(mandatory(0), bytes.Repeat(right(gobgp.BGP_ATTR_TYPE_MP_UNREACH_NLRI), 2)), nil)
		add("a next hop of class E", []outcome{kept}, join(mandatory(gobgp.BGP_ATTR_TYPE_NEXT_HOP), attribute(transitive, 3, octets("f0000001"))), foreign)
		add("a next hop of IPv6", []outcome{kept}, join(mandatory(gobgp.BGP_ATTR_TYPE_NEXT_HOP), attribute(transitive, 3, make([]byte, 16))), foreign)
		add("a path of nothing", []outcome{kept}, join(mandatory(gobgp.BGP_ATTR_TYPE_AS_PATH), attribute(transitive, 2, nil)), foreign)
		for t := range attributeValues {
			if !carriesRoutes(t) {
				add(t.String()+" empty", []outcome{kept}, join(beside(t), attribute(byte(gobgp.PathAttrFlags[t]), byte(t), nil)), foreign)
				add(t.String()+" a hundred times", []outcome{kept}, join(beside(t), bytes.Repeat(right(t), min(100, 3500/len(right(t))))), foreign)
			}
		}
	}
	return placed("several faults", established, all)
}

// twoOctetPaths come from a peer without four-octet AS numbers, whose AS_PATH is
// repaired with its AS4_PATH (RFC 6793). AS4_PATH before AS_PATH crashed earlier
// versions of GoBGP (CVE-2026-41643).
func twoOctetPaths() []provocation {
	paths := map[string]string{
		"none": "", "empty": "40 02 00", "one": "40 02 04 02 01 5ba0", "two": "40 02 06 02 02 fbf4 5ba0",
		"a set": "40 02 06 01 02 fbf4 5ba0", "a confederation": "40 02 0a 03 01 fbf4 02 02 fbf4 5ba0",
		"a segment of nothing": "40 02 02 02 00", "four octets": "40 02 06 02 01 0000fbf4", "half a segment": "40 02 03 02 01 fb",
		"of 255": "40 02 ff 02 7f" + string(bytes.Repeat([]byte("5ba0"), 126)) + "00",
	}
	paths4 := map[string]string{
		"none": "", "empty": "c0 11 00", "one": "c0 11 06 02 01 00010000", "three": "c0 11 0e 02 03 00010000 00010001 00010002",
		"a set": "c0 11 06 01 01 00010000", "a confederation": "c0 11 06 03 01 00010000", "only confederations": "c0 11 0c 03 01 00010000 04 01 00010000",
		"a segment of nothing": "c0 11 02 02 00", "an unknown segment": "c0 11 06 05 01 00010000", "two octets": "c0 11 04 02 01 fbf4",
		"twice": "c0 11 06 02 01 00010000 c0 11 06 02 01 00010000", "wrong flags": "40 11 06 02 01 00010000",
	}
	rest := join(right(gobgp.BGP_ATTR_TYPE_ORIGIN), right(gobgp.BGP_ATTR_TYPE_NEXT_HOP))
	var all []provocation
	add := func(name string, attributes ...[]byte) {
		all = append(all, provocation{name: name, send: update(nil, join(attributes...), foreign), want: []outcome{kept}})
	}
	for name, path := range paths {
		for name4, path4 := range paths4 {
			names := fmt.Sprintf("AS_PATH %s, AS4_PATH %s, ", name, name4)
			path, path4 := octets(path), octets(path4)
			add(names+"in order", rest, path, path4)
			add(names+"AS4_PATH first", path4, rest, path)
			add(names+"AS4_PATH last but one", path, path4, rest)
		}
	}
	path := octets(paths["one"])
	aggregator, aggregator4 := octets("c0 07 06 5ba0 c0000201"), right(gobgp.BGP_ATTR_TYPE_AS4_AGGREGATOR)
	add("AS4_AGGREGATOR alone", rest, path, aggregator4)
	add("AS4_AGGREGATOR first", aggregator4, rest, path, aggregator)
	add("AS4_AGGREGATOR twice", rest, path, aggregator, aggregator4, aggregator4)
	add("AS4_AGGREGATOR too short", rest, path, aggregator, octets("c0 12 03 000100"))
	return placed("two octets", twoOctet, all)
}
