package gobgp

import (
	"net/netip"
	"testing"
	"time"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
)

// TestARouterNamedAnotherWayKeepsOneSession checks that a file which names a router by its address, and
// then by the default route, or vice versa, has at most one session with it at any time, and a session at
// the end.
func TestARouterNamedAnotherWayKeepsOneSession(t *testing.T) {
	at, here := netip.MustParseAddr("127.0.0.104"), netip.MustParseAddr("127.0.0.94")
	port := freePort(t, at)
	router, err := NewRouter(t.Context(), 64500, netip.AddrPortFrom(at, port), map[netip.Addr]uint32{here: 64511}, quietLog)
	if err != nil {
		t.Fatal(err)
	}
	defer router.Close()
	named := config.Peer{Address: at, Port: port, ASN: 64500, LocalAddress: here, HoldTime: 30 * time.Second, Families: []route.Family{route.IPv4}}
	found := named
	found.Gateway = route.IPv4
	speaker := newSpeaker(t, here, named)
	defer speaker.Close(5 * time.Second)
	if _, err := speaker.Set(routes("198.51.100.53/32")); err != nil {
		t.Fatal(err)
	}
	table(t, router, "198.51.100.53/32 via 127.0.0.94 as 64511")
	for _, p := range []config.Peer{found, named, found} {
		if err := speaker.SetPeers([]config.Peer{p}, 0); err != nil {
			t.Error(err)
		}
		deadline := time.Now().Add(30 * time.Second)
		for {
			all := speaker.Peers()
			if len(all) == 1 && all[0].Name() == p.Name() && all[0].State == "established" {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: got %+v", p.Name(), all)
			}
			time.Sleep(20 * time.Millisecond)
		}
		table(t, router, "198.51.100.53/32 via 127.0.0.94 as 64511")
	}
}
