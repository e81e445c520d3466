package nearcast

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// webPorts are the ports of a Service with node ports.
const webPorts = "{name: https, port: 443, nodePort: 31443}, {name: http, port: 80, targetPort: 8080, nodePort: 31080}, {name: h3, port: 443, protocol: UDP}, {name: dns, port: 53, protocol: UDP}"

// gatewaysWithPorts is Three, with a port at the gateway of de-wide and, in a horizon, of
// us-azure.
func gatewaysWithPorts() (all []fixture.Document) {
	for _, c := range fixture.Three {
		switch c.Name {
		case "de-wide":
			c.Address = "192.0.2.4:30443,[2001:db8::4]:30443"
		case "us-azure":
			c.Annotations = map[string]string{"nearcast.dev/address.vpn": "198.51.100.2:8443"}
		}
		all = append(all, c)
	}
	return all
}

// withPorts is a function whose Service has the ports.
type withPorts struct {
	fixture.Function
	ports string
}

// YAML implements fixture.Document.
func (w withPorts) YAML() string {
	return strings.Replace(w.Function.YAML(), "{port: 80, protocol: TCP}", w.ports, 1)
}

// TestEveryRecordHasThePortOfItsCluster checks that SRV, HTTPS and SVCB lead to the port
// at which the placement is reached, however it is declared.
func TestEveryRecordHasThePortOfItsCluster(t *testing.T) {
	function := func(name string, annotations ...string) fixture.Document {
		f := fixture.Function{Name: name, Clusters: fixture.ThreeNames, Annotations: fixture.Unprobed(append(annotations, "nearcast.dev/alpn", "h2")...)}
		if f.Annotations["nearcast.dev/probe"] != "none" {
			f.Clusters = []string{"mk-core"} // it is answered only there, whatever its probe says
		}
		return withPorts{f, webPorts}
	}
	dir := federated(t)
	fixture.Write(t, filepath.Join(dir, "manifests", "all.yaml"), fixture.Documents(append(gatewaysWithPorts(),
		function("web"), function("all", "nearcast.dev/policy", "spread"), function("own", "nearcast.dev/address", "us-azure=192.0.2.22:9443,us-azure=[2001:db8::22]:9443"),
		function("node", "nearcast.dev/probe", "tcp://:31443"), function("pods", "nearcast.dev/probe", "http://:8080/healthz"), function("vip", "nearcast.dev/vip", "198.51.100.80", "nearcast.dev/policy", "anycast"),
	)...))
	s := serve(t, strings.Replace(atMkCore, "hostmaster", "horizon vpn 127.0.0.0/8\n\t\thostmaster", 1), dir)
	const us, de = "10.2.2.0/24", "10.3.2.0/24"
	for _, c := range []struct {
		name   string
		qtype  uint16
		subnet string
		want   string
	}{
		{"_https._tcp.web.", dns.TypeSRV, de, "NOERROR 0 0 30443 web.demo.fn.example.org."},
		{"web.", dns.TypeHTTPS, de, `NOERROR 1 . alpn="h2" port="30443" ipv4hint="192.0.2.4" ipv6hint="2001:db8::4"`},
		{"web.", dns.TypeSVCB, de, `NOERROR 1 . alpn="h2" port="30443" ipv4hint="192.0.2.4" ipv6hint="2001:db8::4"`},
		{"_443._https.web.", dns.TypeHTTPS, de, `NOERROR 1 web.demo.fn.example.org. alpn="h2" port="30443" ipv4hint="192.0.2.4" ipv6hint="2001:db8::4"`},
		{"_h3._udp.web.", dns.TypeSRV, de, "NOERROR 0 0 30443 web.demo.fn.example.org."},
		{"_http._tcp.web.", dns.TypeSRV, de, "NOERROR 0 0 80 web.demo.fn.example.org."},
		{"_dns._udp.web.", dns.TypeSRV, de, "NOERROR 0 0 53 web.demo.fn.example.org."},
		// us-azure has a port in the horizon, mk-core has none.
		{"_https._tcp.web.", dns.TypeSRV, us, "NOERROR 0 0 8443 web.demo.fn.example.org."},
		{"web.", dns.TypeHTTPS, us, `NOERROR 1 . alpn="h2" port="8443" ipv4hint="198.51.100.2"`},
		{"web.", dns.TypeHTTPS, "10.1.2.0/24", `NOERROR 1 . alpn="h2" ipv4hint="192.0.2.1"`},
		{"_443._https.web.", dns.TypeHTTPS, "10.1.2.0/24", `NOERROR 1 web.demo.fn.example.org. alpn="h2" ipv4hint="192.0.2.1"`},
		{"own.", dns.TypeHTTPS, us, `NOERROR 1 . alpn="h2" port="8443" ipv4hint="198.51.100.2"`},
		{"_https._tcp.node.", dns.TypeSRV, "10.1.2.0/24", "NOERROR 0 0 31443 node.demo.fn.example.org."},
		{"node.", dns.TypeHTTPS, "10.1.2.0/24", `NOERROR 1 . alpn="h2" port="31443" ipv4hint="192.0.2.1"`},
		{"_http._tcp.pods.", dns.TypeSRV, "10.1.2.0/24", "NOERROR 0 0 8080 pods.demo.fn.example.org."},
		{"pods.", dns.TypeHTTPS, "10.1.2.0/24", `NOERROR 1 . alpn="h2" ipv4hint="192.0.2.1"`},
		{"_https._tcp.vip.", dns.TypeSRV, de, "NOERROR 0 0 443 vip.demo.fn.example.org."},
		{"vip.", dns.TypeHTTPS, de, `NOERROR 1 . alpn="h2" ipv4hint="198.51.100.80"`},
	} {
		name := c.name + "demo.fn.example.org."
		if got := summary(s.ask(name, c.qtype, c.subnet)); got != c.want {
			t.Errorf("%s %s from %s: %s\nwant %s", name, dns.TypeToString[c.qtype], c.subnet, got, c.want)
		}
	}
	s.expectPorts("all.demo.fn.example.org.", map[string]string{"30443": "192.0.2.4", "8443": "198.51.100.2", "443": "192.0.2.1"})
}

// expectPorts expects an HTTPS record for each port, with the addresses that have it, and
// an SRV record for each.
func (s *server) expectPorts(name string, want map[string]string) {
	s.t.Helper()
	got := map[string]string{}
	for _, rr := range s.ask(name, dns.TypeHTTPS, "10.1.2.0/24").Answer {
		port, hint := "443", ""
		for _, v := range rr.(*dns.HTTPS).Value {
			switch v := v.(type) {
			case *dns.SVCBPort:
				port = v.String()
			case *dns.SVCBIPv4Hint:
				hint = v.String()
			}
		}
		got[port] = hint
	}
	srv := s.ask("_https._tcp."+name, dns.TypeSRV, "10.1.2.0/24")
	for port, addr := range want {
		if got[port] != addr {
			s.t.Errorf("HTTPS of port %s has %q, want %q", port, got[port], addr)
		}
		if !strings.Contains(summary(srv), " 0 0 "+port+" "+name) {
			s.t.Errorf("no SRV of port %s: %s", port, summary(srv))
		}
	}
	if len(got) != len(want) || len(srv.Answer) != len(want) {
		s.t.Errorf("HTTPS has %v and SRV %s, want %v", got, summary(srv), want)
	}
}

// TestAFeedHasThePortOfEachCluster checks the same for a feed.
func TestAFeedHasThePortOfEachCluster(t *testing.T) {
	dir := federated(t)
	f := fixture.Function{Name: "web", Clusters: []string{"de-wide", "mk-core"}, Annotations: fixture.Unprobed("nearcast.dev/policy", "spread", "nearcast.dev/alpn", "h2")}
	fixture.Write(t, filepath.Join(dir, "manifests", "all.yaml"), fixture.Documents(append(gatewaysWithPorts(), withPorts{f, "{name: https, port: 443}"})...))
	s := serve(t, feeding("feed de key carrier"), dir)
	const zone = "de._rpz.fn.example.org."
	s.expectTransfer(zone, "carrier.", policyIn(zone,
		"D. 30 IN NS localhost.",
		`_443._https.web.demo.fn.example.org.D. 10 IN HTTPS 1 web.demo.fn.example.org. alpn="h2" ipv4hint="192.0.2.1"`,
		`_443._https.web.demo.fn.example.org.D. 10 IN HTTPS 1 web.demo.fn.example.org. alpn="h2" port="30443" ipv4hint="192.0.2.4" ipv6hint="2001:db8::4"`,
		"_https._tcp.web.demo.fn.example.org.D. 10 IN SRV 0 0 443 web.demo.fn.example.org.",
		"_https._tcp.web.demo.fn.example.org.D. 10 IN SRV 0 0 30443 web.demo.fn.example.org.",
		"web.demo.fn.example.org.D. 10 IN A 192.0.2.1",
		"web.demo.fn.example.org.D. 10 IN A 192.0.2.4",
		"web.demo.fn.example.org.D. 10 IN AAAA 2001:db8::4",
		`web.demo.fn.example.org.D. 10 IN SVCB 1 . alpn="h2" ipv4hint="192.0.2.1"`,
		`web.demo.fn.example.org.D. 10 IN SVCB 1 . alpn="h2" port="30443" ipv4hint="192.0.2.4" ipv6hint="2001:db8::4"`,
		`web.demo.fn.example.org.D. 10 IN HTTPS 1 . alpn="h2" ipv4hint="192.0.2.1"`,
		`web.demo.fn.example.org.D. 10 IN HTTPS 1 . alpn="h2" port="30443" ipv4hint="192.0.2.4" ipv6hint="2001:db8::4"`,
	), 10*time.Second)
}
