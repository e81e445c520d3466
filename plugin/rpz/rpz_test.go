package rpz

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/nearcast/nearcast/internal/testkit/coredns"
)

func TestEachActionDoesWhatTheDraftSays(t *testing.T) {
	s, _ := serveRules(t, "", `
a.test        CNAME .
b.test        CNAME *.
alias.test    CNAME rpz-passthru.
middle.test   CNAME .
drop.test     CNAME rpz-drop.
tcp.test      CNAME rpz-tcp-only.
local.test    3 A 203.0.113.1
local.test    900 TXT "ours"
to.test       CNAME b.test.
gone.test     CNAME nowhere.test.
*.walled.test CNAME *.garden.test.
garden.test   A 203.0.113.9
self.test     CNAME self.test.
lost.test     CNAME outside.example.
*.w.test      CNAME *.w.test.
middle2.test  CNAME alias2.test.
`)
	for _, c := range []struct {
		name  string
		qtype uint16
		want  string
	}{
		{"A.test.", dns.TypeA, "NXDOMAIN" + soa1},
		{"a.test.", dns.TypeTXT, "NXDOMAIN" + soa1},
		{"b.test.", dns.TypeA, "NOERROR" + soa1},
		{"alias.test.", dns.TypeA, "NOERROR, alias.test. 100 CNAME middle.test., middle.test. 100 CNAME a.test., a.test. 100 A 192.0.2.1, authority:NS"},
		{"middle.test.", dns.TypeA, "NXDOMAIN" + soa1},
		{"tcp.test.", dns.TypeA, "NXDOMAIN, TC"},
		{"local.test.", dns.TypeA, "NOERROR, local.test. 3 A 203.0.113.1" + soa1},
		{"LOCAL.test.", dns.TypeTXT, `NOERROR, LOCAL.test. 5 TXT "ours"` + soa1},
		{"local.test.", dns.TypeAAAA, "NOERROR" + soa1},
		{"local.test.", dns.TypeANY, `NOERROR, local.test. 3 A 203.0.113.1, local.test. 5 TXT "ours"` + soa1},
		{"to.test.", dns.TypeCNAME, "NOERROR, to.test. 5 CNAME b.test." + soa1},
		// The target's policy is not applied: b.test would have no data.
		{"to.test.", dns.TypeA, "NOERROR, to.test. 5 CNAME b.test., b.test. 100 A 192.0.2.2, b.test. 100 A 192.0.2.3, authority:NS" + soa1},
		{"gone.test.", dns.TypeA, "NXDOMAIN, gone.test. 5 CNAME nowhere.test., authority:SOA" + soa1},
		{"x.walled.test.", dns.TypeA, "NXDOMAIN, x.walled.test. 5 CNAME x.walled.test.garden.test., authority:SOA" + soa1},
		{strings.Repeat("long.", 47) + "walled.test.", dns.TypeA, "YXDOMAIN" + soa1},
		{"x.w.test.", dns.TypeA, "NXDOMAIN, x.w.test. 5 CNAME x.w.test.w.test., authority:SOA" + soa1},
		// Back into the chain that led here: no name has two CNAMEs.
		{"alias2.test.", dns.TypeA, "NOERROR, alias2.test. 100 CNAME middle2.test., middle2.test. 5 CNAME alias2.test., a.test. 100 A 192.0.2.1, authority:NS" + soa1},
		{"self.test.", dns.TypeA, "NXDOMAIN, authority:SOA"},
		{"lost.test.", dns.TypeA, "SERVFAIL"},
		{"other.test.", dns.TypeA, "NXDOMAIN, authority:SOA"},
	} {
		if got := summary(s.exchange(question(c.name, c.qtype), "udp")); got != c.want {
			t.Errorf("%s %s:\n got %s\nwant %s", c.name, dns.Type(c.qtype), got, c.want)
		}
	}
	if got := summary(s.exchange(question("tcp.test.", dns.TypeA), "tcp")); got != "NXDOMAIN, authority:SOA" {
		t.Errorf("over TCP: %s", got)
	}
	for _, network := range []string{"udp", "tcp"} {
		if reply, err := s.try(question("drop.test.", dns.TypeA), network); err == nil {
			t.Errorf("dropped over %s, but got %v", network, reply)
		}
	}
}

func TestARewrittenReplyLooksLikeAResolvers(t *testing.T) {
	s, _ := serveRules(t, "break-dnssec yes", "ede filtered\n---\na.test CNAME .\n")
	m := question("a.test.", dns.TypeA)
	m.CheckingDisabled = true
	m.SetEdns0(1232, true)
	reply := s.exchange(m, "udp")
	if reply.Authoritative || reply.AuthenticatedData || !reply.RecursionAvailable || !reply.CheckingDisabled || !reply.RecursionDesired {
		t.Errorf("flags: %s", reply.MsgHdr.String())
	}
	if got := extendedErrors(reply); len(got) != 1 || got[0] != dns.ExtendedErrorCodeFiltered {
		t.Errorf("extended errors: %v", got)
	}
	if reply = s.exchange(question("a.test.", dns.TypeA), "udp"); reply.IsEdns0() != nil {
		t.Error("an OPT for a client that sent none")
	}
}

func TestOneRuleWins(t *testing.T) {
	for name, c := range map[string]struct {
		zones []string
		name  string
		want  string
	}{
		"the earlier stage of a chain before the earlier zone": {[]string{"a.test CNAME .\n", "alias.test A 203.0.113.2\n"}, "alias.test.",
			"NOERROR, alias.test. 5 A 203.0.113.2, additional:rpz2. 30 SOA"},
		"a later stage keeps the chain up to it": {[]string{"a.test CNAME .\n"}, "alias.test.",
			"NXDOMAIN, alias.test. 100 CNAME middle.test., middle.test. 100 CNAME a.test." + soa1},
		"the earlier zone before the better trigger": {[]string{"32.1.2.0.192.rpz-ip CNAME .\n", "a.test A 203.0.113.2\n"}, "a.test.", "NXDOMAIN" + soa1},
		"client-ip before qname":                     {[]string{"8.0.0.0.127.rpz-client-ip CNAME *.\na.test CNAME .\n"}, "a.test.", "NOERROR" + soa1},
		"qname before ip":                            {[]string{"32.1.2.0.192.rpz-ip CNAME .\na.test A 203.0.113.2\n"}, "a.test.", "NOERROR, a.test. 5 A 203.0.113.2" + soa1},
		"exact before wildcard":                      {[]string{"*.test CNAME .\na.test CNAME *.\n"}, "a.test.", "NOERROR" + soa1},
		"the longest prefix":                         {[]string{"24.0.2.0.192.rpz-ip CNAME .\n32.3.2.0.192.rpz-ip A 203.0.113.3\n"}, "b.test.", "NOERROR, b.test. 5 A 203.0.113.3" + soa1},
		"of equal prefixes the smaller address":      {[]string{"32.1.1.0.10.rpz-ip A 203.0.113.1\n32.1.0.0.10.rpz-ip A 203.0.113.2\n"}, "many.test.", "NOERROR, many.test. 5 A 203.0.113.2" + soa1},
		"passthru ends the search":                   {[]string{"a.test CNAME rpz-passthru.\n", "a.test CNAME .\n"}, "a.test.", "NOERROR, a.test. 100 A 192.0.2.1, authority:NS"},
		"an unusable rule does not match":            {[]string{"a.test CNAME rpz-nothing.\n", "a.test CNAME .\n"}, "a.test.", "NXDOMAIN, additional:rpz2. 30 SOA"},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := serveRules(t, "", c.zones...)
			if got := summary(s.exchange(question(c.name, dns.TypeA), "udp")); got != c.want {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestAnOverrideReplacesWhatEveryRuleDoes(t *testing.T) {
	const zone = "a.test CNAME rpz-passthru.\nb.test A 203.0.113.1\ndrop.test CNAME rpz-drop.\n"
	for override, want := range map[string]string{
		"given":              "NOERROR, b.test. 5 A 203.0.113.1" + soa1,
		"passthru":           "NOERROR, b.test. 100 A 192.0.2.2, b.test. 100 A 192.0.2.3, authority:NS",
		"tcp-only":           "NOERROR, TC",
		"nxdomain":           "NXDOMAIN" + soa1,
		"nodata":             "NOERROR" + soa1,
		"cname a.test":       "NOERROR, b.test. 5 CNAME a.test., a.test. 100 A 192.0.2.1, authority:NS" + soa1,
		"cname *.wall.test.": "NXDOMAIN, b.test. 5 CNAME b.test.wall.test., authority:SOA" + soa1,
		"disabled":           "NOERROR, b.test. 5 A 203.0.113.7, additional:rpz2. 30 SOA",
	} {
		s, _ := serveRules(t, "", "policy "+override+"\n---\n"+zone, "b.test A 203.0.113.7\n")
		if got := summary(s.exchange(question("b.test.", dns.TypeA), "udp")); got != want {
			t.Errorf("%s:\n got %s\nwant %s", override, got, want)
		}
	}
	s, _ := serveRules(t, "", "policy nxdomain\n---\n"+zone)
	if got := summary(s.exchange(question("a.test.", dns.TypeA), "udp")); got != "NXDOMAIN"+soa1 {
		t.Errorf("a passthru rule under nxdomain: %s", got)
	}
	if got := summary(s.exchange(question("drop.test.", dns.TypeA), "udp")); got != "NXDOMAIN"+soa1 {
		t.Errorf("a drop rule under nxdomain: %s", got)
	}
}

func TestShadowCountsAndChangesNothing(t *testing.T) {
	s, _ := serveRules(t, "", "shadow\n---\na.test CNAME .\n32.2.2.0.192.rpz-ip CNAME .\n", "b.test CNAME *.\n")
	counted := func(trigger string) float64 {
		return testutil.ToFloat64(hits.WithLabelValues("rpz1.", trigger, "shadow"))
	}
	names, addresses := counted("qname"), counted("ip")
	s.expect("a.test.", "NOERROR, a.test. 100 A 192.0.2.1, authority:NS")
	s.expect("b.test.", "NOERROR, additional:rpz2. 30 SOA")
	if got := counted("qname") - names; got != 1 {
		t.Errorf("%v hits counted", got)
	}
	if got := counted("ip") - addresses; got != 1 {
		t.Errorf("%v hits by address counted", got)
	}
}

// TestAHitThatChangesNothingIsCountedOnce has hits before the true answer is known,
// followed by a rule that answers at once, by one that lets the query pass, or by none.
func TestAHitThatChangesNothingIsCountedOnce(t *testing.T) {
	const inert = "shadow\n---\na.test CNAME .\nb.test CNAME .\nmany.test CNAME .\nlost.test CNAME .\n"
	for _, settings := range []string{"", "qname-wait-recurse no"} {
		s, _ := serveRules(t, settings, inert, "a.test CNAME .\nb.test CNAME rpz-passthru.\n")
		counter := hits.WithLabelValues("rpz1.", "qname", "shadow")
		for _, name := range []string{"a.test.", "b.test.", "many.test."} {
			before := testutil.ToFloat64(counter)
			s.exchange(question(name, dns.TypeA), "udp")
			if got := testutil.ToFloat64(counter) - before; got != 1 {
				t.Errorf("%q: %s is counted %v times", settings, name, got)
			}
		}
	}
}

func TestAZoneAppliesOnlyToItsClients(t *testing.T) {
	s, _ := serveRules(t, "", "clients 192.0.2.0/24\n---\na.test CNAME .\n", "clients 127.0.0.0/8 ::1\n---\nb.test CNAME .\n")
	s.expect("a.test.", "NOERROR, a.test. 100 A 192.0.2.1, authority:NS")
	s.expect("b.test.", "NXDOMAIN, additional:rpz2. 30 SOA")
}

func TestPolicyAppliesToQueriesThatWantRecursion(t *testing.T) {
	for settings, want := range map[string]string{
		"":                  "NOERROR, a.test. 100 A 192.0.2.1, authority:NS",
		"recursive-only no": "NXDOMAIN" + soa1,
	} {
		s, _ := serveRules(t, settings, "a.test CNAME .\n")
		m := question("a.test.", dns.TypeA)
		m.RecursionDesired = false
		if got := summary(s.exchange(m, "udp")); got != want {
			t.Errorf("%q: got %s", settings, got)
		}
	}
}

func TestSettingsOfTheBlockApply(t *testing.T) {
	s, _ := serveRules(t, "add-soa no\nmax-policy-ttl 2s", "local.test 60 A 203.0.113.1\n")
	s.expect("local.test.", "NOERROR, local.test. 2 A 203.0.113.1")
}

func TestPolicyLeavesTransfersAndOtherClassesAlone(t *testing.T) {
	s, _ := serveRules(t, "", "*.test CNAME .\ntest CNAME .\na.test CNAME .\n")
	if got := s.exchange(question("test.", dns.TypeAXFR), "tcp"); got.Rcode == dns.RcodeNameError {
		t.Errorf("AXFR: %s", got)
	}
	m := question("a.test.", dns.TypeA)
	m.Opcode = dns.OpcodeStatus
	if got := s.exchange(m, "udp"); got.Rcode == dns.RcodeNameError {
		t.Errorf("STATUS: %s", got)
	}
}

func TestInvalidBlocksNameTheirLine(t *testing.T) {
	_, dir := serveRules(t, "", "a.test CNAME .\n")
	for _, c := range []struct{ body, want string }{
		{"", "Corefile:3: no zone"},
		{"zone x {\n}", "Corefile:4: zone x: no source"},
		{"zone x\nfile DIR/rpz1", "Corefile:4 - Error during parsing: zone: missing { after x"},
		{"zone x\n{\nfile DIR/rpz1\n}", "Corefile:4 - Error during parsing: zone: missing { after x"},
		{"zone x {\nfile DIR/rpz1 {\nlimit 7\n}\n}", `Corefile:5 - Error during parsing: file: unexpected "{" after it`},
		{"add-soa yes {\n}\nzone x {\nfile DIR/rpz1\n}", `Corefile:4 - Error during parsing: add-soa: unexpected "{" after it`},
		{"zone x {\nfile DIR/nowhere\n}", "plugin/rpz: zone x.: stat DIR/nowhere: no such file"},
		{"zone x {\nfile DIR/rpz1\nprimary 192.0.2.1\n}", "Corefile:6 - Error during parsing: zone x.: primary: already set on line 5"},
		{"zone x {\nprimary here\n}", `primary: "here" is not ADDR or ADDR:PORT`},
		{"zone x {\nprimary 192.0.2.1 key\n}", "primary: key: takes NAME [ALGORITHM]"},
		{"zone x {\nprimary 192.0.2.1 key k hmac-md5\n}", `"hmac-md5" is not one of hmac-sha224.`},
		{"zone x {\nfile DIR/rpz1\nlimit 7\n}", "Corefile:4: zone x: limit: requires a primary"},
		{"zone x {\nprimary 192.0.2.1\nlimit many\n}", `limit: "many" is not a number of records`},
		{"zone x {\nfile DIR/rpz1\npolicy cname\n}", `unknown policy "cname"`},
		{"zone x {\nfile DIR/rpz1\nede no\n}", `ede: unknown error "no"`},
		{"zone x {\nfile DIR/rpz1\nclients 10.0.0.1/8\n}", "did you mean 10.0.0.0/8?"},
		{"zone x {\nfile DIR/rpz1\n}\nzone X. {\nfile DIR/rpz1\n}", "zone: x. is already on line 4"},
		{"zone x {\nfile DIR/rpz1\nfrom y\n}", `unknown key "from"; known keys: add-soa, checksum, clients, ede, file,`},
		{"zone x {\nfile DIR/rpz1\n}\ndelegation on\nnsip-wait-recurse maybe", "Corefile:8 - Error during parsing: nsip-wait-recurse: takes servfail, yes or no"},
		{"zone x {\nfile DIR/rpz1\n}\nnsdname-wait-recurse yes", "Corefile:7: nsdname-wait-recurse: has no effect without `delegation on`"},
		{"zone x {\nfile DIR/rpz1\npolicy given keep-local-data\n}", "Corefile:6 - Error during parsing: zone x.: policy: keep-local-data: has no effect with given"},
		{"zone x {\nfile DIR/rpz1\npolicy disabled keep-local-data\n}", "policy: keep-local-data: has no effect with disabled"},
		{"zone x {\nfile DIR/rpz1\npolicy keep-local-data\n}", `policy: unknown policy "keep-local-data"`},
		{"zone x {\nfile DIR/rpz1\npolicy cname keep-local-data\n}", `policy: unknown policy "cname"`},
		{"zone x {\nfile DIR/rpz1\npolicy keep-local-data nxdomain\n}", "policy: takes one policy or cname NAME, then optionally keep-local-data"},
		{"zone x {\nfile DIR/rpz1\nrecursive-only on\n}", "Corefile:6 - Error during parsing: zone x.: recursive-only: takes yes or no"},
		{"zone x {\nfile DIR/rpz1\nadd-soa\n}", "zone x.: add-soa: takes yes or no"},
		{"zone x {\nfile DIR/rpz1\nmax-policy-ttl 25h\n}", `zone x.: max-policy-ttl: "25h" is not a whole number of seconds`},
		{"zone x {\nfile DIR/rpz1\nmax-policy-ttl 5s\nmax-policy-ttl 5s\n}", "zone x.: max-policy-ttl: already set on line 6"},
		{"zone x {\nfile DIR/rpz1\nlog 5\n}", "zone x.: log: takes yes or no"},
		{"zone x {\nfile DIR/rpz1\n}\nlog no", `log: "no" is not a number`},
		{"zone x {\nfile DIR/rpz1\n}\nmin-ns-dots -1", `Corefile:7 - Error during parsing: min-ns-dots: "-1" is not a number from 0 to 126`},
		{"zone x {\nfile DIR/rpz1\n}\nmin-ns-dots", "min-ns-dots: takes one argument, a number of dots"},
		{"zone x {\nfile DIR/rpz1\nmin-ns-dots 1\n}", `unknown key "min-ns-dots"`},
		{"zone x {\nfile DIR/rpz1\n}\nlog much", `Corefile:7 - Error during parsing: log: "much" is not a number`},
		{"zone x {\nfile DIR/rpz1\n}\nadd-soa maybe", "add-soa: takes yes or no"},
		{"zone x {\nfile DIR/rpz1\n}\nlog 1\nlog 1", "log: already set on line 7"},
		{"zone x {\nfile DIR/rpz1\n}\nmax-policy-ttl 1500ms", "is not a whole number of seconds"},
		{"zone x {\nfile DIR/rpz1\n}\nstate DIR/rpz1", "is not a directory"},
		{"zone x {\nprimary 192.0.2.1\n}\nstate DIR/rpz1/x", "state: DIR/rpz1 is not a directory"},
		{"zone x {\nfile DIR/rpz1\n}\nzones y", `unknown key "zones"; did you mean zone?`},
		{"zone x {\nprimary 192.0.2.1 key k\n}", "Corefile:4: zone x.: primary: the tsig plugin of this server block has no key k."},
		{"zone x {\nfile DIR/truth\n}", "plugin/rpz: zone x.: DIR/truth: the zone has no SOA record; the file has the SOA of the zone test."},
	} {
		corefile := strings.NewReplacer("BODY", c.body, "DIR", dir).Replace(strings.Replace(block, "DIR", dir, 1))
		corefile = strings.ReplaceAll(corefile, "DIR", dir)
		if instance, err := coredns.Start(corefile); err == nil {
			t.Errorf("%q started", c.body)
			instance.ShutdownCallbacks()
			_ = instance.Stop()
		} else if !strings.Contains(err.Error(), strings.ReplaceAll(c.want, "DIR", dir)) {
			t.Errorf("%q:\n got %v\nwant %s", c.body, err, c.want)
		}
	}
}
