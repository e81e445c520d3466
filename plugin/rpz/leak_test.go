package rpz

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// protective are the settings with which blocked names are not looked up.
const protective = "recursive-only no\nqname-wait-recurse no\nbreak-dnssec yes"

// TestABlockedNameIsNotLookedUp counts the queries that the upstream servers see: none of
// a tunnel, with or without DO, with or without RD, whatever the rule does.
func TestABlockedNameIsNotLookedUp(t *testing.T) {
	for settings, leaks := range map[string]bool{protective: false, "qname-wait-recurse no\nbreak-dnssec yes": true, "recursive-only no\nqname-wait-recurse no": true, "": true} {
		dir := t.TempDir()
		fixture.Write(t, filepath.Join(dir, "rpz1"), withSOA("*.tunnel.test CNAME .\n*.none.test CNAME *.\n*.local.test A 203.0.113.1\n*.drop.test CNAME rpz-drop.\n"))
		var seen atomic.Int64
		packets, listener := fixture.BothProtocols(t)
		handler := dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
			if r.Question[0].Name != "warm-up.invalid." {
				seen.Add(1)
			}
			_ = w.WriteMsg(new(dns.Msg).SetReply(r)) // the client tries again
		})
		for _, s := range []*dns.Server{{PacketConn: packets, Handler: handler}, {Listener: listener, Handler: handler}} {
			go func() { _ = s.ActivateAndServe() }()
			t.Cleanup(func() { _ = s.Shutdown() })
		}
		s := serve(t, strings.NewReplacer("BODY", "zone rpz1 {\nfile "+dir+"/rpz1\n}\n"+settings, "file DIR/truth test", "forward . "+packets.LocalAddr().String()).Replace(block))
		for _, name := range []string{"c2vjcmv0.tunnel.test.", "c2vjcmv0.none.test.", "c2vjcmv0.local.test."} {
			for flags := range 4 {
				m := question(name, dns.TypeTXT)
				m.SetEdns0(1232, flags&1 != 0)
				m.RecursionDesired = flags&2 != 0
				s.exchange(m, "udp")
			}
		}
		if !leaks {
			_, _ = s.try(question("c2vjcmv0.drop.test.", dns.TypeA), "udp") // it is dropped
		}
		if n := seen.Load(); (n > 0) != leaks {
			t.Errorf("with %q the upstream servers saw %d queries", settings, n)
		}
	}
}

// TestTheProtectiveExamplesDoNotLeak checks the examples that people copy.
func TestTheProtectiveExamplesDoNotLeak(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(readme), "~~~ corefile\n")
	example, _, _ = strings.Cut(example, "~~~")
	corefile, err := os.ReadFile("../../corefile/protective.Corefile")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"README.md": example, "protective.Corefile": string(corefile)} {
		for setting := range strings.Lines(protective) {
			if !strings.Contains(text, "        "+strings.TrimSpace(setting)+"\n") {
				t.Errorf("%s does not have the setting %s", name, setting)
			}
		}
	}
}
