package gobgp

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/session"
)

// refuser is a router that treats each connection in the same way, on loopback.
type refuser struct {
	listener net.Listener
	accepted chan time.Time
}

func newRefuser(t *testing.T, addr string, serve func(net.Conn) error) *refuser {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(addr, "0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	r := &refuser{l, make(chan time.Time, 1000)}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			r.accepted <- time.Now()
			go func() {
				defer conn.Close()
				_ = serve(conn) // the speaker may be gone
			}()
		}
	}()
	return r
}

func (r *refuser) peer() config.Peer {
	at := netip.MustParseAddrPort(r.listener.Addr().String())
	return config.Peer{Address: at.Addr(), Port: at.Port(), ASN: 64500}
}

// say reads the speaker's OPEN and writes messages.
func say(messages ...*gobgp.BGPMessage) func(net.Conn) error {
	return func(conn net.Conn) error {
		if _, err := io.ReadAtLeast(conn, make([]byte, 4096), 29); err != nil {
			return err
		}
		for _, m := range messages {
			raw, err := m.Serialize()
			if err == nil {
				_, err = conn.Write(raw)
			}
			if err != nil {
				return err
			}
		}
		_, err := io.Copy(io.Discard, conn)
		return err
	}
}

func openOf(t *testing.T, asn uint16, id string) *gobgp.BGPMessage {
	t.Helper()
	m, err := gobgp.NewBGPOpenMessage(asn, 9, netip.MustParseAddr(id), nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestGoBGPReportsTheOutcomeOfConnections checks what notes reads in GoBGP's log and events, which
// another version may write differently; reading what a router sends needs CAP_NET_RAW.
func TestGoBGPReportsTheOutcomeOfConnections(t *testing.T) {
	shutdown := gobgp.NewBGPNotificationMessage(6, 2, append([]byte{7}, "CHG1234"...))
	for name, c := range map[string]struct {
		serve  func(net.Conn) error
		reason session.Reason
		word   string
	}{
		"closes":                  {func(net.Conn) error { return nil }, session.Rejected, "neighbor 127.0.0.1 is not configured"},
		"NOTIFICATION, no OPEN":   {say(shutdown), "received-administrative-shutdown", `"CHG1234"`},
		"OPEN, then NOTIFICATION": {say(openOf(t, 64500, "10.0.0.1"), gobgp.NewBGPNotificationMessage(2, 6, nil)), "received-unacceptable-hold-time", "holdTime"},
		"another AS":              {say(openOf(t, 64999, "10.0.0.1")), "sent-bad-peer-as", "AS 64999"},
		"no neighbor after all":   {say(openOf(t, 64500, "10.0.0.1"), gobgp.NewBGPKeepAliveMessage(), gobgp.NewBGPNotificationMessage(6, 3, nil)), "received-peer-de-configured", "configure it there again"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRefuser(t, "127.0.0.99", c.serve)
			s := newSpeaker(t, netip.MustParseAddr("127.0.0.1"), r.peer())
			defer s.Close(5 * time.Second)
			wantProblem(t, s, c.reason, c.word)
		})
	}
	t.Run("nothing listens", func(t *testing.T) {
		t.Parallel()
		addr := netip.MustParseAddr("127.0.0.98")
		s := newSpeaker(t, netip.MustParseAddr("127.0.0.1"), config.Peer{Address: addr, Port: freePort(t, addr), ASN: 64500})
		defer s.Close(5 * time.Second)
		wantProblem(t, s, session.Refused, "nothing listens at 127.0.0.98")
	})
}

// TestARefusalIsOverheardOverIPv6 is separate, because raw sockets of IPv6 give no header.
func TestARefusalIsOverheardOverIPv6(t *testing.T) {
	t.Parallel()
	r := newRefuser(t, "::1", say(openOf(t, 64500, "10.0.0.1"), gobgp.NewBGPNotificationMessage(2, 2, nil)))
	s, err := NewSpeaker(t.Context(), &config.Config{ASN: 64511, RouterID: netip.MustParseAddr("127.0.0.1")}, quietLog)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(5 * time.Second)
	peer := r.peer()
	peer.HoldTime, peer.Families = 3*time.Second, []route.Family{route.IPv6}
	if err := s.SetPeers([]config.Peer{peer}, 0); err != nil {
		t.Fatal(err)
	}
	wantProblem(t, s, "received-bad-peer-as", "neighbor ::1 remote-as 64511")
}

// wantProblem waits until the status of the one peer says so.
func wantProblem(t *testing.T, s *Speaker, reason session.Reason, word string) {
	t.Helper()
	var p session.Status
	for range 1000 {
		p = s.Peers()[0]
		if p.Reason == reason && strings.Contains(p.Problem, word) {
			if p.Outage == nil || p.Outage.Since.IsZero() {
				t.Errorf("got outage %+v", p.Outage)
			}
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("got reason %q, problem %q, outage %+v; want %q with %q", p.Reason, p.Problem, p.Outage, reason, word)
}

// TestARouterThatRejectsIsRetriedEverMoreRarely counts connections, and then changes the
// peer: the speaker then connects immediately.
func TestARouterThatRejectsIsRetriedEverMoreRarely(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short: it waits for attempts that are seconds apart")
	}
	t.Parallel()
	r := newRefuser(t, "127.0.0.97", func(net.Conn) error { return errors.New("no") })
	peer := r.peer()
	s := newSpeaker(t, netip.MustParseAddr("127.0.0.1"), peer)
	defer s.Close(5 * time.Second)
	var last time.Time
	var pauses []time.Duration
	for range 4 {
		at := <-r.accepted
		if !last.IsZero() {
			pauses = append(pauses, at.Sub(last))
		}
		last = at
	}
	if pauses[2] < pauses[0]+2*time.Second { // 8 s and 2 s, a quarter more or less
		t.Errorf("got attempts %v apart, want increasing waits", pauses)
	}
	peer.LocalAddress, peer.HoldTime, peer.Families = netip.MustParseAddr("127.0.0.1"), 30*time.Second, []route.Family{route.IPv4}
	if err := s.SetPeers([]config.Peer{peer}, 0); err != nil {
		t.Fatal(err)
	}
	changed := time.Now()
	if at := <-r.accepted; at.Sub(changed) > 8*time.Second {
		t.Errorf("the changed peer was tried only after %s", at.Sub(changed))
	}
}
