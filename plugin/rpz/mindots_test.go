package rpz

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func TestNameServersOfNamesWithFewerDotsAreNotLookedAt(t *testing.T) {
	for _, c := range []struct {
		served  string
		minDots int
		name    string
		want    string
	}{
		{".", 0, "www.example.net.", "net. example.net. www.example.net."},
		{".", 0, "net.", "net."},
		{".", 0, ".", ""}, // never those of the root
		{".", 1, "www.example.net.", "example.net. www.example.net."},
		{".", 1, "net.", ""},
		{".", 2, "www.example.net.", "www.example.net."},
		{".", 3, "www.example.net.", ""},
		{".", 2, `a\.b.net.`, ""}, // an escaped dot does not count
		{".", mostDots, "www.example.net.", ""},
		{"example.net.", 0, "www.example.net.", "example.net. www.example.net."},
		{"example.net.", 2, "www.example.net.", "www.example.net."},
	} {
		if got := strings.Join(newDelegations(c.served, c.minDots).zones(c.name), " "); got != c.want {
			t.Errorf("%s below %s with %d: %q, want %q", c.name, c.served, c.minDots, got, c.want)
		}
	}
}

func TestMinNSDotsDecidesWhichRulesOnNameServersMatch(t *testing.T) {
	u := startUpstream(t, func(m *dns.Msg) {
		if q := m.Question[0]; q.Qtype == dns.TypeNS {
			rr, _ := dns.NewRR(fmt.Sprintf("%s 300 NS ns.%[1]s", q.Name))
			m.Answer = append(m.Answer, rr)
		}
	})
	for rule, dots := range map[string]int{"ns.example": 0, "ns.evil.example": 1, "ns.www.evil.example": 2} {
		for minDots := range 4 {
			s := forwarding(t, u, fmt.Sprintf("delegation on\nmin-ns-dots %d", minDots), "", rule+".rpz-nsdname CNAME .\n")
			want := dns.RcodeSuccess
			if dots >= minDots {
				want = dns.RcodeNameError
			}
			if got := s.exchange(question("www.evil.example.", dns.TypeA), "udp").Rcode; got != want {
				t.Errorf("%s with min-ns-dots %d: %s", rule, minDots, dns.RcodeToString[got])
			}
		}
	}
	s := forwarding(t, u, "delegation on", "", "ns.example.rpz-nsdname CNAME .\n")
	if got := s.exchange(question("www.evil.example.", dns.TypeA), "udp").Rcode; got != dns.RcodeSuccess {
		t.Errorf("by default a top-level domain's name servers are looked up: %s", dns.RcodeToString[got])
	}
}
