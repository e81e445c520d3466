package rpz

import (
	"context"
	"strings"
	"testing"

	"github.com/coredns/coredns/plugin"
	"github.com/miekg/dns"
)

// echo answers every query with the records; those that begin with "+" are in the
// additional section, those with "-" in the authority section.
func echo(records ...string) plugin.Handler {
	return plugin.HandlerFunc(func(_ context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
		m := new(dns.Msg).SetReply(r)
		for _, text := range records {
			section := &m.Answer
			switch text[0] {
			case '+':
				section = &m.Extra
			case '-':
				section = &m.Ns
			}
			rr, err := dns.NewRR(strings.TrimLeft(text, "+-"))
			if err != nil {
				panic(err)
			}
			*section = append(*section, rr)
		}
		return dns.RcodeSuccess, w.WriteMsg(m)
	})
}

func TestHintsAreAddressesOfTheAnswer(t *testing.T) {
	const zone = "24.0.2.0.192.rpz-ip CNAME .\n48.zz.bad.db8.2001.rpz-ip CNAME .\n32.7.2.0.192.rpz-ip CNAME rpz-passthru.\n"
	const https, svcb = "www.test. HTTPS", "_8443._https.www.test. SVCB"
	blocked := func(question string, records ...string) []string {
		return append([]string{"NXDOMAIN", question}, records...)
	}
	passes := func(question string, records ...string) []string {
		return append([]string{"NOERROR", question}, records...)
	}
	for _, c := range [][]string{
		blocked(https, "www.test. 60 IN HTTPS 1 . ipv4hint=192.0.2.1"),
		blocked(https, "WWW.test. 60 IN HTTPS 1 . alpn=h2,h3 port=8443 ipv4hint=198.51.100.1,192.0.2.1 ech=AAQA"),
		blocked(https, "www.test. 60 IN HTTPS 1 . ipv6hint=2001:db8:bad::1"),
		blocked(https, "www.test. 60 IN HTTPS 1 . ipv4hint=198.51.100.1 ipv6hint=2001:db8::1,2001:db8:bad::1"),
		blocked(https, "www.test. 60 IN HTTPS 1 a.test. ipv4hint=198.51.100.1", "www.test. 60 IN HTTPS 2 b.test. ipv4hint=192.0.2.1"),
		blocked(svcb, "_8443._https.www.test. 60 IN SVCB 1 www.test. port=8443 ipv4hint=192.0.2.1"),
		blocked("www.test. ANY", "www.test. 60 IN HTTPS 1 . ipv4hint=192.0.2.1"),
		// A chain of CNAMEs, and of DNAMEs.
		blocked(https, "www.test. 60 IN CNAME a.test.", "a.test. 60 IN CNAME b.test.", "b.test. 60 IN HTTPS 1 . ipv4hint=192.0.2.1"),
		blocked(https, "test. 60 IN DNAME example.", "www.test. 60 IN CNAME www.example.", "www.example. 60 IN HTTPS 1 . ipv4hint=192.0.2.1"),
		// Records of targets in the additional section, in AliasMode and in ServiceMode.
		blocked(https, "www.test. 60 IN HTTPS 0 a.test.", "+a.test. 60 IN A 192.0.2.1"),
		blocked(https, "www.test. 60 IN HTTPS 0 A.test.", "+a.TEST. 60 IN AAAA 2001:db8:bad::1"),
		blocked(https, "www.test. 60 IN HTTPS 0 a.test.", "+a.test. 60 IN HTTPS 1 . ipv4hint=192.0.2.1"),
		blocked(https, "www.test. 60 IN HTTPS 0 a.test.", "+b.test. 60 IN A 192.0.2.1", "+a.test. 60 IN CNAME b.test."),
		blocked(https, "www.test. 60 IN HTTPS 0 a.test.", "+b.test. 60 IN A 192.0.2.1", "+a.test. 60 IN HTTPS 0 b.test."),
		blocked(https, "www.test. 60 IN HTTPS 1 a.test. alpn=h2", "+a.test. 60 IN A 192.0.2.1"),
		blocked(https, "www.test. 60 IN HTTPS 1 . alpn=h2", "+www.test. 60 IN A 192.0.2.1"),
		blocked(https, "www.test. 60 IN CNAME a.test.", "a.test. 60 IN HTTPS 1 . alpn=h2", "+a.test. 60 IN A 192.0.2.1"),
		// Nothing that the client connects to.
		passes(https, "www.test. 60 IN HTTPS 1 . ipv4hint=198.51.100.1 ipv6hint=2001:db8::1"),
		passes(https, "www.test. 60 IN HTTPS 1 . alpn=h2 mandatory=alpn ech=AAQA"),
		passes(https, "www.test. 60 IN HTTPS 1 . alpn=h2", "-test. 60 IN NS ns.test.", "+ns.test. 60 IN A 192.0.2.1"),
		passes(https, "-test. 60 IN SOA a. b. 1 2 3 4 5", "+www.test. 60 IN A 192.0.2.1"),
		passes(https, "www.test. 60 IN HTTPS 1 . alpn=h2", "other.test. 60 IN HTTPS 1 . ipv4hint=192.0.2.1"),
		passes("www.test. MX", "www.test. 60 IN MX 5 a.test.", "+a.test. 60 IN A 192.0.2.1"),
		// The longest prefix wins, over all hints.
		passes(https, "www.test. 60 IN HTTPS 1 . ipv4hint=192.0.2.1,192.0.2.7"),
	} {
		want, question, records := c[0], c[1], c[2:]
		name, qtype, _ := strings.Cut(question, " ")
		for _, settings := range []func(*settings){func(*settings) {}, func(s *settings) { s.waitRecurse = false }} {
			h := handlerOf(t, settings, echo(records...), zone)
			client := from("127.0.0.1")
			if _, err := h.ServeDNS(t.Context(), client, new(dns.Msg).SetQuestion(name, dns.StringToType[qtype])); err != nil {
				t.Fatal(err)
			}
			reply := client.replies[0]
			if got := dns.RcodeToString[reply.Rcode]; got != want {
				t.Errorf("%s %q: got %s, want %s", question, records, got, want)
			}
			if want == "NOERROR" && len(reply.Answer)+len(reply.Ns)+len(reply.Extra) != len(records) {
				t.Errorf("%s %q was changed: %s", question, records, reply)
			}
		}
	}
}

func TestABlockedHintGetsTheRulesAction(t *testing.T) {
	const truth = "www.test. 60 IN HTTPS 1 . alpn=h2 ipv4hint=192.0.2.1 ech=AAQA"
	for action, want := range map[string]string{
		"CNAME *.":                       "NOERROR" + soa1,
		"CNAME rpz-tcp-only.":            "NOERROR, TC",
		"CNAME rpz-passthru.":            `NOERROR, www.test. 60 HTTPS 1 . alpn="h2" ipv4hint="192.0.2.1" ech="AAQA"`,
		"A 203.0.113.1":                  "NOERROR" + soa1, // there is no local data of the type
		"HTTPS 1 . ipv4hint=203.0.113.1": `NOERROR, www.test. 5 HTTPS 1 . ipv4hint="203.0.113.1"` + soa1,
	} {
		h := handlerOf(t, func(*settings) {}, echo(truth), "24.0.2.0.192.rpz-ip "+action+"\n")
		client := from("127.0.0.1")
		if _, err := h.ServeDNS(t.Context(), client, question("www.test.", dns.TypeHTTPS)); err != nil {
			t.Fatal(err)
		}
		if got := summary(client.replies[0]); got != want {
			t.Errorf("%s:\n got %s\nwant %s", action, got, want)
		}
	}
}

func TestHintsInASignedAnswerAreLeftToTheValidator(t *testing.T) {
	const sig = "www.test. 60 IN RRSIG HTTPS 13 2 60 20300101000000 20200101000000 1 test. c2ln"
	for _, c := range []struct {
		do, breaks bool
		want       int
	}{
		{false, false, dns.RcodeNameError},
		{true, false, dns.RcodeSuccess},
		{true, true, dns.RcodeNameError},
	} {
		h := handlerOf(t, func(s *settings) { s.breakDNSSEC = c.breaks }, echo("www.test. 60 IN HTTPS 1 . ipv4hint=192.0.2.1", sig), "24.0.2.0.192.rpz-ip CNAME .\n")
		client, m := from("127.0.0.1"), question("www.test.", dns.TypeHTTPS)
		m.SetEdns0(1232, c.do)
		if _, err := h.ServeDNS(t.Context(), client, m); err != nil {
			t.Fatal(err)
		}
		if got := client.replies[0].Rcode; got != c.want {
			t.Errorf("DO %t, break-dnssec %t: %s", c.do, c.breaks, dns.RcodeToString[got])
		}
	}
}

// TestLookingAtHintsAllocatesNothing where the additional section is empty, as it usually is.
func TestLookingAtHintsAllocatesNothing(t *testing.T) {
	rr, err := dns.NewRR("www.test. 60 IN HTTPS 1 . ipv4hint=198.51.100.1,198.51.100.2 ipv6hint=2001:db8::1")
	if err != nil {
		t.Fatal(err)
	}
	reply := question("www.test.", dns.TypeHTTPS)
	reply.Answer = []dns.RR{rr}
	behind := plugin.HandlerFunc(func(_ context.Context, w dns.ResponseWriter, _ *dns.Msg) (int, error) {
		return dns.RcodeSuccess, w.WriteMsg(reply)
	})
	h := handlerOf(t, func(*settings) {}, behind, "24.0.2.0.192.rpz-ip CNAME .\n")
	client := &counter{from: from("127.0.0.1").from}
	query := question("www.test.", dns.TypeHTTPS)
	perQuery := testing.AllocsPerRun(1000, func() {
		if _, err := h.ServeDNS(t.Context(), client, query); err != nil {
			t.Fatal(err)
		}
	})
	if perQuery > 1 { // the query's state
		t.Errorf("%v allocations", perQuery)
	}
}
