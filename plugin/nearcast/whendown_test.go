package nearcast

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/plugin/internal/client"
)

// dead is a function all of which is down.
func dead(name string, annotations ...string) fixture.Function {
	return fixture.Function{Name: name, Clusters: []string{"de-wide", "us-azure"}, Health: map[string]string{"de-wide": "Unhealthy", "us-azure": "Unhealthy"},
		Annotations: fixture.Unprobed(append(annotations, "nearcast.dev/port", "http=80", "nearcast.dev/alpn", "h2", "nearcast.dev/txt", "text")...)}
}

// brief writes a reply as its code, and the types and data of its answers.
func brief(m *dns.Msg) string {
	var all []string
	for _, rr := range m.Answer {
		if rr.Header().Rrtype != dns.TypeRRSIG {
			all = append(all, strings.TrimSpace(dns.TypeToString[rr.Header().Rrtype]+" "+strings.TrimPrefix(rr.String(), rr.Header().String())))
		}
	}
	return strings.Join(append([]string{dns.RcodeToString[m.Rcode]}, all...), "; ")
}

func TestWhatIsAnsweredWhenAllIsDown(t *testing.T) {
	placeless := dead("placeless", "nearcast.dev/when-down", "fallback 192.0.2.200")
	placeless.Clusters = nil
	failing := dead("placeless-fail", "nearcast.dev/when-down", "fail")
	failing.Clusters = nil
	up := fixture.Function{Name: "up", Clusters: []string{"de-wide"}, Annotations: fixture.Unprobed("nearcast.dev/when-down", "fail")}
	s := serve(t, strings.Replace(atMkCore, "cluster mk-core", "cluster mk-core\n\t\twhen-down fallback 192.0.2.250", 1), federated(t,
		dead("all", "nearcast.dev/when-down", "answer"), dead("zone"), dead("fail", "nearcast.dev/policy", "nearest when-down fail"),
		dead("sorry", "nearcast.dev/when-down", "fallback 192.0.2.200 2001:db8::200"), dead("alias", "nearcast.dev/when-down", "fallback sorry.example.net"), placeless, failing, up))
	both := "NOERROR; A 192.0.2.4; A 192.0.2.2"
	for name, want := range map[string]map[uint16]string{
		"all":   {dns.TypeA: both, dns.TypeAAAA: "NOERROR", dns.TypeTXT: `NOERROR; TXT "text"`},
		"zone":  {dns.TypeA: "NOERROR; A 192.0.2.250", dns.TypeAAAA: "NOERROR"},
		"fail":  {dns.TypeA: "SERVFAIL", dns.TypeAAAA: "SERVFAIL", dns.TypeHTTPS: "SERVFAIL", dns.TypeTXT: `NOERROR; TXT "text"`, dns.TypeMX: "NOERROR"},
		"sorry": {dns.TypeA: "NOERROR; A 192.0.2.200", dns.TypeAAAA: "NOERROR; AAAA 2001:db8::200", dns.TypeHTTPS: `NOERROR; HTTPS 1 . alpn="h2" ipv4hint="192.0.2.200" ipv6hint="2001:db8::200"`},
		"alias": {dns.TypeA: "NOERROR; CNAME sorry.example.net.", dns.TypeTXT: "NOERROR; CNAME sorry.example.net.", dns.TypeHTTPS: "NOERROR; CNAME sorry.example.net."},

		"placeless":        {dns.TypeA: "NOERROR; A 192.0.2.200"},
		"placeless-fail":   {dns.TypeA: "NOERROR"},
		"up":               {dns.TypeA: "NOERROR; A 192.0.2.4"},
		"_http._tcp.fail":  {dns.TypeSRV: "SERVFAIL"},
		"_http._tcp.sorry": {dns.TypeSRV: "NOERROR; SRV 0 0 80 sorry.demo.fn.example.org."},
		"_http._tcp.alias": {dns.TypeSRV: "NOERROR; SRV 0 0 80 sorry.example.net."},
	} {
		for qtype, expected := range want {
			reply := s.exchange(query(name+".demo.fn.example.org.", qtype, "10.3.2.0/24"))
			if got := brief(reply); got != expected {
				t.Errorf("%s %s: %s, want %s", name, dns.TypeToString[qtype], got, expected)
			}
			if down := !strings.Contains(name, "placeless") && name != "up" && qtype != dns.TypeTXT && qtype != dns.TypeMX; down && extendedError(reply) != dns.ExtendedErrorCodeOther {
				t.Errorf("%s %s: EDE %d", name, dns.TypeToString[qtype], extendedError(reply))
			}
			for _, rr := range reply.Answer {
				if qtype == dns.TypeA && name != "up" && rr.Header().Ttl != 5 {
					t.Errorf("%s: TTL %d, want the least", name, rr.Header().Ttl)
				}
			}
		}
	}
}

// TestAFencedClientIsTurnedAway asks from both sides of fences, and with no location. The reply is for its client
// alone.
func TestAFencedClientIsTurnedAway(t *testing.T) {
	limited := func(name, policy string) fixture.Function {
		return fixture.Function{Name: name, Clusters: fixture.ThreeNames, Annotations: fixture.Unprobed("nearcast.dev/policy", policy, "nearcast.dev/port", "http=80")}
	}
	s := serve(t, strings.Replace(atMkCore, "cluster mk-core", "cluster mk-core\n\t\tpolicy nearest deny clusters us", 1), federated(t,
		limited("de", "nearest allow clients de"), limited("inside", "nearest allow clusters us,de"), limited("nowhere", "failover allow clusters us"), limited("several", "nearest 3"), hello))
	for _, c := range []struct{ name, client, want string }{
		{"de", "10.3.2.0/24", "NOERROR; A 192.0.2.4"}, {"de", "10.2.2.0/24", "NOERROR"}, {"de", "198.51.100.0/24", "NOERROR"},
		{"inside", "10.2.2.0/24", "NOERROR; A 192.0.2.4"}, {"nowhere", "10.2.2.0/24", "NOERROR"},
		{"several", "10.2.2.0/24", "NOERROR; A 192.0.2.4; A 192.0.2.1"}, {"hello", "10.2.2.0/24", "NOERROR; A 192.0.2.4"},
	} {
		for _, owner := range []string{"", "_http._tcp."} {
			qtype, want := dns.TypeA, c.want
			if owner != "" {
				if qtype = dns.TypeSRV; c.name == "hello" {
					continue
				}
				if want = "NOERROR; SRV 0 0 80 " + c.name + ".demo.fn.example.org."; c.want == "NOERROR" {
					want = c.want
				}
			}
			reply := s.exchange(query(owner+c.name+".demo.fn.example.org.", qtype, c.client))
			if got := brief(reply); got != want {
				t.Errorf("%s%s from %s: %s, want %s", owner, c.name, c.client, got, want)
			}
			turnedAway := c.name == "de" && c.want == "NOERROR"
			if turnedAway != (extendedError(reply) == dns.ExtendedErrorCodeProhibited) {
				t.Errorf("%s%s from %s: EDE %d", owner, c.name, c.client, extendedError(reply))
			}
			if scope := client.Subnet(reply).SourceScope; turnedAway && scope == 0 {
				t.Errorf("%s%s from %s: scope 0: a cache would turn away everybody", owner, c.name, c.client)
			}
		}
	}
}

func TestAFeedHasTheFallback(t *testing.T) {
	s := serve(t, feeding("feed de to 127.0.0.0/8", "feed us to 127.0.0.0/8"), federated(t,
		dead("alias", "nearcast.dev/when-down", "fallback sorry.example.net"), dead("fail", "nearcast.dev/when-down", "fail"), dead("sorry", "nearcast.dev/when-down", "fallback 192.0.2.200"),
		fixture.Function{Name: "here", Clusters: fixture.ThreeNames, Annotations: fixture.Unprobed("nearcast.dev/policy", "nearest 2 allow clients de")}))
	s.expectRules("de._rpz.fn.example.org.", []string{
		"alias.demo.fn.example.org.D. CNAME sorry.example.net.", "fail.demo.fn.example.org.D. A 192.0.2.2", "fail.demo.fn.example.org.D. A 192.0.2.4",
		"here.demo.fn.example.org.D. A 192.0.2.1", "here.demo.fn.example.org.D. A 192.0.2.4", "sorry.demo.fn.example.org.D. A 192.0.2.200",
	})
	s.expectRules("us._rpz.fn.example.org.", []string{
		"alias.demo.fn.example.org.D. CNAME sorry.example.net.", "fail.demo.fn.example.org.D. A 192.0.2.2", "fail.demo.fn.example.org.D. A 192.0.2.4",
		"here.demo.fn.example.org.D. CNAME *.", "sorry.demo.fn.example.org.D. A 192.0.2.200",
	})
}

// expectRules transfers a policy zone until its A and CNAME rules, without TTLs, are these.
func (s *server) expectRules(zone string, want []string) {
	s.t.Helper()
	var got []string
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		all, err := s.transfer(zone, "", 0)
		if err != nil {
			continue // there is none yet
		}
		got = nil
		for _, rr := range all {
			if f := strings.Fields(rr); f[3] == "A" || f[3] == "CNAME" {
				got = append(got, fmt.Sprintf("%s %s %s", strings.Replace(f[0], zone, "D.", 1), f[3], f[4]))
			}
		}
		if slices.Sort(got); slices.Equal(got, want) {
			return
		}
	}
	s.t.Errorf("%s:\n%s\nwant\n%s", zone, strings.Join(got, "\n"), strings.Join(want, "\n"))
}

// TestRecordsOfTheFileAreAnsweredWhateverTheFunctionIs has a mail server's record beside a function that
// turns the client away, and beside one that is down.
func TestRecordsOfTheFileAreAnsweredWhateverTheFunctionIs(t *testing.T) {
	dir := federated(t, dead("alias", "nearcast.dev/when-down", "fallback sorry.example.net"),
		fixture.Function{Name: "de", Clusters: fixture.ThreeNames, Annotations: fixture.Unprobed("nearcast.dev/policy", "nearest allow clients de")})
	fixture.Write(t, filepath.Join(dir, "records"), "alias.demo MX 10 mail\nde.demo MX 10 mail\nde.demo TXT \"ours\"\n")
	s := serve(t, strings.Replace(atMkCore, "cluster mk-core", "cluster mk-core\n\t\trecords DIR/records", 1), dir)
	for name, want := range map[string]map[uint16]string{
		"alias": {dns.TypeA: "NOERROR; CNAME sorry.example.net.", dns.TypeMX: "NOERROR; MX 10 mail.fn.example.org."},
		"de":    {dns.TypeA: "NOERROR", dns.TypeMX: "NOERROR; MX 10 mail.fn.example.org.", dns.TypeTXT: `NOERROR; TXT "ours"`},
	} {
		for qtype, expected := range want {
			if got := brief(s.exchange(query(name+".demo.fn.example.org.", qtype, "10.2.2.0/24"))); got != expected {
				t.Errorf("%s %s: %s, want %s", name, dns.TypeToString[qtype], got, expected)
			}
		}
	}
}
