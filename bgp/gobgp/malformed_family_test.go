package gobgp

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"
)

// reach and unreach are the attributes that carry routes of any family.
func reach(f gobgp.Family, nextHop, nlri []byte) []byte {
	value := join(uint16Of(int(f.Afi())), []byte{f.Safi(), byte(len(nextHop))}, nextHop, []byte{0}, nlri)
	return attribute(optional|long, byte(gobgp.BGP_ATTR_TYPE_MP_REACH_NLRI), value)
}

func unreach(f gobgp.Family, nlri []byte) []byte {
	value := join(uint16Of(int(f.Afi())), []byte{f.Safi()}, nlri)
	return attribute(optional|long, byte(gobgp.BGP_ATTR_TYPE_MP_UNREACH_NLRI), value)
}

var nextHop4, nextHop6 = octets("c0000201"), octets("20010db8000000000000000000000001")

// multiprotocol are malformed routes of all families. They may all end the
// session (RFC 7606, section 7.11), so each pattern goes through all families.
func multiprotocol() []provocation {
	var all []provocation
	add := func(name string, want []outcome, attributes ...[]byte) {
		all = append(all, provocation{name: name, send: update(nil, join(mandatory(gobgp.BGP_ATTR_TYPE_NEXT_HOP), join(attributes...)), nil), want: want})
	}
	for _, length := range []int{0, 1, 3, 5, 8, 12, 15, 17, 24, 31, 32, 33, 48, 255} {
		add(fmt.Sprintf("next hop of %d bytes", length), anyUpdateEnd, reach(gobgp.RF_IPv4_UC, noise(60, length), foreign))
		add(fmt.Sprintf("next hop of %d bytes of IPv6", length), anyUpdateEnd, reach(gobgp.RF_IPv6_UC, noise(60, length), octets("20 20010db8")))
	}
	add("next hop beyond the attribute", anyUpdateEnd, attribute(optional, 14, octets("0001 01 ff c0000201 00")))
	for _, f := range [...]gobgp.Family{0, gobgp.NewFamily(0, 255), gobgp.NewFamily(1, 0), gobgp.NewFamily(1, 255), gobgp.NewFamily(255, 1), gobgp.NewFamily(65535, 255)} {
		add(fmt.Sprintf("unknown family %d/%d", f.Afi(), f.Safi()), anyUpdateEnd, reach(f, nextHop4, foreign))
		add(fmt.Sprintf("unknown family %d/%d, withdrawn", f.Afi(), f.Safi()), anyUpdateEnd, unreach(f, foreign))
	}
	for name, nlri := range map[string]string{"length 33": "21 cb00710000", "length 129": "81 20010db8000000000000000000000000 00", "half a prefix": "18 cb"} {
		add("IPv4, "+name, anyUpdateEnd, reach(gobgp.RF_IPv4_UC, nextHop4, octets(nlri)))
		add("IPv4 withdrawn, "+name, anyUpdateEnd, unreach(gobgp.RF_IPv4_UC, octets(nlri)))
	}
	for name, nlri := range map[string]string{"length 129": "81 20010db8000000000000000000000000 00", "length 255": "ff", "half a prefix": "40 2001"} {
		add("IPv6, "+name, anyUpdateEnd, reach(gobgp.RF_IPv6_UC, nextHop6, octets(nlri)))
		add("IPv6 withdrawn, "+name, anyUpdateEnd, unreach(gobgp.RF_IPv6_UC, octets(nlri)))
	}
	return append(placed("MP", established, append(all, everyFamily()...)), manyRoutes()...)
}

// knownFamilies are those of GoBGP, in a fixed order.
func knownFamilies() []gobgp.Family { return slices.Sorted(maps.Keys(gobgp.AddressFamilyNameMap)) }

// everyFamily is each family by itself: one malformed route, and the end of a RIB.
func everyFamily() []provocation {
	var all []provocation
	for _, f := range knownFamilies() {
		for name, attribute := range map[string][]byte{"noise": reach(f, nextHop4, noise(uint64(f), 60)), "end of RIB": unreach(f, nil)} {
			all = append(all, provocation{name: f.String() + ", " + name, send: update(nil, attribute, nil), want: anyUpdateEnd})
		}
	}
	return all
}

// manyRoutes put the malformed routes of a family into as few UPDATEs as hold
// them, each in an attribute of its own: GoBGP decodes them all before it ends the
// session once.
func manyRoutes() []provocation {
	var all []provocation
	for _, f := range knownFamilies() {
		var attributes []byte
		flush := func() {
			all = append(all, provocation{
				name: fmt.Sprintf("%s, routes %d", f, len(all)), want: anyUpdateEnd,
				send: update(nil, join(mandatory(gobgp.BGP_ATTR_TYPE_NEXT_HOP), attributes), nil),
			})
			attributes = nil
		}
		for _, nlri := range routesOf(f) {
			attributes = join(attributes, reach(f, nextHop4, nlri), unreach(f, nlri))
			if len(attributes) > 60_000 {
				flush()
			}
		}
		flush()
	}
	return placed("MP", extended, all)
}

// routesOf are malformed routes of a family: its own shape with every type and
// several lengths, and noise.
func routesOf(f gobgp.Family) [][]byte {
	var all [][]byte
	for size := range 20 {
		all = append(all, noise(uint64(f)+uint64(size), size), bytes.Repeat([]byte{0xff}, size))
	}
	for _, size := range []int{0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 20, 25, 33, 44} {
		for n := range 8 {
			all = append(all, shape(f, n, noise(uint64(size+n), size)), shape(f, n, make([]byte, size)))
		}
	}
	return all
}

// shape puts a body behind the first bytes that let a decoder go on to it.
func shape(f gobgp.Family, n int, body []byte) []byte {
	size := len(body)
	switch f.Safi() {
	case gobgp.SAFI_EVPN:
		return join([]byte{byte(n), byte(size)}, body)
	case gobgp.SAFI_VPLS, gobgp.SAFI_KEY_VALUE:
		return join(uint16Of(size+n-1), body)
	case gobgp.SAFI_LS:
		return join(uint16Of(n), uint16Of(size), body)
	case gobgp.SAFI_MUP:
		return join([]byte{1}, uint16Of(n), []byte{byte(size)}, body)
	case gobgp.SAFI_FLOW_SPEC_UNICAST:
		return join([]byte{byte(size + 1), byte(n*2 + 1)}, body)
	case gobgp.SAFI_FLOW_SPEC_VPN:
		return join([]byte{byte(size + 9)}, make([]byte, 8), []byte{byte(n*2 + 1)}, body)
	case gobgp.SAFI_MPLS_VPN, gobgp.SAFI_MPLS_VPN_MULTICAST:
		return join([]byte{byte(24 + 8*size + n)}, octets("000101 0000"), body)
	}
	return join([]byte{byte(8*size + n)}, body)
}
