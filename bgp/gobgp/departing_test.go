package gobgp

import (
	"fmt"
	"testing"
	"time"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
)

// TestARemovedPeerKeepsItsRoutesUntilItIsDrained replaces a router in the list of a VIP: while the new
// router is not established, the old one has the only path.
func TestARemovedPeerKeepsItsRoutesUntilItIsDrained(t *testing.T) {
	routers, seen, peers := someRouters(t, 2, "127.0.0.171")
	speaker := startWith(t, peers[:1], quietLog)
	to := func(p config.Peer) []route.Route { return []route.Route{{Prefix: vip, To: []string{p.Name()}}} }
	set := func(file []config.Peer, of config.Peer) {
		t.Helper()
		if err := speaker.SetPeers(file, 2*time.Second); err != nil {
			t.Fatal(err)
		}
		if _, err := speaker.Set(to(of)); err != nil {
			t.Fatal(err)
		}
	}
	const up, drained = "198.51.100.53/32 path=64511", "198.51.100.53/32 path=64511 communities=[graceful-shutdown]"
	set(peers[:1], peers[0])
	holds(t, routers[0], up)
	away := peers[1]
	away.Port = 1 // nothing listens there
	set([]config.Peer{away}, away)
	time.Sleep(stays)
	if got := held(t, routers[0]); got != up {
		t.Errorf("the old router has %q before the new one is established", got)
	}
	if got := fmt.Sprint(speaker.Peers()[0].Kept, speaker.Peers()[1].Kept); got != "[198.51.100.53/32] []" {
		t.Errorf("got status %s", got)
	}
	set([]config.Peer{away, peers[0]}, away) // back in the file, but the VIP names the other peer
	holds(t, routers[0], "")
	set([]config.Peer{away, peers[0]}, peers[0])
	holds(t, routers[0], up)
	set(peers[1:], peers[1])
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

// TestAPeerThatNeverStartedIsForgotten: it waited for the session that its router has under another name, and the
// file has that one again.
func TestAPeerThatNeverStartedIsForgotten(t *testing.T) {
	routers, seen, peers := someRouters(t, 1, "127.0.0.172")
	speaker := startWith(t, peers, quietLog)
	holds(t, routers[0], "198.51.100.53/32 path=64511")
	renamed := peers[0]
	renamed.Gateway = route.IPv4
	for _, file := range [][]config.Peer{{renamed}, peers} {
		if err := speaker.SetPeers(file, time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	if got := speaker.Peers(); len(got) != 1 || got[0].Name() != peers[0].Name() {
		t.Errorf("got status %+v", got)
	}
	if got := seen[0].seen(); len(got) != 0 {
		t.Errorf("the session was reset: %q", got)
	}
}
