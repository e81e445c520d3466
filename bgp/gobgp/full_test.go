package gobgp

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
)

// TestARouterThatReconnectsGetsEveryRoute has more routes of one kind than fit in an UPDATE before the
// session begins, so that GoBGP fills messages completely: 65,535 octets if both ends support
// extended messages (RFC 8654), as GoBGP does, and 4,096 with others.
func TestARouterThatReconnectsGetsEveryRoute(t *testing.T) {
	const many = 14_000
	for name, c := range map[string]struct {
		asn        uint32
		local      string
		attributes route.Attributes
	}{
		"up":                  {64500, "127.0.0.130", route.Attributes{}},
		"degraded":            {64500, "127.0.0.131", degraded},
		"leaving":             {64500, "127.0.0.132", leaving},
		"leaving, iBGP":       {64511, "127.0.0.133", leaving},
		"leaving, with a MED": {64500, "127.0.0.134", route.Attributes{Prepend: 6, MED: number(200)}},
	} {
		if testing.Short() && name != "leaving" && name != "leaving, iBGP" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			router, peer := routerOf(t, c.asn, c.local)
			s := newSpeaker(t, peer.LocalAddress, config.Peer{Address: netip.MustParseAddr("127.0.0.99"), Port: 1, ASN: 64500})
			defer s.Close(5 * time.Second)
			var all []route.Route
			for i := range many {
				all = append(all, route.Route{Prefix: netip.MustParsePrefix(fmt.Sprintf("10.0.%d.%d/32", i/250, i%250+1)), Attributes: c.attributes})
			}
			if _, err := s.Set(all); err != nil {
				t.Fatal(err)
			}
			if err := s.SetPeers([]config.Peer{peer}, 0); err != nil {
				t.Fatal(err)
			}
			got := 0
			for start := time.Now(); got != many; time.Sleep(50 * time.Millisecond) {
				held, err := router.Table()
				if err != nil {
					t.Fatal(err)
				}
				if got = len(held); time.Since(start) > 20*time.Second {
					t.Fatalf("got %d of %d routes at the router", got, many)
				}
			}
		})
	}
}
