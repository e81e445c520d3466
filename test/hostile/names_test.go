package hostile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// function is one of a namespace in a cluster of fixture.Three.
func function(namespace, name, cluster, created string, annotations ...string) fixture.Function {
	return fixture.Function{Namespace: namespace, Name: name, Created: created + "T00:00:00Z", Annotations: fixture.Unprobed(annotations...), Clusters: []string{cluster}}
}

// victim is a function of another namespace, placed in de-wide.
func victim(namespace, name string) fixture.Function {
	return fixture.Function{Namespace: namespace, Name: name, Annotations: fixture.Unprobed(), Clusters: []string{"de-wide"}}
}

// answers are those to the queries, "NAME TYPE" each, below the zone.
func (w *world) answers(t *testing.T, queries ...string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, query := range queries {
		name, qtype, _ := strings.Cut(query, " ")
		all[query] = w.ask(t, name+".fn.example.org.", dns.StringToType[qtype])
	}
	return all
}

// site is a Corefile of one nearcast block, with more lines in it.
func site(lines ...string) string {
	return `fn.example.org:{port} {
    bind {host}
    nearcast {
        cluster de-wide
        manifests {dir}/fed
        ns ns1.fn.example.org 198.51.100.53
        ` + strings.Join(lines, "\n        ") + `
    }
}`
}

// TestATenantCannotTakeNamesOrAddressesOfAnother applies what one namespace may write to a running
// server, and asks for what others have, before, meanwhile and after.
func TestATenantCannotTakeNamesOrAddressesOfAnother(t *testing.T) {
	const young, old = "2026-06-01", "2020-01-01"
	queries := []string{
		"login.bank A", "pay A", "x.pay A", "lb.bank A", "anycast.bank A", "anycast.bank AAAA", "_acme-challenge.login.bank TXT", "_dmarc TXT", "ns1 A", "nothing A", "x.bank A",
	}
	bank := []fixture.Document{
		function("bank", "login", "de-wide", "2026-05-01"),
		function("bank", "pay", "us-azure", "2026-05-01", "nearcast.dev/hostname", "pay.fn.example.org,*.pay.fn.example.org", "nearcast.dev/vip", "198.51.100.7"),
		function("bank", "anycast", "de-wide", "2026-05-01", "nearcast.dev/policy", "anycast", "nearcast.dev/vip", "198.51.100.9,2001:db8::9"),
		fixture.Function{Namespace: "bank", Name: "lb", Created: "2026-05-01T00:00:00Z", Annotations: fixture.Unprobed(), Clusters: []string{"de-wide"}, LoadBalancer: map[string]string{"de-wide": "198.51.100.10"}},
	}
	at := func(more ...string) []string {
		return append([]string{"nearcast.dev/address", "de-wide=203.0.113.66", "nearcast.dev/txt", "taken"}, more...)
	}
	attacks := map[string]struct {
		function fixture.Function
		refused  bool
	}{
		"VIPs that are gateways":             {function("evil", "a", "de-wide", old, "nearcast.dev/vip", "192.0.2.4,192.0.2.2"), true},
		"a VIP that is a load balancer's":    {function("evil", "b", "de-wide", young, "nearcast.dev/vip", "198.51.100.10"), true},
		"VIPs of another":                    {function("evil", "c", "de-wide", young, "nearcast.dev/vip", "198.51.100.7,198.51.100.9,2001:db8::9"), true},
		"a wildcard of the zone":             {function("evil", "d", "de-wide", old, at("nearcast.dev/hostname", "*.fn.example.org")...), true},
		"another's domain and its wildcard":  {function("evil", "e", "de-wide", old, at("nearcast.dev/hostname", "bank.fn.example.org,*.bank.fn.example.org")...), true},
		"another's default name":             {function("evil", "f", "de-wide", old, at("nearcast.dev/hostname", "login.bank.fn.example.org")...), true},
		"names of a certificate and of mail": {function("evil", "g", "de-wide", old, at("nearcast.dev/hostname", "_acme-challenge.login.bank.fn.example.org,_dmarc.fn.example.org,_acme-challenge.pay.fn.example.org")...), true},
		"a name below another's wildcard":    {function("evil", "h", "de-wide", young, at("nearcast.dev/hostname", "x.pay.fn.example.org")...), true},
		"a name of the zone's server":        {function("evil", "i", "de-wide", old, at("nearcast.dev/hostname", "ns1.fn.example.org")...), false}, // which answers for itself
		"its own (control)":                  {function("evil", "j", "de-wide", young, at("nearcast.dev/vip", "203.0.113.9", "nearcast.dev/hostname", "*.evil.fn.example.org,free.fn.example.org")...), false},
	}
	for name, corefile := range map[string]string{
		"without claims": site(),
		"with claims":    site("claim bank bank.fn.example.org pay.fn.example.org addresses 198.51.100.0/24 2001:db8::/32", "claim evil evil.fn.example.org free.fn.example.org addresses 203.0.113.0/24 192.0.2.0/24 198.51.100.0/24 2001:db8::/32"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, append([]fixture.Document{fixture.Three[0], fixture.Three[2]}, bank...)...)
			p := w.serve(t, corefile)
			before := w.answers(t, queries...)
			for _, what := range []string{"login.bank A", "pay A", "x.pay A", "lb.bank A", "anycast.bank A"} {
				if !strings.Contains(before[what], ".") {
					t.Fatalf("%s: got %s before the attack", what, before[what])
				}
			}
			for what, attack := range attacks {
				// The control comes with it and shows when it has been read.
				mark := function("evil", "mark", "de-wide", young, at("nearcast.dev/txt", what)...)
				w.write(t, "evil", attack.function, mark)
				eventually(t, what, func() error {
					if got := w.ask(t, "mark.evil.fn.example.org.", dns.TypeTXT); got != fmt.Sprintf("%q", what) {
						return fmt.Errorf("control: got %s", got)
					}
					return nil
				})
				for query, got := range w.answers(t, queries...) {
					if got != before[query] {
						t.Errorf("%s: %s: got %s, was %s", what, query, got, before[query])
					}
				}
				named := strings.Contains(p.log.String(), "evil/"+attack.function.Name+":")
				if attack.refused && !named {
					t.Errorf("%s is not rejected by name", what)
				}
				if what == "its own (control)" {
					for query, want := range map[string]string{"x.evil A": "203.0.113.66", "free A": "203.0.113.66"} {
						if got := w.answers(t, query)[query]; got != want || named {
							t.Errorf("%s: %s: got %s, want %s; refused: %v", what, query, got, want, named)
						}
					}
				}
			}
		})
	}
}

// TestClaimsHoldForLoadBalancers asks for a tenant's load balancers at addresses that are
// not its own, and for one at an address that is.
func TestClaimsHoldForLoadBalancers(t *testing.T) {
	balanced := func(name, address string) fixture.Function {
		f := function("evil", name, "de-wide", "2026-06-01")
		f.LoadBalancer = map[string]string{"de-wide": address}
		return f
	}
	w := newWorld(t, fixture.Three[0], balanced("own", "198.51.100.70"), balanced("private", "10.96.0.10"), balanced("other", "198.51.100.10"),
		balanced("metadata", "fd00:ec2::254"), balanced("translated", "64:ff9b::a9fe:a9fe"), balanced("mapped", "::ffff:127.0.0.1"))
	w.serve(t, site("claim evil evil.fn.example.org addresses 198.51.100.64/26 ::/0"))
	for query, want := range map[string]string{
		"own.evil A": "198.51.100.70", "private.evil A": "NOERROR", "other.evil A": "NOERROR",
		"metadata.evil AAAA": "NOERROR", "translated.evil AAAA": "NOERROR", "mapped.evil A": "NOERROR",
	} {
		if got := w.answers(t, query)[query]; got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
}
