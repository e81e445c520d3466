package rpz

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// failing is an upstream at which the look-ups that are listed, as "name TYPE", fail.
// Each name is a zone with ns1.bad.example, which has an address of each family.
func failing(t *testing.T, names ...string) *upstream {
	return startUpstream(t, func(m *dns.Msg) {
		q := m.Question[0]
		if slices.Contains(names, q.Name+" "+dns.Type(q.Qtype).String()) {
			m.Rcode, m.Answer = dns.RcodeServerFailure, nil
			return
		}
		var records []string
		switch q.Qtype {
		case dns.TypeNS:
			records = []string{q.Name + " 300 NS ns1.bad.example."}
		case dns.TypeAAAA:
			records = []string{q.Name + " 300 AAAA 2001:db8::7"}
		}
		for _, text := range records {
			rr, _ := dns.NewRR(text)
			m.Answer = append(m.Answer, rr)
		}
	})
}

const (
	byName  = "ns1.bad.example.rpz-nsdname CNAME .\n"
	by4     = "24.0.2.0.192.rpz-nsip CNAME .\n"
	by6     = "32.zz.db8.2001.rpz-nsip CNAME .\n"
	other   = "ns.other.example.rpz-nsdname CNAME .\n32.1.1.168.192.rpz-nsip CNAME .\n32.zz.db9.2001.rpz-nsip CNAME .\n"
	evilNS  = "evil.example. NS"
	wwwNS   = "www.evil.example. NS"
	server4 = "ns1.bad.example. A"
	server6 = "ns1.bad.example. AAAA"
)

func TestWhatCannotBeLookedUpDoesNotPass(t *testing.T) {
	for _, c := range []struct {
		fails           string
		records         string
		closed, lenient int // rcode
	}{
		{"", byName, dns.RcodeNameError, dns.RcodeNameError}, // the controls
		{"", by4, dns.RcodeNameError, dns.RcodeNameError},
		{"", by6, dns.RcodeNameError, dns.RcodeNameError},
		{"", other, dns.RcodeSuccess, dns.RcodeSuccess},
		{evilNS, other, dns.RcodeServerFailure, dns.RcodeSuccess},
		{wwwNS, other, dns.RcodeServerFailure, dns.RcodeSuccess},
		{server4, other, dns.RcodeServerFailure, dns.RcodeSuccess},
		{server6, other, dns.RcodeServerFailure, dns.RcodeSuccess},
		{evilNS, byName, dns.RcodeNameError, dns.RcodeNameError}, // as www.evil.example's are known
		{server4, byName, dns.RcodeNameError, dns.RcodeNameError},
		{server4, by6, dns.RcodeNameError, dns.RcodeNameError},
		{server6, by4, dns.RcodeNameError, dns.RcodeNameError},
		{server4, "qname-only.example CNAME .\n", dns.RcodeSuccess, dns.RcodeSuccess},
	} {
		for settings, want := range map[string]int{
			"delegation on": c.closed,
			"delegation on\nnsip-wait-recurse servfail\nnsdname-wait-recurse servfail": c.closed,
			"delegation on\nnsip-wait-recurse yes\nnsdname-wait-recurse yes":           c.lenient,
		} {
			s := forwarding(t, failing(t, c.fails), settings, "", c.records)
			for range 2 { // the second is answered from the cache
				m := question("www.evil.example.", dns.TypeA)
				m.SetEdns0(1232, false)
				got := s.exchange(m, "udp")
				if got.Rcode != want {
					t.Errorf("%q, %q, fails %q: %s", settings, c.records, c.fails, got)
				}
				if codes := extendedErrors(got); got.Rcode == dns.RcodeServerFailure && !slices.Equal(codes, []uint16{dns.ExtendedErrorCodeNoReachableAuthority}) {
					t.Errorf("%q, fails %q: extended errors %d", settings, c.fails, codes)
				}
			}
		}
	}
}

func TestEachOptionAppliesToItsOwnTrigger(t *testing.T) {
	for _, c := range []struct {
		settings, fails, records string
		want                     int
	}{
		{"nsip-wait-recurse yes", server4, "32.1.1.168.192.rpz-nsip CNAME .\n", dns.RcodeSuccess},
		{"nsdname-wait-recurse yes", server4, "32.1.1.168.192.rpz-nsip CNAME .\n", dns.RcodeServerFailure},
		{"nsip-wait-recurse yes", evilNS, "ns.other.example.rpz-nsdname CNAME .\n", dns.RcodeServerFailure},
		{"nsdname-wait-recurse yes", evilNS, "ns.other.example.rpz-nsdname CNAME .\n", dns.RcodeSuccess},
	} {
		s := forwarding(t, failing(t, c.fails), "delegation on\n"+c.settings, "", c.records)
		if got := s.exchange(question("www.evil.example.", dns.TypeA), "udp"); got.Rcode != c.want {
			t.Errorf("%s, fails %q: %s", c.settings, c.fails, got)
		}
	}
}

func TestARuleThatDoesNotWaitDecidesTheNextQuery(t *testing.T) {
	for _, records := range []string{byName, by4} {
		u := failing(t)
		s := forwarding(t, u, "delegation on\nnsip-wait-recurse no\nnsdname-wait-recurse no", "", records)
		if got := s.exchange(question("www.evil.example.", dns.TypeA), "udp"); got.Rcode != dns.RcodeSuccess {
			t.Errorf("%q: the first query waited: %s", records, got)
		}
		s.expect("www.evil.example.", "NXDOMAIN"+soa1)
	}
}

func TestAZoneThatChangesNothingFailsNothing(t *testing.T) {
	for _, setting := range []string{"shadow", "policy disabled", "clients 192.0.2.0/24"} {
		s := forwarding(t, failing(t, evilNS), "delegation on", setting, other)
		if got := s.exchange(question("www.evil.example.", dns.TypeA), "udp"); got.Rcode != dns.RcodeSuccess {
			t.Errorf("%s: got %s", setting, got)
		}
	}
}

func TestAPassthruRuleSparesANameThatCannotBeLookedUp(t *testing.T) {
	s := forwarding(t, failing(t, evilNS), "delegation on", "", "*.evil.example CNAME rpz-passthru.\n"+other)
	if got := s.exchange(question("www.evil.example.", dns.TypeA), "udp"); got.Rcode != dns.RcodeSuccess {
		t.Error(got)
	}
}

func TestEachNameOfAChainIsLookedUp(t *testing.T) {
	u := startUpstream(t, func(m *dns.Msg) {
		q := m.Question[0]
		switch {
		case q.Qtype == dns.TypeNS && q.Name == "evil.example.":
			m.Rcode = dns.RcodeServerFailure
		case q.Qtype == dns.TypeA && q.Name == "www.good.example.":
			cname, _ := dns.NewRR("www.good.example. 300 CNAME www.evil.example.")
			m.Answer[0].Header().Name = "www.evil.example."
			m.Answer = slices.Insert(m.Answer, 0, cname)
		}
	})
	s := forwarding(t, u, "delegation on", "", other)
	if got := s.exchange(question("www.good.example.", dns.TypeA), "udp"); got.Rcode != dns.RcodeServerFailure {
		t.Errorf("the target of the chain passed: %s", got)
	}
	if got := s.exchange(question("good.example.", dns.TypeA), "udp"); got.Rcode != dns.RcodeSuccess {
		t.Errorf("the control: got %s", got)
	}
}

func TestNamesAboveTheServersZoneAreNotLookedUp(t *testing.T) {
	s, _ := serveRules(t, "delegation on", other)
	s.expect("a.test.", "NOERROR, a.test. 100 A 192.0.2.1, authority:NS")
	d := newDelegations("fn.example.org.", 1)
	if got := d.zones("a.b.fn.example.org."); strings.Join(got, " ") != "fn.example.org. b.fn.example.org. a.b.fn.example.org." {
		t.Errorf("zones %s", got)
	}
	if got := d.zones("www.example.net."); strings.Join(got, " ") != "example.net. www.example.net." {
		t.Errorf("zones of a name elsewhere %s", got)
	}
}

func TestWhyPolicyWasNotDecidedIsCounted(t *testing.T) {
	before := map[lack]float64{}
	for why, c := range undecided {
		before[why] = testutil.ToFloat64(c)
	}
	s := forwarding(t, failing(t, evilNS), "delegation on", "", other)
	s.exchange(question("www.evil.example.", dns.TypeA), "udp")
	s.exchange(question(fmt.Sprint(strings.Repeat("x.", 100), "example."), dns.TypeA), "udp")
	for why, want := range map[lack]float64{unanswered: 1, overQuery: 1, overClient: 0, overServer: 0, overTime: 0} {
		if got := testutil.ToFloat64(undecided[why]) - before[why]; got != want {
			t.Errorf("%s: %v counted, want %v", why, got, want)
		}
	}
}
