package command

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nearcast/nearcast/bgp"
	"github.com/nearcast/nearcast/bgp/cluster"
	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/session"
	"github.com/nearcast/nearcast/bgp/vip"
	"github.com/nearcast/nearcast/internal/base/admin"
	"github.com/nearcast/nearcast/internal/base/admin/hint"
	"github.com/nearcast/nearcast/internal/base/seconds"
)

// aStatus returns a status with a VIP in each state that operators ask about.
func aStatus() bgp.Status {
	number := func(n uint32) *uint32 { return &n }
	// Long enough that a slow machine does not change the output.
	ago, ahead := time.Now().Add(-49*time.Hour-30*time.Minute), time.Now().Add(49*time.Hour+30*time.Minute)
	return bgp.Status{
		ASN: 64512, RouterID: "192.0.2.11",
		Peers: []session.Status{
			{Address: "192.0.2.1", ASN: 64500, State: "established", Uptime: seconds.Duration(26 * time.Hour), Families: []string{"ipv4"}, BFD: "up"},
			{Address: "192.0.2.2", ASN: 64512, State: "established", Uptime: seconds.Duration(time.Minute), Families: []string{"ipv4", "ipv6"}},
			{Interface: "eth0", ASN: 64501, State: "idle", Problem: "no neighbor discovered on eth0 yet"},
			{
				Address: "192.0.2.3", ASN: 64503, State: "idle", Problem: "connection refused: nothing listens there", Reason: session.Refused,
				Outage: &session.Outage{Since: ago, Attempts: 7, NextTry: ahead},
			},
		},
		VIPs: []vip.Status{
			{
				Address: "198.51.100.53", State: vip.Draining, Reason: vip.Reason{Code: vip.Drained, Text: "every VIP is drained: upgrade"},
				Since: ago, Until: ahead, Announced: true, Bound: true, Flaps: 2,
				Attributes: &route.Attributes{Prepend: 6, MED: number(200), LocalPreference: number(0), Communities: route.Communities{Standard: []uint32{route.GracefulShutdown}}},
				Checks:     []vip.CheckStatus{{Name: "tcp 127.0.0.1:53", Scope: vip.Local, State: "passing", Last: ago, InARow: 7}},
			},
			{
				Address: "2001:db8:53::53", State: vip.Up, Reason: vip.Reason{Code: vip.Passing, Text: "all checks pass"}, Since: ago,
				Announced: true, Owners: []string{"media/dash"}, Attributes: &route.Attributes{
					Communities: route.Communities{Extended: []route.ExtendedCommunity{{0, 2, 0xfb, 0xf4, 7: 100}}}, LinkBandwidth: 2_500_000_000,
				},
			},
			{
				Address: "198.51.100.54", State: vip.Down, Reason: vip.Reason{Code: vip.CheckFailed, Text: "tcp 127.0.0.1:9: connection refused"}, Since: ago,
				Checks: []vip.CheckStatus{{Name: "tcp 127.0.0.1:9", Scope: vip.Local, State: "failing", Failure: "connection refused", Last: ago, InARow: 3}},
			},
		},
		Drains:        []vip.Drain{{Reason: "upgrade"}, {VIP: netip.MustParseAddr("198.51.100.54"), Reason: "disk"}},
		Refused:       []cluster.Refusal{{Service: vip.ServiceRef{Namespace: "iot", Name: "hub"}, Address: "198.51.100.9", Reason: "is in no pool"}},
		DrainsUnsaved: "/var/lib/nearcast/bgp-drains.json cannot be written: no space left on device",
		IgnoredHints:  []hint.Hint{{VIP: netip.MustParseAddr("198.51.100.53"), Namespace: "media", Reason: "media/x is evicted from here"}},
		Fault:         "speaker.yaml: line 3: asn: is required",
	}
}

// ask runs the command against a speaker that always has the status, and returns the
// output and the request that the speaker received.
func ask(t *testing.T, st any, args ...string) (text, asked string, err error) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	server, err := admin.Listen(socket, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.Method + " " + r.URL.Path
		for _, key := range []string{"vip", "reason"} {
			if v := r.FormValue(key); v != "" {
				asked += " " + key + "=" + v
			}
		}
		if until, err := time.Parse(time.RFC3339, r.FormValue("until")); err == nil {
			asked += " for " + time.Until(until).Round(time.Minute).String()
		}
		admin.Reply(w, st, http.StatusOK, nil)
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	var out strings.Builder
	c := root()
	c.SilenceErrors, c.SilenceUsage = true, true
	c.SetOut(&out)
	c.SetArgs(append(append([]string{"bgp"}, args...), "--admin", socket))
	err = c.ExecuteContext(t.Context())
	return out.String(), asked, err
}

func TestBGPText(t *testing.T) {
	tests := []struct {
		args  []string
		asked string
		want  []string // words of lines, in order
	}{
		{[]string{"status"}, "GET /status", []string{
			"AS 64512, router ID 192.0.2.11",
			"PEER AS STATE UP FAMILIES BFD PROBLEM",
			"192.0.2.1 64500 established 1d2h ipv4 up -",
			"eth0 64501 idle - - - no neighbor discovered on eth0 yet",
			"192.0.2.3 64503 idle - - - connection refused: nothing listens there (down for 2d1h, 7 attempts failed, next in 2d1h)",
			"VIP STATE ANNOUNCED SINCE REASON",
			"198.51.100.53 draining to 2 of 4 2d1h ago every VIP is drained: upgrade",
			"2001:db8:53::53 up to 1 of 4 2d1h ago all checks pass",
			"198.51.100.54 down no 2d1h ago tcp 127.0.0.1:9: connection refused",
			"every VIP is drained: upgrade",
			"198.51.100.54 is drained: disk",
			"warning: this is kept in memory only, until the speaker exits: /var/lib/nearcast/bgp-drains.json cannot be written: no space left on device; it is saved as soon as that is possible",
			"refused: Service iot/hub: 198.51.100.9: is in no pool",
			"ignored: the resolver's hint for 198.51.100.53, which is not a VIP of namespace media: media/x is evicted from here",
			"the configuration was read but is not in force:",
			"speaker.yaml: line 3: asn: is required",
		}},
		{[]string{"explain", "198.51.100.53"}, "GET /status", []string{
			"198.51.100.53 is draining and announced to 2 of 4 peers: every VIP is drained: upgrade",
			"bound to this machine",
			"flaps 2 failures of local checks and 0 of upstream checks count against the budget, separately",
			"drain every VIP is drained: upgrade",
			"192.0.2.1 64500 yes, with AS prepended 6 times, MED 200, communities graceful-shutdown",
			"192.0.2.2 64512 yes, with MED 200, local preference 0, communities graceful-shutdown",
			"eth0 64501 no: the session is idle: no neighbor discovered on eth0 yet",
			"192.0.2.3 64503 no: the session is idle: connection refused: nothing listens there (down for 2d1h, 7 attempts failed, next in 2d1h)",
			"CHECK SCOPE STATE IN A ROW LAST FAILURE",
			"tcp 127.0.0.1:53 local passing 7 2d1h ago -",
		}},
		{[]string{"explain", "2001:DB8:53:0::53"}, "GET /status", []string{
			"2001:db8:53::53 is up and announced to 1 of 4 peers: all checks pass",
			"of Service media/dash",
			"192.0.2.1 64500 no: the session does not carry ipv6",
			"192.0.2.2 64512 yes, with communities rt:64500:100, link bandwidth 2500M",
		}},
		{[]string{"explain", "198.51.100.54"}, "GET /status", []string{
			"198.51.100.54 is down and not announced: tcp 127.0.0.1:9: connection refused",
			"drain 198.51.100.54 is drained: disk",
			"192.0.2.1 64500 no: it is not announced",
			"tcp 127.0.0.1:9 local failing 3 2d1h ago connection refused",
		}},
		{[]string{"drain", "198.51.100.53", "--for", "2h", "--reason", "upgrade"}, "PUT /drains vip=198.51.100.53 reason=upgrade for 2h0m0s", []string{
			"every VIP is drained: upgrade",
			"198.51.100.53 is draining: announced with AS prepended 6 times, MED 200, communities graceful-shutdown for another 2d1h",
			"warning: this is kept in memory only, until the speaker exits: /var/lib/nearcast/bgp-drains.json cannot be written: no space left on device; it is saved as soon as that is possible",
		}},
		{[]string{"drain"}, "PUT /drains", nil},
		{[]string{"undrain", "198.51.100.53"}, "DELETE /drains vip=198.51.100.53", nil},
		{[]string{"undrain"}, "DELETE /drains", nil},
	}
	for _, test := range tests {
		text, asked, err := ask(t, aStatus(), test.args...)
		if err != nil || asked != test.asked {
			t.Errorf("%v: %v, requested %q, want %q", test.args, err, asked, test.asked)
		}
		wantLines(t, text, test.want)
	}
}

// wantLines expects lines with these words, in order.
func wantLines(t *testing.T, text string, want []string) {
	t.Helper()
	rest := want
	for line := range strings.Lines(text) {
		if len(rest) > 0 && strings.Join(strings.Fields(line), " ") == rest[0] {
			rest = rest[1:]
		}
	}
	if len(rest) > 0 {
		t.Errorf("%q is missing after %q:\n%s", rest[0], want[:len(want)-len(rest)], text)
	}
}

func TestBGPJSON(t *testing.T) {
	for _, args := range [][]string{{"status"}, {"drain"}, {"undrain"}, {"explain", "198.51.100.53"}} {
		text, _, err := ask(t, aStatus(), append(args, "-o", "json")...)
		var out struct {
			Peers []session.Status // from a status
			State vip.State        // from an explanation
		}
		if err != nil || json.Unmarshal([]byte(text), &out) != nil || len(out.Peers) == 0 && out.State != vip.Draining {
			t.Errorf("%v: %v\n%s", args, err, text)
		}
	}
}

func TestBGPErrors(t *testing.T) {
	tests := []struct {
		st   any
		args []string
		want string
	}{
		{aStatus(), []string{"explain", "198.51.100.9"}, "198.51.100.9 is not a VIP of this speaker (VIPs: 198.51.100.53, 2001:db8:53::53, 198.51.100.54); refused: Service iot/hub: 198.51.100.9: is in no pool"},
		{map[string]string{"site": "de"}, []string{"status"}, "is not a nearcast speaker's socket"},
	}
	for _, test := range tests {
		if _, _, err := ask(t, test.st, test.args...); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: got %v, want %q", test.args, err, test.want)
		}
	}
}

// TestNothingIsDoneIfTheOutputFormatIsUnknown holds the order: a drain whose result cannot
// be printed would let people believe that there is none.
func TestNothingIsDoneIfTheOutputFormatIsUnknown(t *testing.T) {
	if _, asked, err := ask(t, aStatus(), "drain", "-o", "yaml"); err == nil || asked != "" {
		t.Errorf("got %v, requested %q", err, asked)
	}
}

// TestTheGroupOfAPeerIsShown holds that a table has a column for groups if any peer has one.
func TestTheGroupOfAPeerIsShown(t *testing.T) {
	st := aStatus()
	st.Peers[0].Group = "tor"
	for _, test := range []struct {
		args []string
		want []string
	}{
		{[]string{"status"}, []string{"PEER GROUP AS STATE UP FAMILIES BFD PROBLEM", "192.0.2.1 tor 64500 established 1d2h ipv4 up -", "eth0 - 64501 idle - - - no neighbor discovered on eth0 yet"}},
		{[]string{"explain", "198.51.100.53"}, []string{"PEER GROUP AS SENT", "192.0.2.1 tor 64500 yes, with AS prepended 6 times, MED 200, communities graceful-shutdown"}},
	} {
		text, _, err := ask(t, st, test.args...)
		if err != nil {
			t.Error(err)
		}
		wantLines(t, text, test.want)
	}
}

// TestSessionsThatChangeToTheFilesSettingsShowHow checks the status, and the explanation of the VIP with what
// each router is sent.
func TestSessionsThatChangeToTheFilesSettingsShowHow(t *testing.T) {
	st := aStatus()
	soon := time.Now().Add(49*time.Hour + 30*time.Minute)
	st.VIPs = st.VIPs[1:2]
	st.VIPs[0].Address, st.VIPs[0].Attributes = "198.51.100.53", &route.Attributes{}
	st.Peers = st.Peers[:2]
	st.Peers[1].Families = []string{"ipv4"}
	st.Peers[0].Change = &session.Change{Phase: session.Waits, After: []string{"192.0.2.2"}, Text: "changes after 192.0.2.2, whose session is being changed"}
	st.Peers[1].Change = &session.Change{Phase: session.Drains, Until: soon, Text: "draining; will be reset with the file's settings"}
	st.Peers[1].Leaving = true
	lost := st.Peers[0]
	lost.Address, lost.State, lost.Problem = "192.0.2.3", "idle", "connection refused"
	lost.Change = &session.Change{Phase: session.Overdue, Text: "was reset with new settings and is not established again; other sessions no longer wait for it"}
	st.Peers = append(st.Peers, lost)
	for command, want := range map[string][]string{
		"status": {
			"192.0.2.1 64500 established 1d2h ipv4 up changes after 192.0.2.2, whose session is being changed",
			"192.0.2.2 64512 established 1m0s ipv4 - draining; will be reset with the file's settings (in at most 2d1h)",
			"connection refused; was reset with new settings and is not established again; other sessions no longer wait for it",
		},
		"explain 198.51.100.53": {
			"192.0.2.1 64500 yes; the session: changes after 192.0.2.2, whose session is being changed",
			"192.0.2.2 64512 yes, with local preference 1, communities graceful-shutdown; the session: draining; will be reset with the file's settings (in at most 2d1h)",
			"192.0.2.3 64500 no: the session is idle: connection refused; the session: was reset with new settings and is not established again; other sessions no longer wait for it",
		},
	} {
		text, _, err := ask(t, st, strings.Fields(command)...)
		if err != nil {
			t.Fatal(err)
		}
		text = strings.Join(strings.Fields(text), " ")
		for _, line := range want {
			if !strings.Contains(text, line) {
				t.Errorf("%s: no %q in\n%s", command, line, text)
			}
		}
	}
}
