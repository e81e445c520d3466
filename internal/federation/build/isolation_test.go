package build

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/annotation"
	"github.com/nearcast/nearcast/internal/federation/claims"
)

// dated gives the template a creation time, in seconds.
func dated(t *federation.Template, created int64) *federation.Template {
	t.Created = created
	return t
}

// balanced is a binding of the resource to cluster a, whose load balancer has the
// address.
func balanced(resource federation.Ref, address string) *federation.Binding {
	b := bound(resource, "a")
	o := b.In("a").Observed()
	o.LoadBalancer = federation.Endpoint{}.Add(netip.MustParseAddr(address))
	b.Observe("a", o)
	return b
}

// functionsOf returns the State's functions by namespace and name.
func functionsOf(s *federation.State) map[string]*federation.Function {
	all := map[string]*federation.Function{}
	for _, f := range s.All() {
		all[f.Namespace+"/"+f.Name] = f
	}
	return all
}

func prefixes(all ...string) (parsed []netip.Prefix) {
	for _, p := range all {
		parsed = append(parsed, netip.MustParsePrefix(p))
	}
	return parsed
}

func TestOnlyAVIPOfAnotherNamespaceIsRefused(t *testing.T) {
	allowed := claims.List{{Namespace: "evil", Names: []string{"evil.fn.example.org."}, Addresses: prefixes("192.0.2.0/24", "2001:db8::/32")}, {Namespace: "bank", Addresses: prefixes("198.51.100.0/24")}}
	unclaimed := claims.List{{Namespace: "evil", Addresses: prefixes("198.51.100.0/24")}}
	gateway, gateway6 := cluster("a", "192.0.2.4"), cluster("b", "192.0.2.5")
	gateway6.Gateways["vpn"] = federation.Endpoint{Gateway: true}.Add(netip.MustParseAddr("2001:db8::4"))
	bank := service("bank", "login")
	for name, c := range map[string]struct {
		claims claims.List
		evil   *federation.Template
		more   []federation.Object
		want   string // "" if it has the VIP
	}{
		"a cluster's gateway":                     {nil, service("evil", "x", "vip", "192.0.2.4"), nil, "is the gateway of cluster a"},
		"a claimed gateway":                       {allowed, service("evil", "x", "vip", "192.0.2.4"), nil, "is the gateway of cluster a"},
		"a horizon's gateway":                     {nil, service("evil", "x", "vip", "2001:db8::4"), nil, "is the gateway of cluster b"},
		"a gateway in its mapped form":            {nil, service("evil", "x", "vip", "::ffff:192.0.2.4"), nil, "is the gateway of cluster a"},
		"outside its claims":                      {allowed, service("evil", "x", "vip", "198.51.100.7"), nil, "is not claimed"},
		"special":                                 {nil, service("evil", "x", "vip", "fd00:ec2::254"), nil, "cloud metadata"},
		"another's VIP":                           {nil, dated(service("evil", "x", "vip", "198.51.100.7"), 2), []federation.Object{dated(service("bank", "pay", "vip", "198.51.100.7"), 1)}, "already belongs to Service bank/pay"},
		"another's load balancer":                 {nil, dated(service("evil", "x", "vip", "198.51.100.7"), 2), []federation.Object{dated(service("bank", "pay"), 1), balanced(service("bank", "pay").Ref(), "198.51.100.7")}, "is an address of Service bank/pay"},
		"another's fixed address":                 {nil, dated(service("evil", "x", "vip", "198.51.100.7"), 2), []federation.Object{dated(service("bank", "pay", "address", "a=198.51.100.7"), 1), bound(service("bank", "pay").Ref(), "a")}, "is an address of Service bank/pay"},
		"another's, not claimed":                  {unclaimed, dated(service("evil", "x", "vip", "198.51.100.7"), 2), []federation.Object{dated(service("bank", "pay"), 1), balanced(service("bank", "pay").Ref(), "198.51.100.7")}, ""},
		"its own":                                 {nil, service("evil", "x", "vip", "198.51.100.7"), nil, ""},
		"one beside another of its own":           {nil, dated(service("evil", "x", "vip", "198.51.100.7"), 2), []federation.Object{dated(service("evil", "y", "vip", "198.51.100.7"), 1)}, ""},
		"one that a younger function also claims": {nil, dated(service("evil", "x", "vip", "198.51.100.7"), 1), []federation.Object{dated(service("bank", "pay", "vip", "198.51.100.7"), 2)}, ""},
		"one at which its own function":           {nil, dated(service("evil", "x", "vip", "198.51.100.7"), 2), []federation.Object{dated(service("evil", "y"), 1), balanced(service("evil", "y").Ref(), "198.51.100.7")}, ""},
	} {
		objects := append([]federation.Object{gateway, gateway6, bank, bound(bank.Ref(), "a", "b"), c.evil, bound(c.evil.Ref(), "a")}, c.more...)
		s := world(Options{Claims: c.claims}, objects...)
		all := functionsOf(s)
		if got := shape(s, all["bank/login"]); got != "a=192.0.2.4; b=192.0.2.5" {
			t.Errorf("%s: bank/login has %s, want its clusters' gateways", name, got)
		}
		x := all["evil/x"]
		if x == nil || shape(s, x) != "a=192.0.2.4" {
			t.Errorf("%s: evil/x is not served without the VIP", name)
			continue
		}
		faults := slices.DeleteFunc(slices.Clone(s.Faults), func(f federation.Fault) bool { return f.Object != x.String() })
		switch {
		case c.want == "" && (len(x.VIPs) != 1 || len(faults) > 0):
			t.Errorf("%s: VIPs %v, faults %v; want it", name, x.VIPs, faults)
		case c.want != "" && (len(x.VIPs) != 0 || len(faults) != 1 || !strings.Contains(faults[0].Reason, c.want) || faults[0].Key != annotation.VIP):
			t.Errorf("%s: VIPs %v, faults %v; want it refused: %s", name, x.VIPs, faults, c.want)
		}
	}
}

func TestNamesOfOthersNeedAClaim(t *testing.T) {
	bank := []federation.Object{
		dated(service("bank", "login"), 10), dated(service("bank", "pay", "hostname", "pay.fn.example.org,*.pay.fn.example.org"), 10),
		dated(service("bank", "wild", "hostname", "*.wild.fn.example.org"), 10),
	}
	for name, c := range map[string]struct {
		hostname string
		created  int64
		want     string // "" if evil has all of the names
	}{
		"a wildcard of the zone":            {"*.fn.example.org", 20, "would match every free name of the zone"},
		"another's domain":                  {"bank.fn.example.org", 1, "is at or below bank.fn.example.org."},
		"a name in another's domain":        {"x.bank.fn.example.org", 1, "is at or below bank.fn.example.org."},
		"a wildcard of another's domain":    {"*.bank.fn.example.org", 1, "is at or below bank.fn.example.org."},
		"a deep wildcard in it":             {"*.x.y.bank.fn.example.org", 1, "is at or below bank.fn.example.org."},
		"a challenge of another's default":  {"_acme-challenge.login.bank.fn.example.org", 1, "is at or below bank.fn.example.org."},
		"a challenge of another's name":     {"_acme-challenge.pay.fn.example.org", 1, "is below pay.fn.example.org."},
		"a key of another's name":           {"x._domainkey.pay.fn.example.org", 1, "is below pay.fn.example.org."},
		"a port of another's name":          {"_443._tcp.pay.fn.example.org", 1, "is below pay.fn.example.org."},
		"below another's name":              {"a.b.pay.fn.example.org", 20, "is below pay.fn.example.org."},
		"a wildcard below another's name":   {"*.b.pay.fn.example.org", 20, "is below pay.fn.example.org."},
		"another's wildcard":                {"*.pay.fn.example.org", 20, "is below pay.fn.example.org."},
		"another's name":                    {"pay.fn.example.org", 20, "already belongs to Service bank/pay"},
		"in capitals":                       {"X.BANK.fn.example.org", 1, "is at or below bank.fn.example.org."},
		"the zone's own":                    {"_dmarc.fn.example.org", 1, "which is reserved for the zone"},
		"the feeds'":                        {"de._rpz.fn.example.org", 1, "which is reserved for the zone"},
		"its own domain":                    {"evil.fn.example.org,*.evil.fn.example.org,_acme-challenge.x.evil.fn.example.org", 20, ""},
		"a free name":                       {"wpad.fn.example.org", 20, ""},
		"a free name and its wildcard":      {"shop.fn.example.org,*.shop.fn.example.org,_acme-challenge.shop.fn.example.org,_dmarc.a.shop.fn.example.org", 20, ""},
		"a free wildcard":                   {"*.shop.fn.example.org", 20, ""},
		"below another's wildcard":          {"x.wild.fn.example.org", 20, "is below wild.fn.example.org."},
		"a wildcard below another's":        {"*.x.wild.fn.example.org", 20, "is below wild.fn.example.org."},
		"a challenge below another's":       {"_acme-challenge.x.wild.fn.example.org", 1, "is below wild.fn.example.org."},
		"a namespace's name as a late part": {"bank.x.fn.example.org", 20, ""},
		"it only looks like another's":      {"xbank.fn.example.org,bankx.fn.example.org", 20, ""},
	} {
		evil := dated(service("evil", "x", "hostname", c.hostname), c.created)
		for _, claimed := range []bool{false, true} {
			opts := Options{Zones: []string{"fn.example.org."}}
			if claimed {
				opts.Claims = claims.List{{Namespace: claims.AnyNamespace, Names: opts.Zones}}
			}
			s := world(opts, append(slices.Clone(bank), evil)...)
			all := functionsOf(s)
			if all["bank/login"] == nil || !claimed && (all["bank/pay"] == nil || len(all["bank/pay"].Hostnames) != 2) {
				t.Errorf("%s: bank lost a name: %v", name, s.Faults)
			}
			x, n := all["evil/x"], len(evil.Hostnames)
			switch {
			case claimed && name != "another's name" && name != "another's wildcard" && (x == nil || len(x.Hostnames) != n):
				t.Errorf("%s: refused with a claim for all: %v", name, s.Faults)
			case !claimed && c.want == "" && (x == nil || len(x.Hostnames) != n || len(s.Faults) > 0):
				t.Errorf("%s: refused: %v", name, s.Faults)
			case !claimed && c.want != "" && (x != nil || len(s.Faults) != 1 || !strings.Contains(s.Faults[0].Reason, c.want)):
				t.Errorf("%s: %v, want it refused: %s", name, s.Faults, c.want)
			}
		}
	}
}

// TestANameForbiddenToOneIsFreeForAnother checks that a namespace that may not have a name
// keeps no other from having it, however old its function is.
func TestANameForbiddenToOneIsFreeForAnother(t *testing.T) {
	s := world(Options{},
		dated(service("bank", "pay", "hostname", "pay.fn.example.org"), 10),
		dated(service("bank", "acme", "hostname", "_acme-challenge.pay.fn.example.org"), 20),
		dated(service("evil", "x", "hostname", "_acme-challenge.pay.fn.example.org"), 1))
	all := functionsOf(s)
	if all["bank/acme"] == nil || all["evil/x"] != nil {
		t.Errorf("functions %v, faults %v; want the challenge with the name", all, s.Faults)
	}
}

// TestANestedZoneIsDividedLikeAnyOther has a namespace named like the first label of the
// zone; its names in the parent zone would belong to others.
func TestANestedZoneIsDividedLikeAnyOther(t *testing.T) {
	zones := []string{"example.org.", "fn.example.org.", "apex.fn.example.org."}
	pay := dated(service("bank", "pay", "hostname", "pay.fn.example.org"), 10)
	bank := []federation.Object{dated(service("bank", "login"), 10), pay}
	allowed := claims.List{{Namespace: "bank", Names: []string{"pay.fn.example.org."}}}
	for name, c := range map[string]struct {
		claims claims.List
		evil   *federation.Template
		lost   string
	}{
		"a default name that is another's":       {nil, dottedIngress("fn", "login.bank"), "login.bank.fn.example.org."},
		"one at another's domain":                {nil, service("fn", "bank"), "bank.fn.example.org."},
		"one that another has a claim to":        {allowed, service("fn", "pay"), "pay.fn.example.org."},
		"one that is a zone":                     {nil, service("fn", "apex"), "apex.fn.example.org."},
		"a name in another's domain":             {nil, service("fn", "x", "hostname", "x.bank.fn.example.org"), "x.bank.fn.example.org."},
		"a challenge in it":                      {nil, service("fn", "x", "hostname", "_acme-challenge.login.bank.fn.example.org"), "_acme-challenge.login.bank.fn.example.org."},
		"a wildcard of it":                       {nil, service("fn", "x", "hostname", "*.bank.fn.example.org"), "*.bank.fn.example.org."},
		"a wildcard of the zone":                 {nil, service("fn", "x", "hostname", "*.fn.example.org"), "*.fn.example.org."},
		"a name that the zone has for itself":    {nil, service("fn", "x", "hostname", "_dmarc.fn.example.org"), "_dmarc.fn.example.org."},
		"a name in another's domain in the zone": {nil, service("evil", "x", "hostname", "fn.bank.fn.example.org"), "fn.bank.fn.example.org."},
	} {
		s := world(Options{Zones: zones, Claims: c.claims}, append(slices.Clone(bank), dated(c.evil, 1))...)
		for _, f := range s.All() {
			if f.Namespace != "bank" && slices.Contains(f.Hostnames, c.lost) {
				t.Errorf("%s: %s has %s", name, f.Template, c.lost)
			}
		}
		if f := functionsOf(s)["bank/login"]; f == nil || len(f.Hostnames) != len(zones) {
			t.Errorf("%s: bank/login lost a name: %v", name, s.Faults)
		}
	}
	s := world(Options{Zones: []string{"fn.example.org.", "bank.fn.example.org."}}, service("bank", "login"), service("shop", "web"))
	if all := functionsOf(s); len(all["bank/login"].Hostnames) != 2 || len(all["shop/web"].Hostnames) != 2 || len(s.Faults) > 0 {
		t.Errorf("%v, want the default names of each in both", s.Faults)
	}
}

func dottedIngress(namespace, name string) *federation.Template {
	t := service(namespace, name)
	t.Group, t.Kind = "networking.k8s.io", "Ingress"
	return t
}

func TestClaimsLimitLoadBalancers(t *testing.T) {
	mine := claims.List{{Namespace: "ns", Names: []string{"ns.fn.example.org."}, Addresses: prefixes("198.51.100.64/26", "2001:db8:64::/48")}}
	names := claims.List{{Namespace: "ns", Names: []string{"ns.fn.example.org."}}}
	all := claims.List{{Namespace: claims.AnyNamespace, Names: []string{"."}, Addresses: prefixes("0.0.0.0/0", "::/0")}}
	for _, c := range []struct {
		claims  claims.List
		address string
		refused string // "" if it is answered
	}{
		{mine, "198.51.100.70", ""},
		{mine, "2001:db8:64::1", ""},
		{mine, "198.51.100.1", "is not claimed"},
		{mine, "10.96.0.10", "is not claimed"},
		{names, "203.0.113.1", ""},
		{names, "10.96.0.10", "is private"},
		{names, "fd00::10", "is private"},
		{names, "100.64.0.10", "is private"},
		{names, "64:ff9b::a60:a", "is private"},
		{nil, "10.96.0.10", ""},
		{nil, "169.254.169.254", "is link-local"},
		{nil, "fd00:ec2::254", "is cloud metadata"},
		{nil, "fd20:ce::254", "is cloud metadata"},
		{nil, "64:ff9b::a9fe:a9fe", "is link-local (169.254.169.254)"},
		{nil, "64:ff9b::7f00:1", "is loopback (127.0.0.1)"},
		{nil, "64:ff9b:1::a9fe:a9fe", "is local NAT64"},
		{nil, "2002:a9fe:a9fe::1", "is link-local (169.254.169.254)"},
		{nil, "2002:7f00:1::", "is loopback"},
		{nil, "2001:0:a9fe:a9fe::1", "is link-local"},
		{nil, "2001:0:c000:201::5601:5601", "is link-local"}, // the client's part, obfuscated
		{nil, "::ffff:0:a9fe:a9fe", "is link-local"},
		{nil, "::169.254.169.254", "is link-local"},
		{nil, "2001:db8::5efe:7f00:1", "is loopback"},
		{nil, "0.0.0.1", "is unspecified"},
		{nil, "255.255.255.255", "is broadcast"},
		{nil, "ff02::1", "is multicast"},
		{nil, "2002:c000:201::1", ""},
		{nil, "64:ff9b::c000:201", ""},
		{all, "10.96.0.10", ""},
		{all, "127.0.0.1", "is loopback"},
		{all, "fd00:ec2::254", "is cloud metadata"},
	} {
		for _, how := range []string{"reported", "resolved", "annotated"} {
			web := service("ns", "web")
			web.Balanced = true
			b, opts := balanced(web.Ref(), c.address), Options{Claims: c.claims}
			switch how {
			case "resolved":
				b.Observe("a", federation.Observed{Applied: true, Health: federation.Healthy, LoadBalancerNames: []string{"rebind.example.net."}})
				opts.Resolve = func(string) (federation.Endpoint, bool) {
					return federation.Endpoint{}.Add(netip.MustParseAddr(c.address)), true
				}
			case "annotated":
				if len(c.claims) > 0 && len(c.claims[0].Addresses) == 0 {
					continue // it may annotate none
				}
				web = service("ns", "web", "address", "a="+c.address)
				b = bound(web.Ref(), "a")
			}
			s := world(opts, cluster("a", "192.0.2.1"), web, b)
			said := fmt.Sprint(s.Faults)
			for _, f := range s.All() {
				said += shape(s, f)
			}
			switch want := "a=" + netip.MustParseAddr(c.address).Unmap().String(); {
			case c.refused == "" && !strings.Contains(said, want):
				t.Errorf("%s %s: %s, want it answered", how, c.address, said)
			case c.refused != "" && (strings.Contains(said, want) || !strings.Contains(said, c.refused)):
				t.Errorf("%s %s: %s, want it refused: %s", how, c.address, said, c.refused)
			}
		}
	}
}

// hostile is what a tenant writes that wants what belongs to others.
type hostile struct {
	*rapid.T
	created [2]int64
}

func (h hostile) one(label string, of ...string) string {
	return rapid.SampledFrom(of).Draw(h.T, label)
}

// names are at, above, below and beside those of others.
func (h hostile) names() string {
	var names []string
	for range rapid.IntRange(1, 3).Draw(h.T, "names") {
		names = append(names, h.one("prefix", "", "*.", "_acme-challenge.", "_443._tcp.", "x.", "*.x.")+
			h.one("name", "", "web.", "login.", "pay.", "a.pay.", "api.", "evil.")+h.one("domain", "", "bank.", "shop.", "evil.", "pay.")+"fn.example.org")
	}
	return strings.Join(names, ",")
}

func (h hostile) address() string {
	return h.one("address", "192.0.2.1", "192.0.2.2", "198.51.100.7", "198.51.100.70", "203.0.113.5", "127.0.0.1", "10.0.0.1")
}

func (h hostile) objects() (all []federation.Object) {
	for i := range rapid.IntRange(1, 4).Draw(h.T, "objects") {
		var annotations []string
		if rapid.Bool().Draw(h.T, "named") {
			annotations = append(annotations, "hostname", h.names())
		}
		if rapid.Bool().Draw(h.T, "vip") {
			annotations = append(annotations, "vip", h.address()+","+h.address())
		}
		if rapid.Bool().Draw(h.T, "fixed") {
			annotations = append(annotations, "address", "a="+h.address())
		}
		t := service("evil", h.one("service", "web", "login", "bank", fmt.Sprint("f", i)), annotations...)
		t.Created = rapid.Int64Range(h.created[0], h.created[1]).Draw(h.T, "created")
		t.Balanced = rapid.Bool().Draw(h.T, "balanced")
		b := bound(t.Ref(), "a", "b")
		switch h.one("status", "", "address", "name") {
		case "address":
			b = balanced(t.Ref(), h.address())
		case "name":
			b.Observe("a", federation.Observed{Applied: true, Health: federation.Healthy, LoadBalancerNames: []string{h.one("lb", "rebind.example.net.", "login.bank.fn.example.org.")}})
		}
		all = append(all, t, b)
	}
	return all
}

// TestAHostileNamespaceChangesNothingForOthers checks isolation: with claims, whatever the
// age of the objects; without, if the others came first.
func TestAHostileNamespaceChangesNothingForOthers(t *testing.T) {
	victims := func() []federation.Object {
		pay := dated(service("bank", "pay", "hostname", "pay.fn.example.org,*.pay.fn.example.org,_acme-challenge.pay.fn.example.org", "vip", "198.51.100.7"), 10)
		balancedBank := service("bank", "lb")
		balancedBank.Balanced = true
		return []federation.Object{
			cluster("a", "192.0.2.1"), cluster("b", "192.0.2.2"),
			dated(service("bank", "login"), 10), bound(service("bank", "login").Ref(), "a", "b"),
			pay, bound(pay.Ref(), "a", "b"),
			dated(balancedBank, 11), balanced(balancedBank.Ref(), "198.51.100.70"),
			dated(service("shop", "web", "hostname", "*.shop.fn.example.org", "address", "a=198.51.100.71"), 12), bound(service("shop", "web").Ref(), "a", "b"),
		}
	}
	allowed := claims.List{
		{Namespace: "bank", Names: []string{"bank.fn.example.org.", "pay.fn.example.org."}, Addresses: prefixes("198.51.100.0/24")},
		{Namespace: "shop", Names: []string{"shop.fn.example.org."}, Addresses: prefixes("198.51.100.0/24")},
		{Namespace: "evil", Names: []string{"evil.fn.example.org."}, Addresses: prefixes("203.0.113.0/24", "192.0.2.0/24")},
	}
	names := slices.Clone(allowed) // evil's addresses are then those of its load balancers
	names[2].Addresses = nil
	rapid.Check(t, func(t *rapid.T) {
		h := hostile{T: t, created: [2]int64{20, 30}}
		opts := Options{Zones: []string{"fn.example.org."}, Resolve: func(string) (federation.Endpoint, bool) {
			return federation.Endpoint{}.Add(netip.MustParseAddr("198.51.100.7")), true
		}}
		if rapid.Bool().Draw(t, "claims") {
			h.created[0], opts.Claims = 1, rapid.SampledFrom([]claims.List{allowed, names}).Draw(t, "what is claimed")
		}
		alone, beside := world(opts, victims()...), world(opts, append(victims(), h.objects()...)...)
		got := functionsOf(beside)
		for name, want := range functionsOf(alone) {
			f := got[name]
			if f == nil || !slices.Equal(f.Hostnames, want.Hostnames) || !slices.Equal(f.VIPs, want.VIPs) || shape(beside, f) != shape(alone, want) {
				t.Fatalf("%s is\n%s\nand was without the hostile namespace\n%s\n%v", name, text(beside), text(alone), beside.Faults)
			}
		}
		for _, f := range beside.All() {
			for _, name := range f.Hostnames {
				if f.Namespace == "evil" && opts.Claims == nil && (strings.Contains(name, "bank.fn.") || strings.Contains(name, "shop.fn.") || strings.HasSuffix(name, ".pay.fn.example.org.")) {
					t.Fatalf("evil got %s", name)
				}
			}
		}
	})
}
