package check

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/steering/health"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

var ask = health.Ask(health.TLS{})

// dnsServer answers over UDP and TCP on one port with handler.
func dnsServer(t *testing.T, handler dns.HandlerFunc, networks ...string) netip.AddrPort {
	t.Helper()
	packet, listener := fixture.BothProtocols(t)
	addr := netip.MustParseAddrPort(packet.LocalAddr().String())
	for _, s := range []*dns.Server{{PacketConn: packet, Handler: handler}, {Listener: listener, Handler: handler}} {
		if s.Listener != nil && slices.Contains(networks, "udp only") {
			listener.Close()
			continue
		}
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		go s.ActivateAndServe()
		<-started
		t.Cleanup(func() { s.Shutdown() })
	}
	return addr
}

// answering answers every query with the records, after changes.
func answering(t *testing.T, change func(*dns.Msg, dns.ResponseWriter), records ...string) dns.HandlerFunc {
	var all []dns.RR
	for _, text := range records {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, rr)
	}
	return func(w dns.ResponseWriter, r *dns.Msg) {
		m := new(dns.Msg).SetReply(r)
		m.Authoritative, m.Answer = true, all
		if change != nil {
			change(m, w)
		}
		w.WriteMsg(m)
	}
}

func TestADNSCheckRequiresTheRightAnswerOverUDPAndTCP(t *testing.T) {
	const soa, a1, a2 = "fn.example.org. 5 IN SOA a. b. 1 2 3 4 5", "www.example.net. 5 IN A 192.0.2.80", "www.example.net. 9 IN A 192.0.2.81"
	overTCP := func(change func(*dns.Msg)) func(*dns.Msg, dns.ResponseWriter) {
		return func(m *dns.Msg, w dns.ResponseWriter) {
			if w.LocalAddr().Network() == "tcp" {
				change(m)
			}
		}
	}
	notAuthoritative := func(m *dns.Msg, _ dns.ResponseWriter) { m.Authoritative = false }
	for name, c := range map[string]struct {
		handler dns.HandlerFunc
		check   config.DNSCheck
		want    string
	}{
		"right":                       {answering(t, nil, soa), config.DNSCheck{}, ""},
		"not authoritative":           {answering(t, notAuthoritative, soa), config.DNSCheck{}, "over udp: the answer is not authoritative"},
		"not authoritative, over TCP": {answering(t, overTCP(func(m *dns.Msg) { m.Authoritative = false }), soa), config.DNSCheck{}, "over tcp: the answer is not authoritative"},
		"recursive":                   {answering(t, notAuthoritative, a1), config.DNSCheck{Type: "A", Recursive: true}, ""},
		"empty":                       {answering(t, nil), config.DNSCheck{}, "over udp: the answer has no SOA"},
		"empty, over TCP":             {answering(t, overTCP(func(m *dns.Msg) { m.Answer = nil }), soa), config.DNSCheck{}, "over tcp: the answer has no SOA"},
		"SERVFAIL":                    {answering(t, func(m *dns.Msg, _ dns.ResponseWriter) { m.Rcode = dns.RcodeServerFailure }, soa), config.DNSCheck{}, "over udp: SERVFAIL"},
		"truncated":                   {answering(t, func(m *dns.Msg, _ dns.ResponseWriter) { m.Truncated = true }, soa), config.DNSCheck{}, "over tcp: the answer is truncated"},
		"the content":                 {answering(t, nil, a1, a2), config.DNSCheck{Type: "A", Answer: []string{"192.0.2.81", "192.0.2.80"}}, ""},
		"less content":                {answering(t, nil, a1), config.DNSCheck{Type: "A", Answer: []string{"192.0.2.81", "192.0.2.80"}}, "over udp: got answer 192.0.2.80, want 192.0.2.80, 192.0.2.81"},
		"more content":                {answering(t, nil, a1, a2), config.DNSCheck{Type: "A", Answer: []string{"192.0.2.80"}}, "over udp: got answer 192.0.2.80, 192.0.2.81, want 192.0.2.80"},
		"other content over TCP":      {answering(t, overTCP(func(m *dns.Msg) { m.Answer = m.Answer[:1] }), a1, a2), config.DNSCheck{Type: "A", Answer: []string{"192.0.2.80", "192.0.2.81"}}, "over tcp: got answer 192.0.2.80"},
	} {
		check := c.check
		check.Server, check.Name = dnsServer(t, c.handler), "fn.example.org"
		if check.Type == "" {
			check.Type = "SOA"
		}
		err := Run(t.Context(), &config.Check{DNS: &check, Timeout: 5 * time.Second}, ask)
		if (err == nil) != (c.want == "") || err != nil && !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	udpOnly := &config.DNSCheck{Server: dnsServer(t, answering(t, nil, soa), "udp only"), Name: "fn.example.org", Type: "SOA"}
	if err := Run(t.Context(), &config.Check{DNS: udpOnly, Timeout: 5 * time.Second}, ask); err == nil || !strings.HasPrefix(err.Error(), "over tcp: ") {
		t.Errorf("no TCP: got %v", err)
	}
}

func TestOneEndpointThatPassesIsEnough(t *testing.T) {
	backend := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer backend.Close()
	alive := netip.MustParseAddrPort(backend.Listener.Addr().String())
	dead := netip.MustParseAddrPort("127.0.0.1:1")
	var many []netip.AddrPort
	for range 3 * endpointsAtOnce {
		many = append(many, dead)
	}
	for name, c := range map[string]struct {
		addrs []netip.AddrPort
		pass  bool
	}{"one": {[]netip.AddrPort{alive}, true}, "the last of many": {append(many, alive), true}, "none alive": {many, false}, "none": {nil, false}} {
		check := config.Check{Endpoints: &config.EndpointsCheck{Probe: federation.Target{Kind: federation.ProbeHTTP, Path: "/"}, Addrs: c.addrs}, Timeout: 5 * time.Second}
		if err := Run(t.Context(), &check, ask); (err == nil) != c.pass {
			t.Errorf("%s: %v", name, err)
		}
	}
}
