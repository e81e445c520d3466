package outage

import (
	"errors"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/session"
)

func subject(change func(*Subject)) Subject {
	s := Subject{
		Peer: &config.Peer{Address: netip.MustParseAddr("192.0.2.1"), ASN: 64500, Port: 179, HoldTime: 9 * time.Second, Families: []route.Family{route.IPv4}},
		Addr: netip.MustParseAddr("192.0.2.1"), ASN: 64512, RouterID: netip.MustParseAddr("192.0.2.11"), Local: netip.MustParseAddr("192.0.2.11"), OnLink: true,
	}
	if change != nil {
		change(&s)
	}
	return s
}

func received(code, subcode uint8, data ...byte) Attempt {
	return Attempt{Received: &Notification{code, subcode, data}}
}

func signed(s Signature) *Signature { return &s }

// TestEachCauseSaysWhatToChangeAndWhere also checks that no two causes give the same text.
func TestEachCauseSaysWhatToChangeAndWhere(t *testing.T) {
	keyed := func(s *Subject) { s.Peer.PasswordFile = "/etc/nearcast/bgp.key" }
	timedOut := os.ErrDeadlineExceeded
	texts := map[string]string{}
	for _, test := range []struct {
		name    string
		change  func(*Subject)
		attempt Attempt
		reason  session.Reason
		words   []string
	}{
		{"AS on the router", nil, received(2, 2), "received-bad-peer-as", []string{"OPEN Message Error/Bad Peer AS (2/2)", "64512", "on the router", "192.0.2.11"}},
		{"AS in the file", nil, Attempt{Sent: &Notification{Code: 2, Subcode: 2}, Open: &Open{ASN: 64999}}, "sent-bad-peer-as", []string{"AS 64999", "set asn: 64999", "in the file"}},
		{"AS in the file, no OPEN seen", nil, Attempt{Sent: &Notification{Code: 2, Subcode: 2}}, "sent-bad-peer-as", []string{"an AS other than 64500", "in the file"}},
		{"hold time", nil, received(2, 6), "received-unacceptable-hold-time", []string{"9s", "holdTime", "minimum-holdtime"}},
		{"router ID", nil, received(2, 3), "received-bad-bgp-identifier", []string{"192.0.2.11", "routerID"}},
		{"same router ID at both ends", nil, Attempt{Received: &Notification{Code: 2, Subcode: 3}, Open: &Open{RouterID: netip.MustParseAddr("192.0.2.11")}}, "received-bad-bgp-identifier", []string{"both ends have router ID 192.0.2.11"}},
		{"family", nil, received(2, 7, 1, 4, 0, 1, 0, 1), "received-unsupported-capability", []string{"ipv4 is not activated", "activate", "families"}},
		{"another family", nil, received(2, 7, 1, 4, 0, 2, 0, 1), "received-unsupported-capability", []string{"requires ipv6", "[ipv4]"}},
		{"role", nil, received(2, 11), "received-role-mismatch", []string{"RFC 9234", "on the router"}},
		{"shutdown", nil, received(6, 2, append([]byte{7}, "CHG1234"...)...), "received-administrative-shutdown", []string{`Cease/Administrative Shutdown (6/2) "CHG1234"`, "no neighbor 192.0.2.11 shutdown"}},
		{"shutdown in a hard reset", nil, received(6, 9, append([]byte{6, 2, 3}, "bye"...)...), "received-hard-reset", []string{`Administrative Shutdown (6/2) "bye"`, "shut down by its operator"}},
		{"prefixes", nil, received(6, 1, 0, 1, 1, 0, 0, 0, 5), "received-maximum-number-of-prefixes-reached", []string{"limit of 5 for ipv4", "maximum-prefix"}},
		{"removed", nil, received(6, 3), "received-peer-de-configured", []string{"removed on the router", "remote-as 64512"}},
		{"rejected by name", nil, received(6, 5), "received-connection-rejected", []string{"localAddress"}},
		{"BFD", nil, received(6, 10), "received-bfd-down", []string{"UDP 3784"}},
		{"our hold timer", nil, Attempt{Established: true, Sent: &Notification{Code: 4}}, "sent-hold-timer-expired", []string{"nothing was received from the router for 9s"}},
		{"its hold timer", nil, received(4, 0), "received-hold-timer-expired", []string{"Hold Timer Expired (4/0)", "received nothing from this speaker"}},
		{"unassigned code", nil, received(99, 7), "received-unknown", []string{"Unknown (99/7)"}},
		{"unread", nil, Attempt{Unread: true}, session.Unread, []string{"CAP_NET_RAW"}},
		{"refused", nil, Attempt{Connect: syscall.ECONNREFUSED}, session.Refused, []string{"nothing listens at 192.0.2.1 port 179", "on the router"}},
		{"host on the link", nil, Attempt{Connect: syscall.EHOSTUNREACH}, session.NoHost, []string{"does not answer on its link", "VLAN"}},
		{"host beyond the link", func(s *Subject) { s.OnLink = false }, Attempt{Connect: syscall.EHOSTUNREACH}, session.NoHost, []string{"multihop"}},
		{"route", nil, Attempt{Connect: syscall.ENETUNREACH}, session.NoRoute, []string{"no route to 192.0.2.1"}},
		{"local address", func(s *Subject) { s.Peer.LocalAddress = netip.MustParseAddr("192.0.2.77") }, Attempt{Connect: syscall.EADDRNOTAVAIL}, session.NoLocalAddress, []string{"localAddress 192.0.2.77"}},
		{"filter", nil, Attempt{Connect: syscall.EPERM}, session.Filtered, []string{"this machine's packet filter"}},
		{"timeout", nil, Attempt{Connect: timedOut}, session.TimedOut, []string{"packet filter", "passwordFile"}},
		{"timeout with a key", keyed, Attempt{Connect: timedOut}, session.TimedOut, []string{"passwordFile may differ"}},
		{"key on the router only", nil, Attempt{Connect: timedOut, Called: signed(MD5)}, session.WrongKey, []string{"the file has none", "set the peer's passwordFile"}},
		{"key in the file only", keyed, Attempt{Connect: timedOut, Called: signed(Unsigned)}, session.WrongKey, []string{"the router has no password for 192.0.2.11"}},
		{"different keys", keyed, Attempt{Connect: timedOut, Answered: signed(MD5)}, session.WrongKey, []string{"differ", "same key at both ends"}},
		{"TCP-AO", nil, Attempt{Connect: timedOut, Called: signed(AO)}, session.WrongKey, []string{"TCP-AO (RFC 5925)"}},
		{"GTSM only here", func(s *Subject) { s.Peer.GTSM = true }, Attempt{Connect: timedOut, Answered: signed(Unsigned), TTL: 1}, session.TTL, []string{"TTL 1", "on the router too"}},
		{"GTSM only here, packets overheard", func(s *Subject) { s.Peer.GTSM = true }, Attempt{Silent: true, Open: &Open{}, TTL: 64}, session.TTL, []string{"TTL 64", "on the router too"}},
		{"nothing after the OPEN", func(s *Subject) { s.Peer.Multihop = 3 }, Attempt{Silent: true, Open: &Open{}}, session.Silent, []string{"no KEEPALIVE"}},
		{"no route on the path", func(s *Subject) { s.Routed, s.OnLink = true, false }, Attempt{Connect: syscall.ENETUNREACH}, session.NoHost, []string{"a router on the path", "multihop"}},
		{"GTSM only here, connected", func(s *Subject) { s.Peer.GTSM = true }, Attempt{Silent: true}, session.Silent, []string{"gtsm", "on the router too"}},
		{"GTSM only on the router", nil, Attempt{Silent: true}, session.Silent, []string{"gtsm: true in the file"}},
		{"no neighbor", nil, Attempt{Closed: true}, session.Rejected, []string{"neighbor 192.0.2.11 is not configured", "remote-as 64512"}},
		{"closed later", nil, Attempt{Closed: true, Open: &Open{}}, session.Closed, []string{"after its OPEN"}},
		{"killed", nil, Attempt{Closed: true, Established: true}, session.Closed, []string{"killed or restarted"}},
		{"own address", func(s *Subject) { s.Own = true }, Attempt{Connect: syscall.ECONNREFUSED}, session.OwnAddress, []string{"address of this machine"}},
		{"another error", nil, Attempt{Connect: errors.New("no such device")}, session.Unconnected, []string{"no such device"}},
	} {
		v := Explain(subject(test.change), test.attempt)
		if v.Reason != test.reason {
			t.Errorf("%s: got reason %q, want %q", test.name, v.Reason, test.reason)
		}
		for _, word := range test.words {
			if !strings.Contains(v.Text, word) {
				t.Errorf("%s: got text %q, want it to contain %q", test.name, v.Text, word)
			}
		}
		if other := texts[v.Text]; other != "" {
			t.Errorf("%s and %s have the same text: %s", test.name, other, v.Text)
		}
		texts[v.Text] = test.name
	}
}

// TestTheFirstNotificationIsKeptWhileTheRouterOnlyClosesConnections covers routers that, after a limit or a
// shutdown, close each connection.
func TestTheFirstNotificationIsKeptWhileTheRouterOnlyClosesConnections(t *testing.T) {
	s := subject(nil)
	first := Explain(s, received(6, 1, 0, 1, 1, 0, 0, 0, 5))
	v := Since(Explain(s, Attempt{Closed: true}), first)
	if v.Reason != first.Reason || v.Received != first.Received || !strings.Contains(v.Text, "since then it closes each connection") {
		t.Errorf("%+v", v)
	}
	v = Since(Explain(s, Attempt{Connect: syscall.ECONNREFUSED}), first)
	if v.Reason != session.Refused || !strings.Contains(v.Text, "the router had sent NOTIFICATION Cease/Maximum") {
		t.Errorf("%+v", v)
	}
}

func TestAShutdownMessageCannotWriteToTheTerminal(t *testing.T) {
	for _, data := range [][]byte{
		append([]byte{5}, "\x1b[2J\n"...), append([]byte{200}, "short"...), {3, 0xff, 0xfe, 0xfd}, {0}, nil,
	} {
		text := (&Notification{6, 2, data}).String()
		if strings.ContainsAny(text, "\x1b\n") || !utf8.ValidString(text) || !strings.HasPrefix(text, "Cease/Administrative Shutdown (6/2)") {
			t.Errorf("data %q: got text %q, want no control characters", data, text)
		}
	}
}

func TestWaitsGrowToTheirMaximumAndVary(t *testing.T) {
	for pace, want := range map[Pace][]time.Duration{
		Patient: {2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 30 * time.Second, 30 * time.Second},
		Away:    {2 * time.Second, 4 * time.Second, 5 * time.Second, 5 * time.Second},
		Slow:    {8 * time.Second, 16 * time.Second, 30 * time.Second},
	} {
		for i, w := range want {
			seen := map[time.Duration]bool{}
			for range 50 {
				got := Wait(i+1, pace)
				seen[got] = true
				if got < w*3/4 || got > w*5/4 {
					t.Errorf("pace %d: wait after %d failures: got %s, want %s within a quarter", pace, i+1, got, w)
				}
			}
			if len(seen) < 40 {
				t.Errorf("pace %d: got %d different waits of 50, want at least 40", pace, len(seen))
			}
		}
	}
	if got := Wait(1<<40, Patient); got <= 0 || got > 40*time.Second {
		t.Errorf("after very many failures: got a wait of %s, want at most 40s", got)
	}
}

func TestAnOutageIsLoggedOncePerReasonAndThenWithBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Reminders
		var at []time.Duration
		start := time.Now()
		for time.Since(start) < 4*time.Hour {
			reason := "refused"
			if time.Since(start) > 10*time.Second && time.Since(start) < 20*time.Second {
				reason = "timeout"
			}
			if r.Due(reason, time.Now()) {
				at = append(at, time.Since(start).Round(time.Second))
			}
			time.Sleep(time.Second)
		}
		if len(at) < 8 || len(at) > 12 || at[0] != 0 || at[1] != 11*time.Second {
			t.Errorf("logged at %v, want 0s, 11s and 6 to 10 reminders", at)
		}
	})
}
