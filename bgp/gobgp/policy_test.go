package gobgp

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/osrg/gobgp/v4/api"
	"github.com/osrg/gobgp/v4/pkg/apiutil"
	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
)

// held returns the attributes of the router's routes, except origin and next hop.
func held(t *testing.T, r *Router) string {
	t.Helper()
	var all []string
	for _, family := range []gobgp.Family{gobgp.RF_IPv4_UC, gobgp.RF_IPv6_UC} {
		err := r.server.ListPath(apiutil.ListPathRequest{TableType: api.TableType_TABLE_TYPE_GLOBAL, Family: family}, func(prefix gobgp.NLRI, paths []*apiutil.Path) {
			for _, p := range paths {
				parts := []string{prefix.String()}
				for _, a := range p.Attrs {
					switch a := a.(type) {
					case *gobgp.PathAttributeAsPath:
						parts = append(parts, "path="+gobgp.AsPathString(a))
					case *gobgp.PathAttributeMultiExitDisc:
						parts = append(parts, fmt.Sprintf("med=%d", a.Value))
					case *gobgp.PathAttributeLocalPref:
						parts = append(parts, fmt.Sprintf("pref=%d", a.Value))
					case *gobgp.PathAttributeCommunities:
						parts = append(parts, fmt.Sprintf("communities=%v", route.Communities{Standard: a.Value}.Texts()))
					case *gobgp.PathAttributeLargeCommunities:
						parts = append(parts, fmt.Sprintf("large=%v", a.Values))
					case *gobgp.PathAttributeExtendedCommunities:
						for _, c := range a.Value {
							octets, err := c.Serialize()
							if err != nil {
								t.Error(err)
							}
							parts = append(parts, fmt.Sprintf("extended=%x", octets))
						}
					case *gobgp.PathAttributeMpReachNLRI:
						parts = append(parts, "via="+a.Nexthop.String())
					}
				}
				all = append(all, strings.Join(parts, " "))
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(all)
	return strings.Join(all, "; ")
}

// holds waits until the router has the wanted routes.
func holds(t *testing.T, r *Router, want string) {
	t.Helper()
	var got string
	for range 1000 {
		if got = held(t, r); got == want {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("got %q\nwant %q", got, want)
}

func number(n uint32) *uint32 { return &n }

var (
	vip      = netip.MustParsePrefix("198.51.100.53/32")
	degraded = route.Attributes{Prepend: 3, MED: number(100), LocalPreference: number(50), Communities: route.Communities{
		Standard: []uint32{64511<<16 | 7}, Large: []route.LargeCommunity{{64511, 1, 2}},
	}}
	leaving = route.Attributes{Prepend: 10, LocalPreference: number(0), Communities: route.Communities{Standard: []uint32{route.GracefulShutdown}}}
)

// routerOf returns a router of an autonomous system to which a speaker of 64511
// connects from its own address.
func routerOf(t *testing.T, asn uint32, local string, families ...route.Family) (*Router, config.Peer) {
	t.Helper()
	routerAddr, speakerAddr := netip.MustParseAddr("127.0.0.100"), netip.MustParseAddr(local)
	port := freePort(t, routerAddr)
	router, err := NewRouter(t.Context(), asn, netip.AddrPortFrom(routerAddr, port), map[netip.Addr]uint32{speakerAddr: 64511}, quietLog)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(router.Close)
	return router, config.Peer{
		Address: routerAddr, Port: port, ASN: asn, LocalAddress: speakerAddr, HoldTime: 3 * time.Second,
		Families: append([]route.Family{route.IPv4}, families...),
	}
}

func TestEachStateHasItsAttributes(t *testing.T) {
	for name, c := range map[string]struct {
		asn              uint32
		local            string
		up, worse, leave string
	}{
		"eBGP": {
			64500, "127.0.0.110", "198.51.100.53/32 path=64511",
			"198.51.100.53/32 path=64511 64511 64511 64511 med=100 communities=[64511:7] large=[64511:1:2]",
			"198.51.100.53/32 path=" + strings.TrimSpace(strings.Repeat("64511 ", 11)) + " communities=[graceful-shutdown]",
		},
		"iBGP": { // where its own AS number in the path would be a loop
			64511, "127.0.0.111", "198.51.100.53/32 path= pref=100",
			"198.51.100.53/32 path= med=100 pref=50 communities=[64511:7] large=[64511:1:2]",
			"198.51.100.53/32 path= pref=0 communities=[graceful-shutdown]",
		},
	} {
		t.Run(name, func(t *testing.T) {
			router, peer := routerOf(t, c.asn, c.local)
			s := newSpeaker(t, peer.LocalAddress, peer)
			defer s.Close(5 * time.Second)
			for _, step := range []struct {
				attributes route.Attributes
				want       string
			}{{route.Attributes{}, c.up}, {degraded, c.worse}, {leaving, c.leave}, {route.Attributes{}, c.up}} {
				if _, err := s.Set([]route.Route{{Prefix: vip, Attributes: step.attributes}}); err != nil {
					t.Fatal(err)
				}
				holds(t, router, step.want)
			}
		})
	}
}

// TestExtendedCommunitiesAreSentToBothKindsOfPeer, those too that are not transitive; the link
// bandwidth has the site's AS as far as it has room (RFC 10005).
func TestExtendedCommunitiesAreSentToBothKindsOfPeer(t *testing.T) {
	for asn, path := range map[uint32]string{64500: "path=64511", 64511: "path= pref=100"} {
		t.Run(fmt.Sprint("AS ", asn), func(t *testing.T) {
			router, peer := routerOf(t, asn, fmt.Sprintf("127.0.0.%d", 115+asn%2))
			s := newSpeaker(t, peer.LocalAddress, peer)
			defer s.Close(5 * time.Second)
			a := route.Attributes{LinkBandwidth: 10_000_000_000, Communities: route.Communities{Extended: []route.ExtendedCommunity{
				{0, 2, 0xfb, 0xf4, 0, 0, 0, 1}, {0x43, 0, 0, 0, 0, 0, 0, 1}, {0x02, 3, 0, 1, 0, 0, 0, 9},
			}}}
			if _, err := s.Set([]route.Route{{Prefix: vip, Attributes: a}}); err != nil {
				t.Fatal(err)
			}
			holds(t, router, "198.51.100.53/32 "+path+" extended=0002fbf400000001 extended=4300000000000001 extended=0203000100000009 extended=4004fbff4e9502f9")
			a.LinkBandwidth = 0
			if _, err := s.Set([]route.Route{{Prefix: vip, Attributes: a}}); err != nil {
				t.Fatal(err)
			}
			holds(t, router, "198.51.100.53/32 "+path+" extended=0002fbf400000001 extended=4300000000000001 extended=0203000100000009")
		})
	}
}

// TestAnASOf32BitsIsASTransInTheLinkBandwidth, and a color keeps its flags, which GoBGP's own type
// would drop.
func TestAnASOf32BitsIsASTransInTheLinkBandwidth(t *testing.T) {
	colored := route.Communities{Extended: []route.ExtendedCommunity{{3, 0x0b, 0xc0, 0, 0, 0, 0, 1}}}
	for asn, want := range map[uint32]string{64511: "fbff", 65535: "ffff", 65536: "5ba0", 4200000000: "5ba0"} {
		var got []string
		for _, c := range extendedOf(route.Attributes{LinkBandwidth: 1000, Communities: colored}, asn) {
			octets, err := c.Serialize()
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprintf("%x", octets))
		}
		if all := strings.Join(got, " "); all != "030bc00000000001 4004"+want+"42fa0000" {
			t.Errorf("AS %d: %s", asn, all)
		}
	}
}

func TestBothFamiliesGoOverOneSession(t *testing.T) {
	router, peer := routerOf(t, 64500, "127.0.0.112")
	if err := router.carry(t, route.IPv6, peer.LocalAddress); err != nil {
		t.Fatal(err)
	}
	peer.Families, peer.NextHop = []route.Family{route.IPv4, route.IPv6}, netip.MustParseAddr("2001:db8::11")
	s := newSpeaker(t, peer.LocalAddress, peer)
	defer s.Close(5 * time.Second)
	if _, err := s.Set(append(routes("198.51.100.53/32"), routes("2001:db8:53::53/128")...)); err != nil {
		t.Fatal(err)
	}
	holds(t, router, "198.51.100.53/32 path=64511; 2001:db8:53::53/128 path=64511 via=2001:db8::11")
	if p := s.Peers(); len(p) != 1 || !slices.Equal(p[0].Families, []string{"ipv4", "ipv6"}) || p[0].Problem != "" {
		t.Errorf("%+v", p)
	}
}

// carry adds a family to the router's session with a peer.
func (r *Router) carry(t *testing.T, f route.Family, peer netip.Addr) error {
	_, err := r.server.UpdatePeer(t.Context(), &api.UpdatePeerRequest{Peer: &api.Peer{
		Conf:      &api.PeerConf{NeighborAddress: peer.String(), PeerAsn: 64511},
		Transport: &api.Transport{PassiveMode: true},
		AfiSafis: []*api.AfiSafi{
			{Config: &api.AfiSafiConfig{Family: apiFamily(route.IPv4), Enabled: true}},
			{Config: &api.AfiSafiConfig{Family: apiFamily(f), Enabled: true}},
		},
	}})
	return err
}

// TestAChangedPeerIsDrainedAndResetAlone: the session of the other router must not
// notice.
func TestAChangedPeerIsDrainedAndResetAlone(t *testing.T) {
	first, peer := routerOf(t, 64500, "127.0.0.113")
	secondAddr := netip.MustParseAddr("127.0.0.99")
	port := freePort(t, secondAddr)
	second, err := NewRouter(t.Context(), 64501, netip.AddrPortFrom(secondAddr, port), map[netip.Addr]uint32{peer.LocalAddress: 64511}, quietLog)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	other := peer
	other.Address, other.Port, other.ASN = secondAddr, port, 64501
	s := newSpeaker(t, peer.LocalAddress, peer)
	defer s.Close(5 * time.Second)
	if err := s.SetPeers([]config.Peer{peer, other}, time.Minute); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Set(routes("198.51.100.53/32")); err != nil {
		t.Fatal(err)
	}
	const up, drained = "198.51.100.53/32 path=64511", "198.51.100.53/32 path=64511 communities=[graceful-shutdown]"
	holds(t, first, up)
	holds(t, second, up)
	resets := func(r *Router) (n uint32) {
		(&Speaker{server: r.server}).eachPeer("", func(p *api.Peer) { n += p.State.Flops })
		return n
	}
	changed := peer
	changed.HoldTime = 9 * time.Second
	if err := s.SetPeers([]config.Peer{changed, other}, time.Second); err != nil {
		t.Fatal(err)
	}
	holds(t, first, drained)
	holds(t, first, up)
	if got := held(t, second); got != up || resets(second) != 0 || resets(first) != 1 {
		t.Errorf("the other router has %q; got resets %d and %d, want 1 and 0", got, resets(first), resets(second))
	}
	if err := s.SetPeers([]config.Peer{other}, time.Second); err != nil {
		t.Fatal(err)
	}
	holds(t, first, "")
	if resets(second) != 0 {
		t.Error("a removal reset the other router's session")
	}
}

// TestIPv4OverIPv6RequiresTheExtendedNextHopCapability (RFC 8950, section 4).
func TestIPv4OverIPv6RequiresTheExtendedNextHopCapability(t *testing.T) {
	p := &peer{config: config.Peer{Address: netip.MustParseAddr("2001:db8::1"), Families: []route.Family{route.IPv4, route.IPv6}}, addr: netip.MustParseAddr("2001:db8::1")}
	rejects := func() bool {
		return slices.ContainsFunc(exceptions([]*peer{p}).statements, func(one *api.Statement) bool {
			return equalFamily(one.Conditions.AfiSafiIn[0], route.IPv4) && one.Actions.RouteAction == api.RouteAction_ROUTE_ACTION_REJECT
		})
	}
	if !rejects() {
		t.Error("routes are sent before the peer has announced the capability")
	}
	if p.extended = true; rejects() {
		t.Error("routes are not sent to a peer with the capability")
	}
}

func TestTheRouterHasTheLastOfManyChanges(t *testing.T) {
	router, peer := routerOf(t, 64500, "127.0.0.114")
	s := newSpeaker(t, peer.LocalAddress, peer)
	defer s.Close(5 * time.Second)
	for i := range 300 {
		var set []route.Route
		for j := range 10 {
			if (i+j)%3 != 0 {
				set = append(set, route.Route{Prefix: netip.MustParsePrefix(fmt.Sprintf("198.51.100.%d/32", j)), Attributes: []route.Attributes{{}, degraded, leaving}[(i*j)%3]})
			}
		}
		if _, err := s.Set(set); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Set([]route.Route{{Prefix: vip, Attributes: degraded}}); err != nil {
		t.Fatal(err)
	}
	holds(t, router, "198.51.100.53/32 path=64511 64511 64511 64511 med=100 communities=[64511:7] large=[64511:1:2]")
}

// TestThePolicyDoesNotGrowWithThePeers counts its statements: GoBGP reads all of them for each route
// and peer, so that one for each peer would cost the square of the peers.
func TestThePolicyDoesNotGrowWithThePeers(t *testing.T) {
	statements := func(peers int) int {
		s := &Speaker{selection: newSelection()}
		var all []*peer
		addr := netip.MustParseAddr("192.0.2.0")
		for i := range peers {
			addr = addr.Next()
			config := config.Peer{Address: addr, ASN: 64500, Families: []route.Family{route.IPv4, route.IPv6}}
			p := &peer{config: config, addr: addr}
			switch i % 4 { // what may differ between peers
			case 1:
				p.config.NextHop = netip.MustParseAddr("2001:db8::1")
			case 2:
				p.extended = true
			case 3:
				p.leaving = true
			}
			all = append(all, p)
		}
		return len(s.export(all).statements)
	}
	if few, many := statements(4), statements(200); few != many {
		t.Errorf("got %d statements with 4 peers, %d with 200", few, many)
	}
}
