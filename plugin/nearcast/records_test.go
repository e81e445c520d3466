package nearcast

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/steering/health"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// TestEveryRecordTypeComesFromTheChosenCluster queries all types of a function that
// declares them.
func TestEveryRecordTypeComesFromTheChosenCluster(t *testing.T) {
	web := fixture.Function{Name: "web", Clusters: fixture.ThreeNames, Annotations: fixture.Unprobed(
		"nearcast.dev/hostname", "web.fn.example.org,*.apps.fn.example.org",
		"nearcast.dev/port", "https=8443,grpc=9000,dns=53/udp", "nearcast.dev/alpn", "h2,h3",
		"nearcast.dev/txt", `v=1 "quoted" back\slash`+"\n"+strings.Repeat("x", 300), "nearcast.dev/vip", "198.51.100.80,2001:db8::80",
		"nearcast.dev/address", "us-azure=192.0.2.22,us-azure=2001:db8::22,de-wide=192.0.2.44,mk-core=192.0.2.11",
	)}
	corefile := strings.Replace(atMkCore, "nearcast {", "nearcast fn.example.org 198.51.100.0/24 2001:db8::/32 {", 1)
	corefile = strings.Replace(corefile, "fn.example.org:0 {", ".:0 {", 1)
	s := serve(t, corefile, federated(t, web, hello))
	const us, de = "10.2.2.0/24", "10.3.2.0/24"
	for _, c := range []struct {
		name   string
		qtype  uint16
		subnet string
		want   string
		extra  string
	}{
		{"web.fn.example.org.", dns.TypeHTTPS, us, `NOERROR 1 . alpn="h2,h3" port="8443" ipv4hint="192.0.2.22" ipv6hint="2001:db8::22"`, ""},
		{"web.fn.example.org.", dns.TypeSVCB, de, `NOERROR 1 . alpn="h2,h3" port="8443" ipv4hint="192.0.2.44"`, ""},
		{"x.apps.fn.example.org.", dns.TypeHTTPS, de, `NOERROR 1 . alpn="h2,h3" port="8443" ipv4hint="192.0.2.44"`, ""},
		{"_8443._https.web.fn.example.org.", dns.TypeHTTPS, de, `NOERROR 1 web.fn.example.org. alpn="h2,h3" port="8443" ipv4hint="192.0.2.44"`, ""},
		{"_8444._https.web.fn.example.org.", dns.TypeHTTPS, de, `NXDOMAIN SOA`, ""},
		{"_https.web.fn.example.org.", dns.TypeHTTPS, de, `NOERROR SOA`, ""},
		{"web.fn.example.org.", dns.TypeTXT, us, `NOERROR "v=1 \"quoted\" back\\slash" "` + strings.Repeat("x", 255) + `" "` + strings.Repeat("x", 45) + `"`, ""},
		{"_https._tcp.web.fn.example.org.", dns.TypeSRV, us, "NOERROR 0 0 8443 web.fn.example.org.", "192.0.2.22 2001:db8::22"},
		{"_GRPC._tcp.Web.fn.example.org.", dns.TypeSRV, de, "NOERROR 0 0 9000 Web.fn.example.org.", "192.0.2.44"},
		{"_dns._udp.x.apps.fn.example.org.", dns.TypeSRV, de, "NOERROR 0 0 53 x.apps.fn.example.org.", "192.0.2.44"},
		{"_dns._tcp.web.fn.example.org.", dns.TypeSRV, de, "NXDOMAIN SOA", ""},
		{"_tcp.web.fn.example.org.", dns.TypeSRV, de, "NOERROR SOA", ""},
		{"_https._tcp.web.fn.example.org.", dns.TypeA, de, "NOERROR SOA", ""},
		{"_https._tcp.fn.example.org.", dns.TypeSRV, de, "NXDOMAIN SOA", ""},
		{"80.100.51.198.in-addr.arpa.", dns.TypePTR, de, "NOERROR web.fn.example.org.", ""},
		{"80.100.51.198.in-addr.arpa.", dns.TypeA, de, "NOERROR SOA", ""},
		{"81.100.51.198.in-addr.arpa.", dns.TypePTR, de, "NXDOMAIN SOA", ""},
		{"100.51.198.in-addr.arpa.", dns.TypePTR, de, "NOERROR SOA", ""},
		{"0.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.", dns.TypePTR, de, "NOERROR web.fn.example.org.", ""},
		// A function without ALPN is not upgraded to HTTPS.
		{"hello.demo.fn.example.org.", dns.TypeHTTPS, de, "NOERROR SOA", ""},
		{"hello.demo.fn.example.org.", dns.TypeTXT, de, "NOERROR SOA", ""},
		{"_x._tcp.hello.demo.fn.example.org.", dns.TypeSRV, de, "NXDOMAIN SOA", ""},
	} {
		reply := s.ask(c.name, c.qtype, c.subnet)
		if got := summary(reply); got != c.want {
			t.Errorf("%s %s from %s: %s\nwant %s", c.name, dns.TypeToString[c.qtype], c.subnet, got, c.want)
		}
		var extra []string
		for _, rr := range reply.Extra {
			if rr.Header().Rrtype != dns.TypeOPT {
				extra = append(extra, strings.TrimPrefix(rr.String(), rr.Header().String()))
			}
		}
		if got := strings.Join(extra, " "); got != c.extra {
			t.Errorf("%s: additional %q, want %q", c.name, got, c.extra)
		}
	}
}

// TestAVIPHasNoMorePointersThanAnAnswerHolds covers a VIP of any number of functions.
func TestAVIPHasNoMorePointersThanAnAnswerHolds(t *testing.T) {
	var all []fixture.Function
	for i := range 2 * maxPointers {
		all = append(all, fixture.Function{Name: fmt.Sprintf("f%02d", i), Clusters: fixture.ThreeNames, Annotations: fixture.Unprobed("nearcast.dev/vip", "198.51.100.80")})
	}
	corefile := strings.Replace(atMkCore, "nearcast {", "nearcast fn.example.org 198.51.100.0/24 {", 1)
	s := serve(t, strings.Replace(corefile, "fn.example.org:0 {", ".:0 {", 1), federated(t, all...))
	if reply := s.ask("80.100.51.198.in-addr.arpa.", dns.TypePTR, "10.3.2.0/24"); len(reply.Answer) != maxPointers {
		t.Errorf("%d PTR records, want %d", len(reply.Answer), maxPointers)
	}
}

func TestTTLIsBoundedByTheNextChange(t *testing.T) {
	for _, c := range []struct {
		least, most, interval time.Duration
		fall                  int
		want                  time.Duration
	}{
		{5 * time.Second, 30 * time.Second, 5 * time.Second, 2, 10 * time.Second},
		{5 * time.Second, 30 * time.Second, 5 * time.Second, 3, 10 * time.Second}, // 15 s, in steps that double
		{5 * time.Second, 30 * time.Second, 10 * time.Second, 3, 30 * time.Second},
		{5 * time.Second, 30 * time.Second, time.Second, 1, 5 * time.Second},
		{60 * time.Second, 300 * time.Second, time.Second, 1, 60 * time.Second},
		{0, 30 * time.Second, time.Second, 1, 0},
	} {
		ttls := ttls{least: c.least, most: c.most}
		probe := health.Default
		probe.Interval, probe.Fall = c.interval, c.fall
		if ttls.bound(probe); ttls.probed != c.want {
			t.Errorf("%+v: %s", c, ttls.probed)
		}
	}
}

// TestSpreadAnswersWithEveryCluster checks that the location of the client does not
// matter.
func TestSpreadAnswersWithEveryCluster(t *testing.T) {
	all := fixture.Function{Name: "all", Clusters: fixture.ThreeNames, Annotations: fixture.Unprobed("nearcast.dev/policy", "spread"),
		Health: map[string]string{"mk-core": "Unhealthy"}}
	s := serve(t, atMkCore, federated(t, all))
	reply := s.ask("all.demo.fn.example.org.", dns.TypeA, "10.1.2.0/24")
	got := map[string]bool{}
	for _, rr := range reply.Answer {
		got[rr.(*dns.A).A.String()] = true
	}
	if len(reply.Answer) != 2 || !got["192.0.2.2"] || !got["192.0.2.4"] {
		t.Errorf("%v, want the two that are up", reply.Answer)
	}
}
