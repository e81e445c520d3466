package nearcast

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// askFrom queries from its own source address on loopback.
func (s *server) askFrom(source, name string, qtype uint16, subnet string) *dns.Msg {
	s.t.Helper()
	client := dns.Client{Timeout: 5 * time.Second, Dialer: &net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(source)}}}
	reply, _, err := client.Exchange(query(name, qtype, subnet), s.UDP)
	if err != nil {
		s.t.Fatal(err)
	}
	return reply
}

// TestPrivateFunctionsLookAbsentToOthers compares, for every name and type, what a
// stranger gets with what it gets if there are no private functions at all.
func TestPrivateFunctionsLookAbsentToOthers(t *testing.T) {
	public := []fixture.Function{
		{Name: "wild", Annotations: fixture.Unprobed("nearcast.dev/hostname", "*.apps.fn.example.org"), Clusters: []string{"de-wide"}},
		hello,
	}
	private := []fixture.Function{
		{Namespace: "blue", Name: "secret", Clusters: []string{"us-azure"}, Annotations: fixture.Unprobed("nearcast.dev/access", "private",
			"nearcast.dev/port", "https=443", "nearcast.dev/alpn", "h2", "nearcast.dev/txt", "hidden", "nearcast.dev/vip", "198.51.100.9")},
		{Namespace: "blue", Name: "over", Clusters: []string{"us-azure"}, Annotations: fixture.Unprobed("nearcast.dev/access", "private",
			"nearcast.dev/hostname", "secret.apps.fn.example.org,a.b.deep.fn.example.org,*.wild.fn.example.org")},
		{Namespace: "green", Name: "own", Clusters: []string{"us-azure"}, Annotations: fixture.Unprobed("nearcast.dev/access", "private")},
	}
	corefile := strings.NewReplacer(
		"fn.example.org:0 {", ".:0 {", "nearcast {", "nearcast fn.example.org 198.51.100.0/24 {",
		"cluster mk-core", "cluster mk-core\n\t\ttenant blue 127.0.1.0/24\n\t\ttenant green 127.0.2.0/24 127.0.3.1\n\t\ttenant blue 127.0.3.0/24",
	).Replace(atMkCore)
	with, without := serve(t, corefile, federated(t, append(public, private...)...)), serve(t, corefile, federated(t, public...))
	names := []string{
		"secret.blue.fn.example.org.", "blue.fn.example.org.", "x.secret.blue.fn.example.org.", "_https._tcp.secret.blue.fn.example.org.",
		"_tcp.secret.blue.fn.example.org.", "_443._https.secret.blue.fn.example.org.", "secret.apps.fn.example.org.", "x.secret.apps.fn.example.org.",
		"apps.fn.example.org.", "deep.fn.example.org.", "b.deep.fn.example.org.", "a.b.deep.fn.example.org.", "x.wild.fn.example.org.",
		"wild.fn.example.org.", "own.green.fn.example.org.", "green.fn.example.org.", "fn.example.org.", "hello.demo.fn.example.org.",
		"9.100.51.198.in-addr.arpa.", "100.51.198.in-addr.arpa.",
	}
	types := []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSRV, dns.TypeHTTPS, dns.TypeTXT, dns.TypeANY, dns.TypeSOA, dns.TypeNS, dns.TypePTR, dns.TypeAXFR}
	for _, name := range names {
		for _, qtype := range types {
			// Its source makes it a stranger; the subnet that it claims is a tenant's.
			got, want := with.askFrom("127.0.0.1", name, qtype, "127.0.1.0/24"), without.askFrom("127.0.0.1", name, qtype, "127.0.1.0/24")
			got.Id, want.Id = 0, 0
			if got.String() != want.String() {
				t.Errorf("a stranger gets for %s %s:\n%s\nwant the answer without private functions:\n%s", name, dns.TypeToString[qtype], got, want)
			}
		}
	}
	for _, c := range []struct {
		source, name string
		qtype        uint16
		want         string
	}{
		{"127.0.1.5", "secret.blue.fn.example.org.", dns.TypeA, "NOERROR 192.0.2.2"},
		{"127.0.1.5", "blue.fn.example.org.", dns.TypeA, "NOERROR SOA"},
		{"127.0.1.5", "_https._tcp.secret.blue.fn.example.org.", dns.TypeSRV, "NOERROR 0 0 443 secret.blue.fn.example.org."},
		{"127.0.1.5", "secret.apps.fn.example.org.", dns.TypeA, "NOERROR 192.0.2.2"},
		{"127.0.1.5", "other.apps.fn.example.org.", dns.TypeA, "NOERROR 192.0.2.4"},
		{"127.0.1.5", "x.secret.apps.fn.example.org.", dns.TypeA, "NXDOMAIN SOA"}, // its own name is the closest encloser
		{"127.0.1.5", "x.wild.fn.example.org.", dns.TypeA, "NOERROR 192.0.2.2"},
		{"127.0.1.5", "9.100.51.198.in-addr.arpa.", dns.TypePTR, "NOERROR secret.blue.fn.example.org."},
		{"127.0.1.5", "own.green.fn.example.org.", dns.TypeA, "NXDOMAIN SOA"},
		{"127.0.2.5", "own.green.fn.example.org.", dns.TypeA, "NOERROR 192.0.2.2"},
		{"127.0.2.5", "secret.blue.fn.example.org.", dns.TypeA, "NXDOMAIN SOA"},
		{"127.0.3.1", "secret.blue.fn.example.org.", dns.TypeA, "NOERROR 192.0.2.2"}, // in both
		{"127.0.3.1", "own.green.fn.example.org.", dns.TypeA, "NOERROR 192.0.2.2"},
		{"127.0.3.2", "own.green.fn.example.org.", dns.TypeA, "NXDOMAIN SOA"},
	} {
		if got := summary(with.askFrom(c.source, c.name, c.qtype, "")); got != c.want {
			t.Errorf("%s queries %s %s: %q, want %q", c.source, c.name, dns.TypeToString[c.qtype], got, c.want)
		}
	}
}

// TestAHostileTenantGainsNothing claims what belongs to another tenant, or to none.
func TestAHostileTenantGainsNothing(t *testing.T) {
	honest := fixture.Function{Namespace: "blue", Name: "shop", Clusters: []string{"de-wide"}, Created: "2026-01-01T00:00:00Z",
		Annotations: fixture.Unprobed("nearcast.dev/hostname", "shop.blue.fn.example.org", "nearcast.dev/vip", "198.51.100.53")}
	hostile := func(name string, annotations ...string) fixture.Function {
		return fixture.Function{Namespace: "red", Name: name, Clusters: []string{"us-azure"}, Created: "2020-01-01T00:00:00Z", Annotations: fixture.Unprobed(annotations...)}
	}
	var many []string
	for range 100 {
		many = append(many, strings.Repeat("n", len(many)%50+1)+".red.fn.example.org")
	}
	s := serve(t, strings.Replace(atMkCore, "cluster mk-core", "cluster mk-core\n\t\tclaim red red.fn.example.org addresses 192.0.2.0/24\n\t\tclaim blue blue.fn.example.org addresses 198.51.100.53", 1), federated(t, honest,
		hostile("a", "nearcast.dev/hostname", "shop.blue.fn.example.org"),
		hostile("b", "nearcast.dev/hostname", "*.fn.example.org"),
		hostile("c", "nearcast.dev/hostname", "ns1.fn.example.org"),
		hostile("d", "nearcast.dev/address", "us-azure=169.254.169.254"),
		hostile("e", "nearcast.dev/probe", "http://169.254.169.254:80/latest/"),
		hostile("f", "nearcast.dev/vip", "198.51.100.53"),
		hostile("g", "nearcast.dev/address", "us-azure=198.51.100.53"),
		hostile("h", "nearcast.dev/hostname", strings.Join(many, ",")),
		hostile("i", "nearcast.dev/hostname", "fn.example.org"),
		hostile("j", "nearcast.dev/hostname", "9.100.51.198.in-addr.arpa"),
	))
	for name, want := range map[string]string{
		"shop.blue.fn.example.org.": "NOERROR 192.0.2.4",
		"anything.fn.example.org.":  "NXDOMAIN SOA",
		"ns1.fn.example.org.":       "NOERROR 198.51.100.53",
		"d.red.fn.example.org.":     "NXDOMAIN SOA",
		"f.red.fn.example.org.":     "NOERROR 192.0.2.2", // without the VIP
		"g.red.fn.example.org.":     "NXDOMAIN SOA",
		"n.red.fn.example.org.":     "NOERROR 192.0.2.2", // within the limit of 64 distinct ones
		"fn.example.org.":           "NOERROR SOA",
	} {
		if got := summary(s.ask(name, dns.TypeA, "")); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestACLRunsBeforeNearcast checks that acl sees the source before steering does.
func TestACLRunsBeforeNearcast(t *testing.T) {
	s := serve(t, strings.Replace(atMkCore, "nearcast {", "acl {\n block net 127.0.5.0/24\n }\n\tnearcast {", 1), federated(t, hello))
	for source, want := range map[string]string{"127.0.0.1": "NOERROR 192.0.2.2", "127.0.5.1": "REFUSED not-authoritative"} {
		if got := summary(s.askFrom(source, "hello.demo.fn.example.org.", dns.TypeA, "10.2.0.0/24")); got != want {
			t.Errorf("%s: %s, want %s", source, got, want)
		}
	}
}
