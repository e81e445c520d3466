package gobgp

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/osrg/gobgp/v4/api"
	"github.com/osrg/gobgp/v4/pkg/apiutil"
	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"github.com/nearcast/nearcast/bgp"
	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/session"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

var quietLog = slog.New(slog.NewTextHandler(io.Discard, nil))

// freePort returns a free port of the address.
func freePort(t *testing.T, addr netip.Addr) uint16 {
	t.Helper()
	return uint16(fixture.FreePort(t, addr.String()))
}

// pair is a router and a speaker, each on its own loopback address.
func pair(t *testing.T, local string) (*Router, *Speaker) {
	t.Helper()
	routerAddr := netip.MustParseAddr("127.0.0.100")
	speakerAddr := netip.MustParseAddr(local)
	port := freePort(t, routerAddr)
	router, err := NewRouter(t.Context(), 64500, netip.AddrPortFrom(routerAddr, port), map[netip.Addr]uint32{speakerAddr: 64511}, quietLog)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(router.Close)
	return router, newSpeaker(t, speakerAddr, config.Peer{Address: routerAddr, Port: port, ASN: 64500})
}

// newSpeaker returns a speaker of AS 64511 with one peer.
func newSpeaker(t *testing.T, addr netip.Addr, peer config.Peer) *Speaker {
	t.Helper()
	speaker, err := NewSpeaker(t.Context(), &config.Config{ASN: 64511, RouterID: addr}, quietLog)
	if err != nil {
		t.Fatal(err)
	}
	speaker.announceFor = time.Minute // a busy machine may need it for a few routes
	peer.LocalAddress, peer.HoldTime = addr, 3*time.Second
	if len(peer.Families) == 0 {
		peer.Families = []route.Family{route.IPv4}
	}
	if err := speaker.SetPeers([]config.Peer{peer}, 0); err != nil {
		t.Fatal(err)
	}
	return speaker
}

// table waits until the router's table is as wanted.
func table(t *testing.T, r *Router, want string) {
	t.Helper()
	var got string
	for range 1000 {
		routes, err := r.Table()
		if err != nil {
			t.Fatal(err)
		}
		var parts []string
		for _, r := range routes {
			parts = append(parts, r.Prefix+" via "+r.NextHop+" as "+r.ASPath)
		}
		if got = strings.Join(parts, ", "); got == want {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("got table %q, want %q", got, want)
}

func routes(texts ...string) []route.Route {
	var all []route.Route
	for _, text := range texts {
		all = append(all, route.Route{Prefix: netip.MustParsePrefix(text)})
	}
	return all
}

func TestTheRouterHasExactlyTheRoutesThatAreSet(t *testing.T) {
	router, speaker := pair(t, "127.0.0.101")
	const a, b = "198.51.100.53/32 via 127.0.0.101 as 64511", "198.51.100.80/32 via 127.0.0.101 as 64511"
	for _, step := range []struct {
		set  []route.Route
		want string
	}{
		{routes("198.51.100.53/32"), a},
		{routes("198.51.100.53/32", "198.51.100.80/32"), a + ", " + b},
		{routes("198.51.100.80/32"), b},
		{nil, ""},
		{routes("198.51.100.53/32"), a},
	} {
		if _, err := speaker.Set(step.set); err != nil {
			t.Fatal(err)
		}
		table(t, router, step.want)
	}
	if peers := speaker.Peers(); len(peers) != 1 || peers[0].State != "established" {
		t.Errorf("got peers %+v", peers)
	}
	if err := speaker.Close(5 * time.Second); err != nil {
		t.Error(err)
	}
	table(t, router, "")
}

// TestSetYieldsToOtherWork announces with turns that end immediately: each withdraws everything that is
// to be withdrawn, and the last one has announced the rest.
func TestSetYieldsToOtherWork(t *testing.T) {
	router, speaker := pair(t, "127.0.0.119")
	defer speaker.Close(5 * time.Second)
	if _, err := speaker.Set(routes("198.51.100.1/32", "198.51.100.2/32")); err != nil {
		t.Fatal(err)
	}
	speaker.announceFor = 0
	want := routes("198.51.100.3/32", "198.51.100.4/32", "198.51.100.5/32")
	turns := 1
	for ; ; turns++ {
		_, err := speaker.Set(want)
		if len(speaker.announced) > len(want) {
			t.Fatalf("after turn %d: got %v announced", turns, speaker.announced)
		}
		if err == nil {
			break
		}
		if !errors.Is(err, bgp.ErrMore) || turns > len(want) {
			t.Fatalf("turn %d: %v", turns, err)
		}
	}
	if turns < 2 {
		t.Error("everything was announced in one turn")
	}
	table(t, router, "198.51.100.3/32 via 127.0.0.119 as 64511, 198.51.100.4/32 via 127.0.0.119 as 64511, 198.51.100.5/32 via 127.0.0.119 as 64511")
}

func TestNothingThatAPeerSendsIsAccepted(t *testing.T) {
	router, speaker := pair(t, "127.0.0.102")
	defer speaker.Close(5 * time.Second)
	if _, err := speaker.Set(routes("198.51.100.53/32")); err != nil {
		t.Fatal(err)
	}
	table(t, router, "198.51.100.53/32 via 127.0.0.102 as 64511")
	// Make the router send a route, which it otherwise never does.
	err := router.server.SetPolicyAssignment(context.Background(), &api.SetPolicyAssignmentRequest{Assignment: &api.PolicyAssignment{
		Name: "global", Direction: api.PolicyDirection_POLICY_DIRECTION_EXPORT, DefaultAction: api.RouteAction_ROUTE_ACTION_ACCEPT,
	}})
	if err != nil {
		t.Fatal(err)
	}
	nlri, err := gobgp.NewIPAddrPrefix(netip.MustParsePrefix("203.0.113.0/24"))
	if err != nil {
		t.Fatal(err)
	}
	hop, err := gobgp.NewPathAttributeNextHop(netip.MustParseAddr("127.0.0.100"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = router.server.AddPath(apiutil.AddPathRequest{Paths: []*apiutil.Path{{
		Family: gobgp.RF_IPv4_UC, Nlri: nlri, Age: time.Now().Unix(),
		Attrs: []gobgp.PathAttributeInterface{gobgp.NewPathAttributeOrigin(0), hop},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	received := func() (n uint64) {
		_ = speaker.server.ListPeer(context.Background(), &api.ListPeerRequest{}, func(p *api.Peer) {
			for _, a := range p.AfiSafis {
				n += a.State.Received
			}
		})
		return n
	}
	for range 500 {
		if received() > 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if received() == 0 {
		t.Fatal("the route did not reach the speaker: the test proves nothing")
	}
	as := &Router{server: speaker.server}
	table(t, as, "198.51.100.53/32 via 0.0.0.0 as ")
}

// TestASpeakerStartsCleanlyIfStoppedMeanwhile: a SIGTERM at that moment is not a failure.
func TestASpeakerStartsCleanlyIfStoppedMeanwhile(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 10 { // whether GoBGP sees it in time is chance
		speaker, err := NewSpeaker(ctx, &config.Config{ASN: 64511, RouterID: netip.MustParseAddr("127.0.0.117")}, quietLog)
		if err != nil {
			t.Fatal(err)
		}
		if err := speaker.Close(5 * time.Second); err != nil {
			t.Error(err)
		}
	}
}

func TestASpeakerThatStartsFirstIsSoonConnected(t *testing.T) {
	routerAddr, speakerAddr := netip.MustParseAddr("127.0.0.100"), netip.MustParseAddr("127.0.0.103")
	port := freePort(t, routerAddr)
	speaker := newSpeaker(t, speakerAddr, config.Peer{Address: routerAddr, Port: port, ASN: 64500})
	defer speaker.Close(5 * time.Second)
	if _, err := speaker.Set(routes("198.51.100.53/32")); err != nil {
		t.Fatal(err)
	}
	time.Sleep(5 * time.Second) // several attempts fail
	router, err := NewRouter(t.Context(), 64500, netip.AddrPortFrom(routerAddr, port), map[netip.Addr]uint32{speakerAddr: 64511}, quietLog)
	if err != nil {
		t.Fatal(err)
	}
	defer router.Close()
	table(t, router, "198.51.100.53/32 via 127.0.0.103 as 64511")
}

// TestARouterThatAcceptsAndDisappearsDoesNotBlockTheSpeaker covers a router
// that is replaced at that moment: nobody closes its connection.
func TestARouterThatAcceptsAndDisappearsDoesNotBlockTheSpeaker(t *testing.T) {
	at := netip.MustParseAddr("127.0.0.100")
	l, err := net.Listen("tcp", netip.AddrPortFrom(at, 0).String())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := newSpeaker(t, netip.MustParseAddr("127.0.0.116"), config.Peer{Address: at, Port: netip.MustParseAddrPort(l.Addr().String()).Port(), ASN: 64500})
	defer s.Close(5 * time.Second)
	s.mu.Lock()
	s.beginTimeout = time.Second
	s.mu.Unlock()
	for range 2 {
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := l.(*net.TCPListener).SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestASessionIsBoundToItsDevice has a device that the machine lacks beside one that leads to the
// router: the missing one is reported, and does not affect the other.
func TestASessionIsBoundToItsDevice(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: binding a connection to a device needs root")
	}
	routerAddr, local := netip.MustParseAddr("127.0.0.100"), netip.MustParseAddr("127.0.0.11")
	port := freePort(t, routerAddr)
	router, err := NewRouter(t.Context(), 64500, netip.AddrPortFrom(routerAddr, port), map[netip.Addr]uint32{local: 64511}, quietLog)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(router.Close)
	speaker := newSpeaker(t, local, config.Peer{Address: routerAddr, Port: port, ASN: 64500, Device: "lo"})
	t.Cleanup(func() { _ = speaker.Close(time.Second) })
	peers := []config.Peer{
		{Address: routerAddr, Port: port, ASN: 64500, Device: "lo", LocalAddress: local, HoldTime: 3 * time.Second, Families: []route.Family{route.IPv4}},
		{Address: netip.MustParseAddr("127.0.0.101"), Port: port, ASN: 64500, Device: "none0", HoldTime: 3 * time.Second, Families: []route.Family{route.IPv4}},
	}
	_ = speaker.SetPeers(peers, 0) // the fault of one may be known immediately
	state := func(address string) (st session.Status) {
		for _, p := range speaker.Peers() {
			if p.Address == address {
				st = p
			}
		}
		return st
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		bound, lacking := state("127.0.0.100"), state("127.0.0.101")
		if bound.State == "established" && lacking.State != "established" && lacking.Problem != "" {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%+v\n%+v", bound, lacking)
		}
	}
}
