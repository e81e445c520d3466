package rrl

import (
	"context"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/test"
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/internal/imputed"
	"github.com/nearcast/nearcast/plugin/internal/udp"
)

// sent counts what left a server.
type sent struct {
	test.ResponseWriter
	from net.Addr
	all  []*dns.Msg
}

func (s *sent) RemoteAddr() net.Addr        { return s.from }
func (s *sent) WriteMsg(m *dns.Msg) error   { s.all = append(s.all, m); return nil }
func (s *sent) Write(b []byte) (int, error) { panic("written raw") }

// counts returns how many answers were whole, and how many truncated.
func (s *sent) counts() (whole, truncated int) {
	for _, m := range s.all {
		if m.Truncated {
			truncated++
		} else {
			whole++
		}
	}
	return whole, truncated
}

func limiter(t *testing.T, block string, next plugin.HandlerFunc) *rrl {
	t.Helper()
	s, err := parse(caddy.NewTestController("dns", "rrl {\n"+block+"\n}"))
	if err != nil {
		t.Fatal(err)
	}
	r := newRRL(s)
	r.next = next
	return r
}

// ask queries each name once from an address.
func ask(t *testing.T, r *rrl, from net.Addr, qtype uint16, names ...string) *sent {
	t.Helper()
	s := &sent{from: from}
	for _, name := range names {
		if _, err := r.ServeDNS(t.Context(), s, new(dns.Msg).SetQuestion(name, qtype)); err != nil {
			t.Error(err)
		}
	}
	return s
}

func from(addr string) net.Addr { return &net.UDPAddr{IP: net.ParseIP(addr), Port: 5353} }

func repeat(name string, n int) []string {
	return strings.Split(strings.TrimSuffix(strings.Repeat(name+"|", n), "|"), "|")
}

// random returns distinct names, in both letter cases.
func random(below string, n int) (names []string) {
	for i := range n {
		names = append(names, strings.Repeat("aB"[i%2:i%2+1], 1+i%50)+string(rune('a'+i/50))+"."+below)
	}
	return names
}

// answers answers according to the first label below example.org.
func answers(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	m := new(dns.Msg).SetReply(r)
	name := strings.ToLower(r.Question[0].Name)
	soa := test.SOA("example.org. 60 IN SOA ns. host. 1 2 3 4 5")
	switch {
	case strings.HasSuffix(name, ".none.example.org."):
		m.Rcode, m.Ns = dns.RcodeNameError, []dns.RR{soa}
	case strings.HasSuffix(name, ".compact.example.org."): // compact denial (RFC 9824)
		imputed.Absent(ctx, "example.org.")
		m.Ns = []dns.RR{soa}
	case strings.HasSuffix(name, ".wild.example.org."):
		imputed.To(ctx, "*.wild.example.org.")
		m.Answer = []dns.RR{test.A(r.Question[0].Name + " IN A 192.0.2.1")}
	case strings.HasSuffix(name, ".delegated.example.org."):
		m.Ns = []dns.RR{test.NS("delegated.example.org. IN NS ns.delegated.example.org.")}
	case strings.HasPrefix(name, "refused."):
		return dns.RcodeRefused, nil // the server writes it
	case strings.HasPrefix(name, "broken."):
		m.Rcode = dns.RcodeServerFailure
	case r.Question[0].Qtype == dns.TypeA:
		m.Answer = []dns.RR{test.A(r.Question[0].Name + " IN A 192.0.2.1")}
	default:
		m.Ns = []dns.RR{soa}
	}
	return dns.RcodeSuccess, w.WriteMsg(m)
}

func TestIdenticalAnswersShareAnAccount(t *testing.T) {
	const rate = 10
	for _, c := range []struct {
		what  string
		qtype uint16
		names []string
		want  int // whole answers
	}{
		{"one name", dns.TypeA, repeat("hello.example.org.", 100), rate},
		{"one name in all spellings", dns.TypeA, append(repeat("hello.example.org.", 50), repeat("HeLLo.Example.ORG.", 50)...), rate},
		{"names that do not exist", dns.TypeA, random("none.example.org.", 100), rate},
		{"names that do not exist, denied compactly", dns.TypeA, random("compact.example.org.", 100), rate},
		{"names of a wildcard", dns.TypeA, random("wild.example.org.", 100), rate},
		{"names below a delegation", dns.TypeA, random("delegated.example.org.", 100), rate},
		{"names that exist", dns.TypeA, random("example.org.", 100), 100},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := ask(t, limiter(t, "responses-per-second 10", answers), from("192.0.2.7"), c.qtype, c.names...)
			whole, truncated := s.counts()
			if limited := len(c.names) - c.want; whole != c.want || truncated != limited/2 {
				t.Errorf("%s: %d of %d were answered and %d truncated, want %d and %d", c.what, whole, len(c.names), truncated, c.want, limited/2)
			}
		})
	}
}

// TestMissingTypesOfANameShareAnAccount queries all 65,536 types.
func TestMissingTypesOfANameShareAnAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := limiter(t, "responses-per-second 10", answers), &sent{from: from("192.0.2.7")}
		for qtype := range 1 << 16 {
			_, _ = r.ServeDNS(t.Context(), s, new(dns.Msg).SetQuestion("hello.example.org.", uint16(qtype)))
		}
		if whole, _ := s.counts(); whole != 11 { // including the one to A
			t.Errorf("%d whole answers, want 11", whole)
		}
	})
}

func TestErrorsToANetworkShareAnAccountWhoeverWritesThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := limiter(t, "errors-per-second 5\nslip 2", answers)
		s := &sent{from: from("192.0.2.7")}
		refused := 0 // the server writes it
		for _, name := range append(repeat("broken.example.org.", 20), repeat("refused.example.org.", 20)...) {
			if rcode, _ := r.ServeDNS(t.Context(), s, new(dns.Msg).SetQuestion(name, dns.TypeA)); rcode == dns.RcodeRefused {
				refused++
			}
		}
		if whole, truncated := s.counts(); whole != 5 || refused != 0 || truncated != 35/2 {
			t.Errorf("%d written, %d left to the server, %d truncated; want 5, 0, 17", whole, refused, truncated)
		}
		if rcode, _ := r.ServeDNS(t.Context(), &sent{from: from("198.51.100.7")}, new(dns.Msg).SetQuestion("refused.example.org.", dns.TypeA)); rcode != dns.RcodeRefused {
			t.Errorf("an error to another network became %d", rcode)
		}
	})
}

func TestNetworksAreByPrefix(t *testing.T) {
	for _, c := range []struct {
		block, one, other string
		same              bool
	}{
		{"", "192.0.2.7", "192.0.2.250", true},
		{"", "192.0.2.7", "192.0.3.7", false},
		{"ipv4-prefix-length 32", "192.0.2.7", "192.0.2.250", false},
		{"ipv4-prefix-length 16", "192.0.2.7", "192.0.3.7", true},
		{"", "::ffff:192.0.2.7", "192.0.2.250", true}, // of a dual-stack socket
		{"", "2001:db8::7", "2001:db8:0:ff::1", true},
		{"", "2001:db8::7", "2001:db8:0:100::1", false},
		{"ipv6-prefix-length 64", "2001:db8::7", "2001:db8:0:ff::1", false},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := limiter(t, "responses-per-second 10\n"+c.block, answers)
			ask(t, r, from(c.one), dns.TypeA, repeat("hello.example.org.", 100)...)
			whole, _ := ask(t, r, from(c.other), dns.TypeA, "hello.example.org.").counts()
			if same := whole == 0; same != c.same {
				t.Errorf("%q: %s and %s are one network: %v", c.block, c.one, c.other, same)
			}
		})
	}
}

// TestNoOpcodeBypassesTheLimit sends NOTIFY, which plugins that do not know it answer
// like a query.
func TestNoOpcodeBypassesTheLimit(t *testing.T) {
	r := limiter(t, "responses-per-second 5\nslip 0", answers)
	s := &sent{from: from("192.0.2.7")}
	for range 100 {
		m := new(dns.Msg).SetQuestion("hello.example.org.", dns.TypeTXT)
		m.Opcode = dns.OpcodeNotify
		_, _ = r.ServeDNS(t.Context(), s, m)
	}
	if whole, _ := s.counts(); whole > 10 {
		t.Errorf("%d of 100 were answered", whole)
	}
}

func TestClientsThatCannotBeForgedAreNotLimited(t *testing.T) {
	ip := net.ParseIP("192.0.2.7")
	for what, c := range map[string]struct {
		from   net.Addr
		server string
		block  string
	}{
		"TCP":      {&net.TCPAddr{IP: ip}, "dns://:53", ""},
		"DoQ":      {&net.UDPAddr{IP: ip}, "quic://:853", ""},
		"DoH3":     {&net.UDPAddr{IP: ip}, "https3://:443", ""},
		"exempt":   {&net.UDPAddr{IP: ip}, "dns://:53", "exempt 198.51.100.0/24\nexempt 192.0.2.0/25 2001:db8::/32"},
		"a report": {&net.UDPAddr{IP: ip}, "dns://:53", "report-only"},
		"no limit": {&net.UDPAddr{IP: ip}, "dns://:53", "responses-per-second 0"},
	} {
		r := limiter(t, "window 5\n"+c.block, answers)
		r.quic = udp.CarriesQUIC(c.server)
		s := &sent{from: c.from}
		ctx := context.WithValue(t.Context(), dnsserver.Key{}, &dnsserver.Server{Addr: c.server})
		for range 1000 {
			_, _ = r.ServeDNS(ctx, s, new(dns.Msg).SetQuestion("hello.example.org.", dns.TypeA))
		}
		if whole, _ := s.counts(); whole != 1000 {
			t.Errorf("%s: %d of 1000 were answered", what, whole)
		}
	}
}

// TestLookupsOfTheServerItselfAreNotLimited has policy and plugins look names up on
// behalf of a client whose network is limited; the results do not count as answers to the
// client.
func TestLookupsOfTheServerItselfAreNotLimited(t *testing.T) {
	r := limiter(t, "responses-per-second 1\nnxdomains-per-second 1\nslip 0", answers)
	own := &sent{from: from("192.0.2.7")}
	ask(t, r, own.from, dns.TypeA, repeat("hello.example.org.", 10)...)
	for range 100 {
		_, _ = r.ServeDNS(imputed.Own(t.Context()), own, new(dns.Msg).SetQuestion("hello.example.org.", dns.TypeA))
	}
	if whole, _ := own.counts(); whole != 100 {
		t.Errorf("%d of 100 lookups of policy itself were answered", whole)
	}
	own.all = nil
	outer := limiter(t, "responses-per-second 1\nnxdomains-per-second 100\nslip 0", func(ctx context.Context, w dns.ResponseWriter, m *dns.Msg) (int, error) {
		_, _ = r.ServeDNS(ctx, own, new(dns.Msg).SetQuestion("nope.example.org.", dns.TypeA))
		return dns.RcodeSuccess, w.WriteMsg(new(dns.Msg).SetReply(m))
	})
	s := ask(t, outer, own.from, dns.TypeA, repeat("hello.example.org.", 20)...)
	if whole, _ := own.counts(); whole != 20 {
		t.Errorf("%d of 20 lookups within a client's query were answered", whole)
	}
	if whole, _ := s.counts(); whole != 1 {
		t.Errorf("%d answers to the client, which is allowed one: lookups count instead of answers", whole)
	}
}

// TestALimitedAnswerIsEmptyAndKeepsItsOptions also checks that the reply itself is not
// modified: it may be in a cache.
func TestALimitedAnswerIsEmptyAndKeepsItsOptions(t *testing.T) {
	reply := new(dns.Msg).SetReply(new(dns.Msg).SetQuestion("hello.example.org.", dns.TypeA))
	reply.Answer = []dns.RR{test.A("hello.example.org. IN A 192.0.2.1")}
	reply.SetEdns0(1232, false)
	reply.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0123456789abcdef"}}
	before := reply.String()
	r := limiter(t, "responses-per-second 1\nslip 1", func(_ context.Context, w dns.ResponseWriter, _ *dns.Msg) (int, error) {
		return dns.RcodeSuccess, w.WriteMsg(reply)
	})
	s := ask(t, r, from("192.0.2.7"), dns.TypeA, repeat("hello.example.org.", 5)...)
	last := s.all[len(s.all)-1]
	if !last.Truncated || len(last.Answer) != 0 || len(last.Question) != 1 || len(last.IsEdns0().Option) != 1 {
		t.Errorf("slipped:\n%s", last)
	}
	if reply.String() != before {
		t.Errorf("the reply became\n%s", reply)
	}
}

func TestEveryFaultIsNamedWithItsLine(t *testing.T) {
	for block, want := range map[string]string{
		"rrl {\nresponse-per-second 5\n}":      `Testfile:2 - Error during parsing: unknown key "response-per-second"; did you mean responses-per-second?`,
		"rrl {\nslip 11\n}":                    `Testfile:2 - Error during parsing: slip: "11" is not a number from 0 to 10`,
		"rrl {\nslip 1 2\n}":                   "slip: takes one argument, a number",
		"rrl {\nwindow 0\n}":                   `window: "0" is not a number from 1 to 3600`,
		"rrl {\nipv4-prefix-length 33\n}":      "is not a number from 1 to 32",
		"rrl {\nexempt\n}":                     "exempt: takes CIDR…",
		"rrl {\nexempt 192.0.2.1/24\n}":        "192.0.2.1/24 has bits set beyond its length",
		"rrl {\nreport-only yes\n}":            "report-only: takes no arguments",
		"rrl {\nslip 1\nwindow 2\nslip 2\n}":   ":4 - Error during parsing: slip: already set on line 2",
		"rrl\n{\nslip 1\n}":                    "Testfile:2 - Error during parsing: unexpected {: it belongs on the line of rrl",
		"rrl {\nslip 1 {\nwindow 2\n}\n}":      `Testfile:2 - Error during parsing: slip: unexpected "{" after it`,
		"rrl {\nexempt 192.0.2.0/24{\n}":       `Testfile:2 - Error during parsing: "192.0.2.0/24{": a space is missing`,
		"rrl {\nexempt ::ffff:192.0.2.1\n}":    "stands for IPv4 addresses; write it as IPv4, 192.0.2.1/32",
		"rrl 5":                                `unexpected "5"`,
		"rrl\nrrl":                             "twice",
		"rrl {\nmax-table-size 10\n}":          "is not a number from 1000 to 10000000",
		"rrl {\nnxdomains-per-second many\n}":  `"many" is not a number`,
		"rrl {\nresponses-per-second 10001\n}": "from 0 to 10000",
		"rrl {\nipv6-prefix-length 129\n}":     "from 1 to 128",
		"rrl {\nerrors-per-second -1\n}":       `"-1" is not a number from 0`,
	} {
		if _, err := parse(caddy.NewTestController("dns", block)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", block, err, want)
		}
	}
}

func TestUnsetRatesDefaultToResponsesPerSecond(t *testing.T) {
	for block, want := range map[string][kinds]int{
		"rrl":                              {50, 50, 50},
		"rrl {\nresponses-per-second 7\n}": {7, 7, 7},
		"rrl {\nerrors-per-second 3\nresponses-per-second 7\n}":    {7, 7, 3},
		"rrl {\nnxdomains-per-second 0\nresponses-per-second 7\n}": {7, 0, 7},
	} {
		s, err := parse(caddy.NewTestController("dns", block))
		if err != nil || s.perSecond != want {
			t.Errorf("%q: %v, %v; want %v", block, s.perSecond, err, want)
		}
	}
}
