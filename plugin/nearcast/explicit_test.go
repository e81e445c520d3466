package nearcast

import (
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// summarize returns the types in a reply: rcode, answer, authority.
func summarize(m *dns.Msg) string {
	parts := []string{dns.RcodeToString[m.Rcode]}
	for _, section := range [][]dns.RR{m.Answer, m.Ns} {
		var types []string
		for _, rr := range section {
			types = append(types, dns.Type(rr.Header().Rrtype).String())
		}
		parts = append(parts, strings.Join(types, " "))
	}
	return strings.Join(parts, "|")
}

// wanted is a query with the flags DO and CO as given.
func wanted(name string, qtype uint16, do, co bool) *dns.Msg {
	m := new(dns.Msg).SetQuestion(name, qtype)
	m.SetEdns0(1232, do)
	m.IsEdns0().SetCo(co)
	return m
}

var everything = fixture.Function{Name: "web", Clusters: fixture.ThreeNames, Annotations: fixture.Unprobed(
	"nearcast.dev/hostname", "web.fn.example.org", "nearcast.dev/port", "https=8443", "nearcast.dev/alpn", "h2", "nearcast.dev/txt", "v=1")}

// TestQueriesForProofTypesAreAnswered queries for types that are otherwise only sent as proofs:
// every name of a signed zone has them, and no other zone does.
func TestQueriesForProofTypesAreAnswered(t *testing.T) {
	dir := federated(t, hello, everything)
	fixture.Key(t, dir, "key")
	signed := serve(t, strings.Replace(atMkCore, "cluster", "sign DIR/key\n\t\tcluster", 1), dir)
	unsigned := serve(t, atMkCore, dir)
	const negative = "SOA RRSIG NSEC RRSIG"
	for _, c := range []struct {
		name             string
		qtype            uint16
		do, co           bool
		signed, unsigned string
	}{
		{"hello.demo.", dns.TypeNSEC, true, false, "NOERROR|NSEC RRSIG|", "NOERROR||SOA"},
		{"hello.demo.", dns.TypeNSEC, false, false, "NOERROR|NSEC|", "NOERROR||SOA"},
		{"HELLO.demo.", dns.TypeRRSIG, true, false, "NOERROR|RRSIG|", "NOERROR||SOA"},
		{"hello.demo.", dns.TypeRRSIG, false, false, "NOERROR|RRSIG|", "NOERROR||SOA"},
		{"", dns.TypeNSEC, true, true, "NOERROR|NSEC RRSIG|", "NOERROR||SOA"},
		{"", dns.TypeRRSIG, true, false, "NOERROR|RRSIG|", "NOERROR||SOA"},
		{"demo.", dns.TypeNSEC, true, false, "NOERROR|NSEC RRSIG|", "NOERROR||SOA"}, // an empty non-terminal
		{"ns1.", dns.TypeNSEC, true, false, "NOERROR|NSEC RRSIG|", "NOERROR||SOA"},
		{"none.", dns.TypeNSEC, true, false, "NOERROR|NSEC RRSIG|", "NXDOMAIN||SOA"},
		{"none.", dns.TypeNSEC, true, true, "NOERROR|NSEC RRSIG|", "NXDOMAIN||SOA"},
		{"none.", dns.TypeRRSIG, true, false, "NOERROR|RRSIG|", "NXDOMAIN||SOA"},
		{"none.", dns.TypeNSEC, false, false, "NXDOMAIN||SOA", "NXDOMAIN||SOA"},
		{"hello.demo.", dns.TypeNSEC3, true, false, "NOERROR||" + negative, "NOERROR||SOA"},
		{"", dns.TypeNSEC3PARAM, true, false, "NOERROR||" + negative, "NOERROR||SOA"},
		{"", dns.TypeCDS, true, false, "NOERROR|CDS RRSIG|", "NOERROR||SOA"},
		{"", dns.TypeCDNSKEY, false, false, "NOERROR|CDNSKEY|", "NOERROR||SOA"},
		{"", dns.TypeDS, true, false, "NOERROR||" + negative, "NOERROR||SOA"},
		{"hello.demo.", dns.TypeNXNAME, true, false, "FORMERR||", "FORMERR||"},
		{"none.", dns.TypeNXNAME, true, true, "FORMERR||", "FORMERR||"},
		{"", dns.TypeNXNAME, false, false, "FORMERR||", "FORMERR||"},
		{"hello.demo.", dns.TypeANY, true, false, "NOERROR|HINFO RRSIG|", "NOERROR|HINFO|"},
		{"ns1.", dns.TypeANY, true, false, "NOERROR|HINFO RRSIG|", "NOERROR|HINFO|"},
		{"_https._tcp.web.", dns.TypeANY, true, false, "NOERROR|HINFO RRSIG|", "NOERROR|HINFO|"},
		{"_8443._https.web.", dns.TypeANY, false, false, "NOERROR|HINFO|", "NOERROR|HINFO|"},
		{"_tcp.web.", dns.TypeANY, true, false, "NOERROR||" + negative, "NOERROR||SOA"},
		{"demo.", dns.TypeANY, true, false, "NOERROR||" + negative, "NOERROR||SOA"},
		{"none.", dns.TypeANY, true, true, "NXDOMAIN||" + negative, "NXDOMAIN||SOA"},
	} {
		q := func() *dns.Msg { return wanted(c.name+"fn.example.org.", c.qtype, c.do, c.co) }
		if got := summarize(signed.exchange(q())); got != c.signed {
			t.Errorf("%s, signed: %s, want %s", q().Question[0].String(), got, c.signed)
		}
		if got := summarize(unsigned.exchange(q())); got != c.unsigned {
			t.Errorf("%s, unsigned: %s, want %s", q().Question[0].String(), got, c.unsigned)
		}
	}
	reply := signed.exchange(wanted("fn.example.org.", dns.TypeNXNAME, true, false))
	if ede, ok := reply.IsEdns0().Option[len(reply.IsEdns0().Option)-1].(*dns.EDNS0_EDE); !ok || ede.InfoCode != dns.ExtendedErrorCodeInvalidQueryType {
		t.Errorf("no EDE 30: %s", reply)
	}
}

// TestLongNamesAreDenied queries names at the length limit; resolvers would take SERVFAIL
// with DO only for a failed server.
func TestLongNamesAreDenied(t *testing.T) {
	dir := federated(t, hello)
	key := fixture.Key(t, dir, "key")
	s := serve(t, strings.Replace(atMkCore, "cluster", "sign DIR/key\n\t\tcluster", 1), dir)
	for octets := 240; octets <= maxWire; octets++ {
		for _, label := range []string{"a.", "Z.", `\255.`, `\000.`, `\@.`, "*.", "*x.", `a\.b.`} {
			reply := s.exchange(wanted(filled(label, octets), dns.TypeA, true, false))
			i := slices.IndexFunc(reply.Ns, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeNSEC })
			if i < 0 || i+1 >= len(reply.Ns) {
				t.Fatalf("%s of %d octets: %s", label, octets, reply)
			}
			if err := reply.Ns[i+1].(*dns.RRSIG).Verify(key, reply.Ns[i:i+1]); err != nil {
				t.Errorf("%s of %d octets: %v", label, octets, err)
			}
		}
	}
}

// TestALoneAsteriskIsAWildcard counts the labels that signatures cover.
func TestALoneAsteriskIsAWildcard(t *testing.T) {
	dir := federated(t, hello)
	key := fixture.Key(t, dir, "key")
	s := serve(t, strings.Replace(atMkCore, "cluster", "sign DIR/key\n\t\tcluster", 1), dir)
	for name, labels := range map[string]uint8{"*.": 3, "*x.": 4, "**.": 4, "*.*.": 4, "x.*.": 5, "*-.demo.": 5, `\042.`: 3, `\*y.`: 4} {
		for range 2 { // the second time it is cached
			reply := s.exchange(wanted(name+"fn.example.org.", dns.TypeNSEC, true, false))
			sig := reply.Answer[1].(*dns.RRSIG)
			if sig.Labels != labels || sig.Hdr.Name != reply.Question[0].Name {
				t.Errorf("%s: %s, want %d labels", name, sig, labels)
			}
			if name == "*." || name == "*.*." || name == `\042.` {
				continue // miekg/dns takes them for expanded wildcards
			}
			for _, rr := range reply.Answer { // otherwise a label that merely begins with it
				rr.Header().Name = strings.Replace(rr.Header().Name, "*", `\042`, 1)
			}
			if err := sig.Verify(key, reply.Answer[:1]); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestRecordsOfOtherZonesAreNotSigned checks that the addresses of name servers are signed only
// in their own zone.
func TestRecordsOfOtherZonesAreNotSigned(t *testing.T) {
	dir := federated(t, hello)
	fixture.Key(t, dir, "key")
	fixture.ZoneKey(t, dir, "demo", "demo.fn.example.org.")
	s := serve(t, `fn.example.org:0 demo.fn.example.org:0 {
	bind LOOPBACK
	nearcast {
		cluster mk-core
		manifests DIR/manifests
		sign DIR/key DIR/demo
		ns ns1.fn.example.org 198.51.100.53
		ns ns.example.net 198.51.100.54 2001:db8::54
		ns ns2.demo.fn.example.org 198.51.100.55
		ns notfn.example.org 198.51.100.56
	}
}`, dir)
	for zone, want := range map[string]string{
		"fn.example.org.":      "ns1.fn.example.org.",
		"demo.fn.example.org.": "ns2.demo.fn.example.org.",
		"Demo.FN.example.org.": "ns2.demo.fn.example.org.",
	} {
		reply := s.exchange(wanted(zone, dns.TypeNS, true, false))
		addresses := 0
		for _, rr := range reply.Extra {
			switch rr := rr.(type) {
			case *dns.RRSIG:
				if rr.Hdr.Name != want || !strings.EqualFold(rr.SignerName, zone) {
					t.Errorf("%s: %s", zone, rr)
				}
			case *dns.A, *dns.AAAA:
				addresses++
			}
		}
		if addresses != 5 {
			t.Errorf("%s: %d addresses: %s", zone, addresses, reply)
		}
	}
}
