package nearcast

import (
	"slices"
	"strings"
	"testing"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/plugin/internal/client"
)

func TestThePluginOrderIsTheOneThatSteeringNeeds(t *testing.T) {
	at := func(name string) int { return slices.Index(dnsserver.Directives, name) }
	order := []string{"acl", "dnssec", "nearcast", "cache", "header"}
	for i := 1; i < len(order); i++ {
		if at(order[i-1]) < 0 || at(order[i-1]) >= at(order[i]) {
			t.Errorf("%s is not before %s", order[i-1], order[i])
		}
	}
}

// TestCacheDoesNotMixClients fails if cache runs before nearcast: its keys contain no
// client.
func TestCacheDoesNotMixClients(t *testing.T) {
	s := serve(t, strings.Replace(atMkCore, "bind", "cache 300\n\tbind", 1), federated(t, hello))
	for range 3 {
		for subnet, want := range map[string]string{"10.2.0.0/24": "NOERROR 192.0.2.2", "10.3.0.0/24": "NOERROR 192.0.2.4"} {
			if got := summary(s.ask("hello.demo.fn.example.org.", dns.TypeA, subnet)); got != want {
				t.Fatalf("from %s: %s, want %s", subnet, got, want)
			}
		}
	}
}

// TestDNSSECSignsWhatIsSteered fails if dnssec runs after nearcast.
func TestDNSSECSignsWhatIsSteered(t *testing.T) {
	dir := federated(t, hello)
	key := fixture.Key(t, dir, "key")
	s := serve(t, strings.Replace(atMkCore, "bind", "dnssec {\n key file DIR/key\n }\n\tbind", 1), dir)
	for _, c := range []struct{ name, subnet, want string }{
		{"hello.demo.fn.example.org.", "10.2.0.0/24", "192.0.2.2"},
		{"hello.demo.fn.example.org.", "10.3.0.0/24", "192.0.2.4"},
	} {
		m := query(c.name, dns.TypeA, c.subnet)
		m.IsEdns0().SetDo()
		reply := s.exchange(m)
		var a *dns.A
		var sig *dns.RRSIG
		for _, rr := range reply.Answer {
			switch rr := rr.(type) {
			case *dns.A:
				a = rr
			case *dns.RRSIG:
				sig = rr
			}
		}
		if a == nil || sig == nil || a.A.String() != c.want {
			t.Fatalf("from %s: %v, want %s and its signature", c.subnet, reply.Answer, c.want)
		}
		if err := sig.Verify(key, []dns.RR{a}); err != nil {
			t.Errorf("from %s: %v", c.subnet, err)
		}
		if subnet := client.Subnet(reply); subnet == nil || subnet.SourceScope != 16 {
			t.Errorf("from %s: the scope was lost on the way: %v", c.subnet, subnet)
		}
	}
}
