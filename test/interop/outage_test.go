package interop

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nearcast/nearcast/bgp/session"
)

// refusal is a configuration of the router or the file that prevents a session.
type refusal struct {
	name string
	// config is the site's, and file changes it.
	keys string
	file func(text string) string
	// router changes the router's configuration, by brand.
	router map[string]func(text string) string
	reason map[string]session.Reason // nil where it depends on who notices first
	words  []string
}

func replacing(what, with string) func(string) string {
	return func(text string) string { return strings.ReplaceAll(text, what, with) }
}

func ofBoth(f func(string) string) map[string]func(string) string {
	return map[string]func(string) string{"FRR": f, "BIRD": f}
}

func same(reason session.Reason) map[string]session.Reason {
	return map[string]session.Reason{"FRR": reason, "BIRD": reason}
}

// after adds a line to FRR's neighbor.
func after(line string) func(string) string {
	return replacing("timers connect 2\n", "timers connect 2\n neighbor 192.0.2.11 "+line+"\n")
}

var refusals = []refusal{
	{
		name:   "another AS for this speaker on the router",
		router: map[string]func(string) string{"FRR": replacing("remote-as 64511", "remote-as 64999"), "BIRD": replacing("as 64511", "as 64999")},
		reason: same("received-bad-peer-as"), words: []string{"Bad Peer AS (2/2)", "64511", "on the router"},
	},
	{
		name: "another AS for the router in the file", file: replacing("asn: 64500", "asn: 64501"),
		reason: same("sent-bad-peer-as"), words: []string{"Bad Peer AS (2/2)", "AS 64500", "set asn: 64500", "in the file"},
	},
	{
		name:   "a minimum hold time",
		router: map[string]func(string) string{"FRR": replacing(" bgp bestpath", " bgp minimum-holdtime 20\n bgp bestpath")},
		reason: same("received-unacceptable-hold-time"), words: []string{"Unacceptable Hold Time (2/6)", "raise the peer's holdTime"},
	},
	{
		name:   "no neighbor",
		router: ofBoth(replacing("192.0.2.11", "192.0.2.99")),
		reason: same(session.Rejected), words: []string{"192.0.2.11", "AS 64511"},
	},
	{
		name: "a key on the router only", router: map[string]func(string) string{"FRR": after("password s3cret"), "BIRD": replacing(" direct;", " direct;\n password \"s3cret\";")},
		reason: same(session.WrongKey), words: []string{"TCP MD5", "set the peer's passwordFile"},
	},
	{
		name: "a key in the file only", keys: ", passwordFile: KEY",
		reason: same(session.WrongKey), words: []string{"no password for 192.0.2.11", "on the router"},
	},
	{
		name: "different keys", keys: ", passwordFile: KEY", router: map[string]func(string) string{"FRR": after("password s3cret"), "BIRD": replacing(" direct;", " direct;\n password \"s3cret\";")},
		reason: same(session.WrongKey), words: []string{"differ", "same key at both ends"},
	},
	{
		name: "another port", keys: ", port: 1790",
		reason: same(session.Refused), words: []string{"nothing listens at 192.0.2.1 port 1790"},
	},
	{
		name: "a localAddress that this machine lacks", keys: ", localAddress: 192.0.2.77",
		reason: same(session.NoLocalAddress), words: []string{"192.0.2.77", "in the file"},
	},
	{
		name: "an unused address", file: replacing(`"192.0.2.1"`, `"192.0.2.66"`),
		reason: same(session.NoHost), words: []string{"192.0.2.66", "does not answer on its link"},
	},
	{
		name: "an unreachable address", file: replacing(`"192.0.2.1"`, `"203.0.113.66"`),
		reason: same(session.NoHost), words: []string{"203.0.113.66", "a router on the path"},
	},
	{
		name: "GTSM in the file only", keys: ", gtsm: true",
		reason: same(session.TTL), words: []string{"TTL ", "ttl-security", "on the router too"},
	},
	{
		name: "GTSM on the router only", router: map[string]func(string) string{"FRR": after("ttl-security hops 1"), "BIRD": replacing(" direct;", " direct;\n ttl security on;")},
		words: []string{"GTSM", "gtsm: true"}, // by the hold timer of either end, or before
	},
}

// TestStatusSaysWhyThereIsNoSession tries each cause, and checks that the text, the log and the
// reason say what to change, and that no two causes of one router give the same text.
func TestStatusSaysWhyThereIsNoSession(t *testing.T) {
	for _, b := range brands {
		var mu sync.Mutex
		texts := map[string]string{}
		for _, r := range refusals {
			change := r.router[b.name]
			if r.router != nil && change == nil {
				continue // this router has no such key
			}
			t.Run(b.name+"/"+r.name, func(t *testing.T) {
				t.Parallel()
				if testing.Short() && r.reason[b.name] != "received-bad-peer-as" {
					t.Skip("SKIPPED: -short: one cause only")
				}
				p, problem := r.begin(t, b, change)
				mu.Lock()
				defer mu.Unlock()
				if other := texts[problem]; other != "" {
					t.Errorf("same text as for %s: %s", other, problem)
				}
				texts[problem] = r.name
				t.Logf("%s: %s", b.name, problem)
				if r.reason != nil {
					p.site.speaker.wantLogged(string(r.reason[b.name]))
				}
			})
		}
	}
}

// begin returns when the status says why, and what it says.
func (r refusal) begin(t *testing.T, b brand, change func(string) string) (*peering, string) {
	t.Helper()
	keys := strings.ReplaceAll(r.keys, "KEY", newKey(t, key))
	text := config(1, hold9.keys+keys, vip4)
	if r.file != nil {
		text = r.file(text)
	}
	refusing := b
	refusing.config = func(n ...neighbour) string {
		if change == nil {
			return b.config(n...)
		}
		changed := change(b.config(n...))
		if changed == b.config(n...) {
			t.Fatalf("%s has its usual configuration: the case tests nothing", b.name)
		}
		return changed
	}
	p := newPeering(t, refusing, one(), text)
	var problem string
	eventually(t, "the status says why", 2*slack, func() error {
		st, err := p.site.speaker.glance()
		if err != nil {
			return err
		}
		problem = st.Peers[0].Problem
		if got := st.Peers[0].Reason; r.reason != nil && got != r.reason[b.name] {
			return fmt.Errorf("got reason %q, want %q: %s", got, r.reason[b.name], problem)
		}
		for _, word := range r.words {
			if !strings.Contains(problem, word) {
				return fmt.Errorf("%q lacks %q", problem, word)
			}
		}
		return nil
	})
	return p, problem
}

// wantLogged waits until the log has the reason, and checks that it has it once.
func (s *speaker) wantLogged(reason string) {
	s.node.t.Helper()
	eventually(s.node.t, "the log says why", slack, func() error {
		raw, err := os.ReadFile(s.Log)
		if n := strings.Count(string(raw), " reason="+reason+" "); err == nil && n != 1 {
			err = fmt.Errorf("the log has it %d times, want 1", n)
		}
		return err
	})
}

// TestANotificationIsRememberedWhileTheRouterIsSilent has the operator of a router shut a session down, with
// a message; after that, routers close each connection. When the shutdown ends, the speaker connects immediately.
func TestANotificationIsRememberedWhileTheRouterIsSilent(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short: it waits for connection attempts")
	}
	p := newPeering(t, brands[0], one(), config(1, hold9.keys, vip4))
	p.wantSession()
	p.configure("router bgp 64500\n neighbor 192.0.2.11 shutdown message maintenance CHG1234\n")
	var st session.Status
	eventually(t, "the status has the operator's message", slack, func() (err error) {
		if st, err = p.site.speaker.peer(routerID); err == nil && (!strings.Contains(st.Problem, `"maintenance CHG1234"`) || !strings.Contains(st.Problem, "since then it closes")) {
			err = fmt.Errorf("%s: %q", st.Reason, st.Problem)
		}
		return err
	})
	if st.Reason != "received-administrative-shutdown" || st.Outage == nil || st.Outage.Since.IsZero() || !strings.Contains(st.Outage.Received, "Administrative Shutdown (6/2)") {
		t.Errorf("%+v, %+v", st, st.Outage)
	}
	start := time.Now()
	p.configure("router bgp 64500\n no neighbor 192.0.2.11 shutdown\n")
	p.wantSession()
	t.Logf("the session was back after %s", time.Since(start).Round(time.Millisecond))
}

// TestARouterThatIsBackIsRetriedImmediately stops the router's program for longer than the first waits.
func TestARouterThatIsBackIsRetriedImmediately(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short: the router is down for a long time")
	}
	for _, b := range brands {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			p := newPeering(t, b, one(), config(1, hold9.keys, vip4))
			p.wantSession()
			p.stop()
			time.Sleep(40 * time.Second)
			p.start()
			start := time.Now()
			p.wantSession()
			if took := time.Since(start); took > 12*time.Second {
				t.Errorf("the session was back after %s", took)
			} else {
				t.Logf("the session was back after %s", took.Round(time.Millisecond))
			}
		})
	}
}
