package nearcast

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// TestSignaturesFollowTheFlagsOfTheQuery checks what a client's flags DO and CO change.
func TestSignaturesFollowTheFlagsOfTheQuery(t *testing.T) {
	dir := federated(t, hello)
	key := fixture.Key(t, dir, "key")
	s := serve(t, strings.Replace(atMkCore, "cluster", "sign DIR/key.private\n\t\tcluster", 1), dir)
	ask := func(name string, qtype uint16, do, co bool) *dns.Msg {
		m := new(dns.Msg).SetQuestion(name, qtype)
		m.SetEdns0(1232, do)
		m.IsEdns0().SetCo(co)
		return s.exchange(m)
	}
	if got := summary(ask("nope.fn.example.org.", dns.TypeA, false, true)); got != "NXDOMAIN SOA" {
		t.Errorf("without DO: %s", got)
	}
	for _, c := range []struct {
		name  string
		co    bool
		rcode int
		types string
	}{
		{"nope.fn.example.org.", false, dns.RcodeSuccess, "RRSIG NSEC NXNAME"},
		{"nope.fn.example.org.", true, dns.RcodeNameError, "RRSIG NSEC NXNAME"},
		{"Demo.fn.example.org.", true, dns.RcodeSuccess, "RRSIG NSEC"}, // an empty non-terminal
		{"hello.demo.fn.example.org.", true, dns.RcodeSuccess, "A RRSIG NSEC"},
		{"fn.example.org.", true, dns.RcodeSuccess, "NS SOA RRSIG NSEC DNSKEY CDS CDNSKEY"},
		{"ns1.fn.example.org.", true, dns.RcodeSuccess, "A RRSIG NSEC"},
	} {
		reply := ask(c.name, dns.TypeMX, true, c.co)
		var nsec *dns.NSEC
		sets := map[uint16][]dns.RR{}
		for _, rr := range reply.Ns {
			if n, ok := rr.(*dns.NSEC); ok {
				nsec = n
			}
			if _, sig := rr.(*dns.RRSIG); !sig {
				sets[rr.Header().Rrtype] = append(sets[rr.Header().Rrtype], rr)
			}
		}
		if reply.Rcode != c.rcode || nsec == nil {
			t.Errorf("%s, CO %v: %s", c.name, c.co, reply)
			continue
		}
		var types []string
		for _, bit := range nsec.TypeBitMap {
			types = append(types, dns.TypeToString[bit])
		}
		if got := strings.Join(types, " "); got != c.types || nsec.Hdr.Name != c.name {
			t.Errorf("%s: %s has %s, want %s", c.name, nsec.Hdr.Name, got, c.types)
		}
		signatures := 0
		for _, rr := range reply.Ns {
			if sig, ok := rr.(*dns.RRSIG); ok {
				signatures++
				if err := sig.Verify(key, sets[sig.TypeCovered]); err != nil || !sig.ValidityPeriod(time.Now()) {
					t.Errorf("%s: %v of %s", c.name, err, sig)
				}
			}
		}
		if signatures != len(sets) {
			t.Errorf("%s: %d signatures of %d sets", c.name, signatures, len(sets))
		}
	}
}

// TestSignaturesAreCachedByContent spells one name in many ways.
func TestSignaturesAreCachedByContent(t *testing.T) {
	dir := t.TempDir()
	fixture.Key(t, dir, "key")
	key, err := readKey(filepath.Join(dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	s := newSigner("fn.example.org.", []signingKey{key}, 30)
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	signatures := map[string]bool{}
	sign := func(text string, at time.Time) {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := s.sign([]dns.RR{rr}, at)
		if err != nil || len(signed) != 2 || signed[1].Header().Name != rr.Header().Name || signed[1].Header().Ttl != rr.Header().Ttl {
			t.Fatal(signed, err)
		}
		if err := signed[1].(*dns.RRSIG).Verify(key.public, signed[:1]); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		signed[1].Header().Ttl = 0 // as a plugin in front may do
		signatures[signed[1].(*dns.RRSIG).Signature] = true
	}
	for i, text := range []string{
		"a.fn.example.org. 30 IN A 192.0.2.1", "A.fn.Example.org. 30 IN A 192.0.2.1", // one content
		"a.fn.example.org. 30 IN A 192.0.2.2", "a.fn.example.org. 10 IN A 192.0.2.1", "b.fn.example.org. 30 IN A 192.0.2.1",
	} {
		sign(text, now)
		sign(text, now.Add(time.Hour))
		if want := max(1, i); len(signatures) != want {
			t.Errorf("%d signatures after %s, want %d", len(signatures), text, want)
		}
	}
	if sign("a.fn.example.org. 30 IN A 192.0.2.1", now.Add(24*time.Hour)); len(signatures) != 5 {
		t.Error("not signed again the next day")
	}
}
