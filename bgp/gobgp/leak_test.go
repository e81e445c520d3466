package gobgp

import (
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
)

// TestStoppedSpeakersLeaveNoGoroutine checks it with sessions that are up, with
// BFD, and with a peer that is being changed.
func TestStoppedSpeakersLeaveNoGoroutine(t *testing.T) {
	cycles := 100
	if testing.Short() {
		cycles = 10
	}
	router, peer := routerOf(t, 64500, "127.0.0.115")
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent(), goleak.Cleanup(func(int) { router.Close() }))
	peer.BFD, peer.BFDInterval, peer.BFDMultiplier = true, 300*time.Millisecond, 3
	absent := config.Peer{Address: netip.MustParseAddr("127.0.0.98"), Port: 1, ASN: 64501, HoldTime: 3 * time.Second, Families: []route.Family{route.IPv4}}
	for i := range cycles {
		s := newSpeaker(t, peer.LocalAddress, peer)
		if err := s.SetPeers([]config.Peer{peer, absent}, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Set(routes("198.51.100.53/32")); err != nil {
			t.Fatal(err)
		}
		if i%20 == 0 {
			holds(t, router, "198.51.100.53/32 path=64511")
			changed := peer
			changed.HoldTime = 9 * time.Second
			if err := s.SetPeers([]config.Peer{changed, absent}, time.Hour); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(10 * time.Second); err != nil {
			t.Fatal(err)
		}
	}
}
