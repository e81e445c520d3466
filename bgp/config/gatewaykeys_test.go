package config

import (
	_ "embed" // for the configuration
	"net/netip"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/bgp/route"
)

func TestFaultsOfAGatewayPeerAreNamed(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"gateway: ipv4", "gateway: ipv5", `line 6: peers[0].gateway: "ipv5" is neither ipv4 nor ipv6`},
		{"gateway: ipv4", "gateway: ipv4, address: 192.0.2.1", "line 6: peers[0].gateway: cannot be combined with address or interface"},
		{"gateway: ipv4", "gateway: ipv4, interface: eth0", "line 6: peers[0].gateway: cannot be combined with address or interface"},
		{"gateway: ipv4", "gateway: ipv4, multihop: 2", "line 6: peers[0].multihop: cannot be combined with gateway"},
		{"gateway: ipv4", "gateway: ipv4, device: red", "line 6: peers[0].device: cannot be combined with gateway"},
		{"gateway: ipv4", "gateway: ipv4, localAddress: \"2001:db8::11\"", "line 6: peers[0].localAddress: is not of the session's family"},
		{"gateway: ipv4", "gateway: ipv4, families: [ipv6]", "line 6: peers[0].nextHop: an IPv6 address of this site is required"},
		{"gateway: ipv4", "gateway: ipv4, passive: true", "line 6: peers[0].passive: requires that the speaker listens"},
		{"gateway: ipv6", "gateway: ipv4", "line 7: peers[1]: gateway/ipv4 is listed twice"},
		{"holdTime: 3s", "gateway: ipv4", "line 4: groups.tor.gateway: cannot be set for a group; set it in peers"},
		{"gateway: ipv4, ", "", "line 6: peers[0].address: an IP address is required, unless interface or gateway is set"},
	} {
		text := strings.Replace(racks, c.old, c.new, 1)
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s:\n%v\nwant %s", c.new, err, c.want)
		}
	}
}

// TestARouterHasOneSessionHoweverItIsNamed checks that two names of one router give one session.
func TestARouterHasOneSessionHoweverItIsNamed(t *testing.T) {
	at := func(text string, family route.Family) *Peer {
		return &Peer{Address: netip.MustParseAddr(text), Gateway: family}
	}
	for _, test := range []struct {
		a, b *Peer
		want bool
	}{
		{at("192.0.2.1", ""), at("192.0.2.1", route.IPv4), true},
		{at("192.0.2.1", route.IPv4), at("192.0.2.2", route.IPv4), false},
		{at("fe80::1%eth0", route.IPv6), at("fe80::1%eth0", ""), true},
		{at("fe80::1%eth0", route.IPv6), at("fe80::1%eth1", route.IPv6), false},
		{at("fe80::1%eth0", route.IPv6), at("fe80::2%eth0", route.IPv6), false},
		{at("fe80::1%eth0", route.IPv6), &Peer{Interface: "eth0"}, true},
		{at("fe80::1%eth0", route.IPv6), &Peer{Interface: "eth1"}, false},
		{&Peer{Gateway: route.IPv4}, &Peer{Gateway: route.IPv6}, false},
	} {
		if test.a.SameNeighbour(test.b) != test.want || test.b.SameNeighbour(test.a) != test.want {
			t.Errorf("%s and %s: want %v", test.a.Name(), test.b.Name(), test.want)
		}
	}
}

//go:embed testdata/racks.yaml
var racks string
