package gobgp

import (
	"net/netip"
	"testing"
	"time"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/session"
)

// TestARouterOfAnyOtherASIsExternal checks that what is announced to it is what another AS is sent, that its
// number is shown, and that a router of the speaker's own AS is sent nothing: neither at once nor later.
func TestARouterOfAnyOtherASIsExternal(t *testing.T) {
	at, here := netip.MustParseAddr("127.0.0.103"), netip.MustParseAddr("127.0.0.93")
	port := freePort(t, at)
	router := func(asn uint32) *Router {
		r, err := NewRouter(t.Context(), asn, netip.AddrPortFrom(at, port), map[netip.Addr]uint32{here: 64511}, quietLog)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	speaker := newSpeaker(t, here, config.Peer{Address: at, Port: port, External: true})
	defer speaker.Close(5 * time.Second)
	preference := uint32(7)
	if _, err := speaker.Set([]route.Route{{Prefix: netip.MustParsePrefix("198.51.100.53/32"), Attributes: route.Attributes{Prepend: 1, LocalPreference: &preference}}}); err != nil {
		t.Fatal(err)
	}
	wantPeer := func(what string, is func(session.Status) bool) {
		t.Helper()
		var last session.Status
		for range 1000 {
			if last = speaker.Peers()[0]; is(last) {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Fatalf("%s: got %+v", what, last)
	}
	for _, asn := range []uint32{64500, 4259840001} {
		r := router(asn)
		wantPeer("the AS of the router", func(p session.Status) bool { return p.State == "established" && p.ASN == asn && p.Problem == "" })
		table(t, r, "198.51.100.53/32 via 127.0.0.93 as 64511 64511")
		r.Close()
		wantPeer("no router", func(p session.Status) bool { return p.State != "established" && p.ASN == 0 })
	}
	own := router(64511)
	wantPeer("the speaker's own AS", func(p session.Status) bool {
		return p.State == "established" && p.ASN == 64511 && p.Reason == session.NotExternal && len(p.Families) == 0
	})
	for range 20 {
		if routes, err := own.Table(); err != nil || len(routes) > 0 {
			t.Fatalf("got routes %v, %v sent, want none", routes, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	own.Close()
	r := router(64499)
	defer r.Close()
	table(t, r, "198.51.100.53/32 via 127.0.0.93 as 64511 64511")
}
