package gobgp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/osrg/gobgp/v4/api"
	"github.com/osrg/gobgp/v4/pkg/apiutil"
	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"
	"github.com/osrg/gobgp/v4/pkg/server"
	"go.uber.org/goleak"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/session"
	"github.com/nearcast/nearcast/bgp/turns"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// ends records why the sessions of a router ended, as GoBGP reports it.
type ends struct {
	mu  sync.Mutex
	all []string
}

func (e *ends) seen() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.all)
}

// watchEnds follows a router's sessions.
func watchEnds(t *testing.T, r *Router) *ends {
	t.Helper()
	e, was := &ends{}, gobgp.BGP_FSM_IDLE
	err := r.server.WatchEvent(t.Context(), server.WatchEventMessageCallbacks{OnPeerUpdate: func(m *apiutil.WatchEventMessage_PeerEvent, _ time.Time) {
		e.mu.Lock()
		defer e.mu.Unlock()
		is := m.Peer.State.SessionState
		if m.Type == apiutil.PEER_EVENT_STATE && was == gobgp.BGP_FSM_ESTABLISHED && is != was {
			e.all = append(e.all, m.Peer.State.DisconnectMessage)
		}
		was = is
	}}, server.WatchPeer())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// someRouters returns routers at addresses from 127.0.0.200 on, and them as peers of local.
func someRouters(t *testing.T, n int, local string) (routers []*Router, seen []*ends, peers []config.Peer) {
	t.Helper()
	from := netip.MustParseAddr(local)
	for i := range n {
		at := netip.MustParseAddr(fmt.Sprintf("127.0.0.%d", 200+i))
		port := freePort(t, at)
		r, err := NewRouter(t.Context(), 64500+uint32(i), netip.AddrPortFrom(at, port), map[netip.Addr]uint32{from: 64511}, quietLog)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(r.Close)
		routers, seen = append(routers, r), append(seen, watchEnds(t, r))
		peers = append(peers, config.Peer{
			Address: at, Port: port, ASN: 64500 + uint32(i), LocalAddress: from, HoldTime: time.Minute, Families: []route.Family{route.IPv4},
		})
	}
	return routers, seen, peers
}

// startWith returns a speaker with the peers, whose hold times are long: a busy machine must end no session.
func startWith(t *testing.T, peers []config.Peer, log *slog.Logger) *Speaker {
	t.Helper()
	s, err := NewSpeaker(t.Context(), &config.Config{ASN: 64511, RouterID: peers[0].LocalAddress}, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(5 * time.Second) })
	_, err = s.Set(routes("198.51.100.53/32"))
	if err := errors.Join(err, s.SetPeers(peers, 0)); err != nil {
		t.Fatal(err)
	}
	return s
}

// The NOTIFICATIONs of RFC 4486.
const (
	otherConfiguration = "notification-received code 6(cease) subcode 6(other configuration change)"
	deconfigured       = "notification-received code 6(cease) subcode 3(peer deconfigured)"
)

// TestThreeRoutersGetNewSettingsInTurn also checks that the log has each phase once.
func TestThreeRoutersGetNewSettingsInTurn(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short: three turns take half a minute")
	}
	routers, seen, peers := someRouters(t, 3, "127.0.0.141")
	log := &fixture.Output{}
	speaker := startWith(t, peers, slog.New(slog.NewTextHandler(log, nil)))
	const up = "198.51.100.53/32 path="
	for _, r := range routers {
		holds(t, r, up+"64511")
	}
	time.Sleep(turns.Settle + time.Second) // all have had the route for long enough
	changed := make([]config.Peer, 0, 3)
	for _, p := range peers {
		p.HoldTime = 9 * time.Second
		changed = append(changed, p)
	}
	if err := speaker.SetPeers(changed, time.Second); err != nil {
		t.Fatal(err)
	}
	var order []int
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		lack, back := 0, 0
		for i, r := range routers {
			if !slices.Contains(order, i) && len(seen[i].seen()) > 0 {
				order = append(order, i)
			}
			switch held := held(t, r); {
			case !strings.HasPrefix(held, up):
				lack++
			case held == up+"64511" && len(seen[i].seen()) > 0:
				back++
			}
		}
		if lack > 1 {
			t.Fatalf("%d routers lack the route at the same time", lack)
		}
		if back == len(routers) {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%v, %+v", order, speaker.Peers())
		}
	}
	if fmt.Sprint(order) != "[0 1 2]" {
		t.Errorf("got order %v", order)
	}
	for i := range routers {
		if got := seen[i].seen(); len(got) != 1 || got[0] != otherConfiguration {
			t.Errorf("router %d saw %q", i, got)
		}
	}
	eventually(t, "the turns are over", func() bool {
		return strings.Count(log.String(), "session matches the file") == 3
	})
	for _, phase := range []string{"phase=draining", "phase=returning"} {
		if n := strings.Count(log.String(), phase); n != 3 {
			t.Errorf("the log has %s %d times, want once:\n%s", phase, n, log)
		}
	}
	if n := strings.Count(log.String(), "phase=waiting"); n != 2 {
		t.Errorf("the log has waiting %d times:\n%s", n, log)
	}
}

// eventually waits for a minute at most.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not in time", what)
		}
	}
}

// TestAReplacedPeerIsRemovedOnceItsReplacementIsEstablished also checks the NOTIFICATION that its router gets (RFC 4486).
func TestAReplacedPeerIsRemovedOnceItsReplacementIsEstablished(t *testing.T) {
	routers, seen, peers := someRouters(t, 2, "127.0.0.142")
	speaker := startWith(t, peers[:1], quietLog)
	const up, drained = "198.51.100.53/32 path=64511", "198.51.100.53/32 path=64511 communities=[graceful-shutdown]"
	holds(t, routers[0], up)
	if err := speaker.SetPeers(peers[1:], 2*time.Second); err != nil {
		t.Fatal(err)
	}
	if got := held(t, routers[0]); got != up {
		t.Errorf("the old router has %q before the new one is established", got)
	}
	var change *session.Change
	for _, p := range speaker.Peers() {
		if p.Address == peers[0].Address.String() {
			change = p.Change
		}
	}
	if change == nil || change.Phase != session.Waits || !change.Leaving || fmt.Sprint(change.After) != "[127.0.0.201]" {
		t.Errorf("got status %+v", change)
	}
	holds(t, routers[0], drained)
	if got := held(t, routers[1]); got != up {
		t.Errorf("the new router has %q when the old one is drained", got)
	}
	holds(t, routers[0], "")
	eventually(t, "the old peer is removed", func() bool { return len(speaker.Peers()) == 1 })
	if before, after := seen[0].seen(), seen[1].seen(); len(before) != 1 || before[0] != deconfigured || len(after) != 0 {
		t.Errorf("the old router saw %q, the new one %q", before, after)
	}
}

// TestTheListenerForgetsTheKeyOfARemovedPeer: the kernel silently drops unsigned segments. Nothing is
// left behind by that.
func TestTheListenerForgetsTheKeyOfARemovedPeer(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	here, router := netip.MustParseAddr("127.0.0.143"), netip.MustParseAddr("127.0.0.203")
	port := freePort(t, here)
	speaker, err := NewSpeaker(t.Context(), &config.Config{ASN: 64511, RouterID: here, Listen: []netip.AddrPort{netip.AddrPortFrom(here, port)}}, quietLog)
	if err != nil {
		t.Fatal(err)
	}
	defer speaker.Close(5 * time.Second)
	connects := func() bool {
		d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(router, 0)), Timeout: 500 * time.Millisecond}
		conn, err := d.Dial("tcp", netip.AddrPortFrom(here, port).String())
		if err != nil {
			return false
		}
		conn.Close()
		return true
	}
	peer := config.Peer{Address: router, Port: 1, ASN: 64500, Passive: true, LocalAddress: here, HoldTime: 3 * time.Second, Families: []route.Family{route.IPv4}}
	bare, keyed := peer, peer
	keyed.Password = "key"
	absent := peer
	absent.Address = netip.MustParseAddr("127.0.0.204")
	for _, step := range []struct {
		peers    []config.Peer
		connects bool
	}{
		{[]config.Peer{bare}, true}, {[]config.Peer{keyed}, false}, {[]config.Peer{bare}, true},
		{[]config.Peer{keyed}, false}, {[]config.Peer{absent}, true},
	} {
		if err := speaker.SetPeers(step.peers, 0); err != nil {
			t.Fatal(err)
		}
		if got := connects(); got != step.connects {
			t.Errorf("with %+v: got connection %v", step.peers, got)
		}
	}
}

// TestAPeerThatGoBGPLacksCanStillBeChanged: a session that cannot be ended may already be gone.
func TestAPeerThatGoBGPLacksCanStillBeChanged(t *testing.T) {
	routers, _, peers := someRouters(t, 1, "127.0.0.144")
	speaker := startWith(t, peers[:1], quietLog)
	holds(t, routers[0], "198.51.100.53/32 path=64511")
	speaker.mu.Lock()
	err := speaker.server.DeletePeer(context.Background(), &api.DeletePeerRequest{Address: peers[0].Address.String()})
	speaker.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	peers[0].HoldTime = 9 * time.Second
	if err := speaker.SetPeers(peers, 0); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it has the new settings", func() bool {
		hold := uint64(0)
		speaker.eachPeer("", func(p *api.Peer) { hold = p.Timers.State.NegotiatedHoldTime })
		return hold == 9 && held(t, routers[0]) == "198.51.100.53/32 path=64511"
	})
}

// TestAFrozenSpeakerCompletesNoTurn: it drains everything, and a reset would interrupt that.
func TestAFrozenSpeakerCompletesNoTurn(t *testing.T) {
	routers, seen, peers := someRouters(t, 1, "127.0.0.145")
	speaker := startWith(t, peers[:1], quietLog)
	holds(t, routers[0], "198.51.100.53/32 path=64511")
	peers[0].HoldTime = 9 * time.Second
	if err := speaker.SetPeers(peers, time.Second); err != nil {
		t.Fatal(err)
	}
	holds(t, routers[0], "198.51.100.53/32 path=64511 communities=[graceful-shutdown]")
	speaker.Freeze()
	time.Sleep(4 * time.Second)
	if got := seen[0].seen(); len(got) != 0 {
		t.Errorf("a session was reset: %q", got)
	}
}
