package rpz

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// TestAnOverrideThatKeepsLocalDataOverridesEverythingElse as PowerDNS's defpolOverrideLocalData=false
// does: a CNAME to another name is local data too, rpz-passthru is not.
func TestAnOverrideThatKeepsLocalDataOverridesEverythingElse(t *testing.T) {
	const zone = `
a.test      CNAME rpz-passthru.
b.test      900 A 203.0.113.1
b.test      900 TXT "ours"
alias.test  CNAME b.test.
many.test   CNAME *.garden.test.
drop.test   CNAME rpz-drop.
gone.test   CNAME .
empty.test  CNAME *.
tcp.test    CNAME rpz-tcp-only.
self.test   CNAME self.test.
`
	kept := map[string]string{
		"b.test.":     "NOERROR, b.test. 5 A 203.0.113.1" + soa1,
		"alias.test.": "NOERROR, alias.test. 5 CNAME b.test., b.test. 100 A 192.0.2.2, b.test. 100 A 192.0.2.3, authority:NS" + soa1,
		"many.test.":  "NXDOMAIN, many.test. 5 CNAME many.test.garden.test., authority:SOA" + soa1,
	}
	others := []string{"a.test.", "drop.test.", "gone.test.", "empty.test.", "tcp.test.", "self.test."}
	for override, want := range map[string]string{
		"nxdomain":     "NXDOMAIN" + soa1,
		"nodata":       "NOERROR" + soa1,
		"cname b.test": "NOERROR, {} 5 CNAME b.test., b.test. 100 A 192.0.2.2, b.test. 100 A 192.0.2.3, authority:NS" + soa1,
	} {
		s, _ := serveRules(t, "", "policy "+override+" keep-local-data\n---\n"+zone)
		for name, want := range kept {
			if got := summary(s.exchange(question(name, dns.TypeA), "udp")); got != want {
				t.Errorf("%s, %s:\n got %s\nwant %s", override, name, got, want)
			}
		}
		for _, name := range others {
			if got, want := summary(s.exchange(question(name, dns.TypeA), "udp")), strings.ReplaceAll(want, "{}", name); got != want {
				t.Errorf("%s, %s:\n got %s\nwant %s", override, name, got, want)
			}
		}
		if got, want := summary(s.exchange(question("b.test.", dns.TypeAAAA), "udp")), "NOERROR"+soa1; got != want {
			t.Errorf("%s, a type without local data: %s", override, got)
		}
	}
	s, _ := serveRules(t, "", "policy passthru keep-local-data\n---\n"+zone)
	s.expect("b.test.", kept["b.test."])
	s.expect("a.test.", "NOERROR, a.test. 100 A 192.0.2.1, authority:NS")
	s.expect("gone.test.", "NXDOMAIN, authority:SOA")
	s, _ = serveRules(t, "", "policy tcp-only keep-local-data\n---\n"+zone)
	s.expect("b.test.", kept["b.test."])
	s.expect("a.test.", "NOERROR, TC")
	s, _ = serveRules(t, "", "policy drop keep-local-data\n---\n"+zone)
	s.expect("b.test.", kept["b.test."])
	if reply, err := s.try(question("a.test.", dns.TypeA), "udp"); err == nil {
		t.Errorf("not dropped: %s", summary(reply))
	}
}

// TestKeepingLocalDataDoesNotChangeWhichRuleWins holds that the better trigger and the
// earlier zone win, whether they have local data or not.
func TestKeepingLocalDataDoesNotChangeWhichRuleWins(t *testing.T) {
	s, _ := serveRules(t, "",
		"policy nxdomain keep-local-data\n---\na.test CNAME rpz-passthru.\n32.1.2.0.192.rpz-ip A 203.0.113.1\n32.2.2.0.192.rpz-ip A 203.0.113.2\n",
		"a.test A 203.0.113.3\nb.test A 203.0.113.4\n")
	s.expect("a.test.", "NXDOMAIN"+soa1)
	s.expect("b.test.", "NOERROR, b.test. 5 A 203.0.113.2"+soa1)
}

func TestAnExplanationSaysThatLocalDataIsKept(t *testing.T) {
	for rule, want := range map[string]string{
		"A 203.0.113.1": "policy nxdomain keep-local-data keeps the rule's local-data",
		"CNAME b.test.": "policy nxdomain keep-local-data keeps the rule's local-data",
		"CNAME *.":      "policy nxdomain overrides the rule's nodata",
	} {
		socket := socketPath(t)
		serveRules(t, "admin "+socket, "policy nxdomain keep-local-data\n---\na.test "+rule+"\n")
		if got := explained(t, socket, "a.test", "192.0.2.7")["A"].Zones[0].Reason; got != want {
			t.Errorf("%s: got %q, want %q", rule, got, want)
		}
	}
}
