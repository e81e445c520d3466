package nearcast

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/plugin/internal/client"
)

func TestAnswersFollowTheFederation(t *testing.T) {
	functions := []fixture.Function{
		hello,
		{Name: "wild", Annotations: fixture.Unprobed("nearcast.dev/hostname", "*.apps.fn.example.org, deep.er.fn.example.org"), Clusters: []string{"de-wide"}},
		{Name: "dual", Annotations: fixture.Unprobed("nearcast.dev/address", "de-wide=192.0.2.44,de-wide=2001:db8::44"), Clusters: []string{"de-wide"}},
		{Name: "six", Annotations: fixture.Unprobed("nearcast.dev/address", "de-wide=2001:db8::66"), Clusters: []string{"de-wide"}},
		{Name: "shared", Annotations: fixture.Unprobed("nearcast.dev/vip", "198.51.100.80,2001:db8::80"), Clusters: nil},
		{Name: "lonely", Annotations: fixture.Unprobed(), Clusters: nil},
		{Name: "order", Annotations: fixture.Unprobed("nearcast.dev/policy", "failover", "nearcast.dev/weights", "us-azure=1,de-wide=2"), Clusters: fixture.ThreeNames},
		{Name: "sick", Annotations: fixture.Unprobed(), Clusters: fixture.ThreeNames, Health: map[string]string{"mk-core": "Unhealthy", "us-azure": "Unknown"}},
		{Name: "dead", Annotations: fixture.Unprobed(), Clusters: []string{"de-wide", "us-azure"}, Health: map[string]string{"de-wide": "Unhealthy", "us-azure": "Unhealthy"}},
		{Name: "short", Annotations: fixture.Unprobed("nearcast.dev/ttl", "7"), Clusters: fixture.ThreeNames},
	}
	s := serve(t, atMkCore, federated(t, functions...))
	const mk, us, de = "10.1.2.0/24", "10.2.2.0/24", "10.3.2.0/24"
	for _, c := range []struct {
		name   string
		qtype  uint16
		subnet string
		want   string
	}{
		{"hello.demo.fn.example.org.", dns.TypeA, mk, "NOERROR 192.0.2.1"},
		{"hello.demo.fn.example.org.", dns.TypeA, us, "NOERROR 192.0.2.2"},
		{"hello.demo.fn.example.org.", dns.TypeA, de, "NOERROR 192.0.2.4"},
		{"hello.demo.fn.example.org.", dns.TypeA, "2001:db8:2:7::/64", "NOERROR 192.0.2.2"},
		{"hello.demo.fn.example.org.", dns.TypeA, "203.0.113.0/24", "NOERROR 192.0.2.1"}, // nowhere: at the site
		{"hello.demo.fn.example.org.", dns.TypeA, "0.0.0.0/0", "NOERROR 192.0.2.1"},
		{"hello.demo.fn.example.org.", dns.TypeA, "", "NOERROR 192.0.2.1"},
		{"hello.demo.fn.example.org.", dns.TypeAAAA, us, "NOERROR SOA"},
		{"hello.demo.fn.example.org.", dns.TypeMX, us, "NOERROR SOA"},
		{"hello.demo.fn.example.org.", dns.TypeANY, us, `NOERROR "RFC8482" ""`},
		{"nope.demo.fn.example.org.", dns.TypeA, us, "NXDOMAIN SOA"},
		{"below.hello.demo.fn.example.org.", dns.TypeA, us, "NXDOMAIN SOA"},
		{"demo.fn.example.org.", dns.TypeA, us, "NOERROR SOA"}, // an empty non-terminal
		{"er.fn.example.org.", dns.TypeA, us, "NOERROR SOA"},
		{"deep.er.fn.example.org.", dns.TypeA, us, "NOERROR 192.0.2.4"},
		{"any.apps.fn.example.org.", dns.TypeA, us, "NOERROR 192.0.2.4"},
		{"any.thing.apps.fn.example.org.", dns.TypeA, us, "NOERROR 192.0.2.4"},
		{"apps.fn.example.org.", dns.TypeA, us, "NOERROR SOA"},
		{"dual.demo.fn.example.org.", dns.TypeA, us, "NOERROR 192.0.2.44"},
		{"dual.demo.fn.example.org.", dns.TypeAAAA, us, "NOERROR 2001:db8::44"},
		{"six.demo.fn.example.org.", dns.TypeA, us, "NOERROR SOA"},
		{"six.demo.fn.example.org.", dns.TypeAAAA, us, "NOERROR 2001:db8::66"},
		{"shared.demo.fn.example.org.", dns.TypeA, us, "NOERROR 198.51.100.80"},
		{"shared.demo.fn.example.org.", dns.TypeAAAA, us, "NOERROR 2001:db8::80"},
		{"lonely.demo.fn.example.org.", dns.TypeA, us, "NOERROR SOA"},
		{"order.demo.fn.example.org.", dns.TypeA, mk, "NOERROR 192.0.2.2"},
		{"sick.demo.fn.example.org.", dns.TypeA, mk, "NOERROR 192.0.2.4"}, // up before unknown before down
		{"dead.demo.fn.example.org.", dns.TypeA, us, "NOERROR 192.0.2.2 192.0.2.4"},
		{"dead.demo.fn.example.org.", dns.TypeA, de, "NOERROR 192.0.2.4 192.0.2.2"},
		{"fn.example.org.", dns.TypeSOA, us, `NOERROR ns1.fn.example.org. first\.last.example.org. 1 86400 7200 3600000 5`},
		{"fn.example.org.", dns.TypeNS, us, "NOERROR ns1.fn.example.org. deep.down.fn.example.org."},
		{"fn.example.org.", dns.TypeA, us, "NOERROR SOA"},
		{"ns1.fn.example.org.", dns.TypeA, us, "NOERROR 198.51.100.53"},
		{"ns1.fn.example.org.", dns.TypeAAAA, us, "NOERROR SOA"},
		{"fn.example.org.", dns.TypeAXFR, us, "REFUSED not-authoritative"},
		// An escaped dot or backslash in a label does not end the label.
		{`hello\.demo.fn.example.org.`, dns.TypeA, us, "NXDOMAIN SOA"},
		{`x\.apps.fn.example.org.`, dns.TypeA, us, "NXDOMAIN SOA"},
		{`x\.y.apps.fn.example.org.`, dns.TypeA, us, "NOERROR 192.0.2.4"},
		{`a\.fn.example.org.`, dns.TypeA, us, "REFUSED not-authoritative"},
		{strings.Repeat(`\001`, 63) + "." + strings.Repeat(`\001`, 63) + ".fn.example.org.", dns.TypeA, us, "NXDOMAIN SOA"},
		// Names of name servers exist.
		{"deep.down.fn.example.org.", dns.TypeA, us, "NOERROR 198.51.100.54"},
		{"down.fn.example.org.", dns.TypeA, us, "NOERROR SOA"},
		{"x.ns1.fn.example.org.", dns.TypeA, us, "NXDOMAIN SOA"},
		{"example.org.", dns.TypeA, us, "REFUSED not-authoritative"},
		{"xfn.example.org.", dns.TypeA, us, "REFUSED not-authoritative"},
	} {
		if got := summary(s.ask(c.name, c.qtype, c.subnet)); got != c.want {
			t.Errorf("%s %s from %q: %q, want %q", c.name, dns.TypeToString[c.qtype], c.subnet, got, c.want)
		}
	}
}

func TestTTLIsBoundedByZoneAndFunction(t *testing.T) {
	s := serve(t, atMkCore, federated(t, hello,
		fixture.Function{Name: "short", Annotations: fixture.Unprobed("nearcast.dev/ttl", "7"), Clusters: fixture.ThreeNames},
		fixture.Function{Name: "tiny", Annotations: fixture.Unprobed("nearcast.dev/ttl", "1"), Clusters: fixture.ThreeNames},
		fixture.Function{Name: "dead", Annotations: fixture.Unprobed(), Clusters: []string{"de-wide"}, Health: map[string]string{"de-wide": "Unhealthy"}},
	))
	for name, want := range map[string]uint32{"hello": 30, "short": 7, "tiny": 5, "dead": 5} {
		reply := s.ask(name+".demo.fn.example.org.", dns.TypeA, "")
		if got := reply.Answer[0].Header().Ttl; got != want {
			t.Errorf("%s: TTL %d, want %d", name, got, want)
		}
	}
	if got := s.ask("nope.fn.example.org.", dns.TypeA, "").Ns[0].Header().Ttl; got != 5 {
		t.Errorf("negative TTL %d, want 5", got)
	}
}

func TestCaseOfTheQuestionIsKept(t *testing.T) {
	s := serve(t, atMkCore, federated(t, hello))
	const name = "HeLLo.dEmo.FN.exAmple.ORG."
	if got := s.ask(name, dns.TypeA, "").Answer[0].Header().Name; got != name {
		t.Errorf("owner %s, want %s", got, name)
	}
	if got := s.ask("NoPe.FN.exAmple.ORG.", dns.TypeA, "").Ns[0].Header().Name; got != "FN.exAmple.ORG." {
		t.Errorf("SOA owner %s, want the zone in the question's case", got)
	}
}

// TestScopeIsRight covers RFC 7871, section 7.2.1: an answer that depends on the subnet
// has the scope of its location, and any other has scope 0.
func TestScopeIsRight(t *testing.T) {
	dir := federated(t, hello, fixture.Function{Name: "shared", Annotations: fixture.Unprobed("nearcast.dev/vip", "198.51.100.80")},
		fixture.Function{Name: "mixed", Annotations: fixture.Unprobed("nearcast.dev/address", "de-wide=2001:db8::44,us-azure=192.0.2.44"), Clusters: fixture.ThreeNames},
		fixture.Function{Name: "share", Annotations: fixture.Unprobed("nearcast.dev/policy", "weighted"), Clusters: fixture.ThreeNames})
	s := serve(t, atMkCore, dir)
	for _, c := range []struct {
		name, subnet string
		qtype        uint16
		want         uint8
	}{
		{"hello.demo.fn.example.org.", "10.2.2.0/24", dns.TypeA, 16},
		{"hello.demo.fn.example.org.", "10.2.2.1/32", dns.TypeA, 16},
		{"hello.demo.fn.example.org.", "10.0.0.0/8", dns.TypeA, 16},  // longer than the source: ask again with more
		{"hello.demo.fn.example.org.", "10.4.0.0/24", dns.TypeA, 14}, // the gap 10.4.0.0/14
		{"hello.demo.fn.example.org.", "192.0.2.0/24", dns.TypeA, 9}, // the gap up to 192.168.0.0/16, which is private
		{"hello.demo.fn.example.org.", "2001:db8:2::/56", dns.TypeA, 48},
		{"hello.demo.fn.example.org.", "0.0.0.0/0", dns.TypeA, 0},
		{"hello.demo.fn.example.org.", "10.2.2.0/24", dns.TypeAAAA, 0}, // negative
		{"nope.fn.example.org.", "10.2.2.0/24", dns.TypeA, 0},
		{"fn.example.org.", "10.2.2.0/24", dns.TypeSOA, 0},
		{"shared.demo.fn.example.org.", "10.2.2.0/24", dns.TypeA, 0},    // the same for all clients
		{"share.demo.fn.example.org.", "10.2.2.0/24", dns.TypeA, 24},    // differs within a location
		{"mixed.demo.fn.example.org.", "10.2.2.0/24", dns.TypeAAAA, 16}, // no records for this client, but for others
	} {
		asked := query(c.name, c.qtype, c.subnet)
		reply := s.exchange(asked)
		got, want := client.Subnet(reply), client.Subnet(asked)
		if got == nil {
			t.Errorf("%s from %s: no client-subnet option in the reply", c.name, c.subnet)
			continue
		}
		if got.SourceScope != c.want || got.Family != want.Family || got.SourceNetmask != want.SourceNetmask || !got.Address.Equal(want.Address) {
			t.Errorf("%s %s from %s: %v, want scope %d", c.name, dns.TypeToString[c.qtype], c.subnet, got, c.want)
		}
	}
}

func TestAWeightedAnswerHasTheScopeOfTheSubnet(t *testing.T) {
	const corefile = `fn.example.org:0 {
		bind LOOPBACK
		nearcast {
			cluster mk-core
			manifests DIR/manifests
			policy weighted
		}
	}`
	s := serve(t, corefile, federated(t, hello)) // no locations: all clients are in one place
	if scope := client.Subnet(s.ask("hello.demo.fn.example.org.", dns.TypeA, "10.2.2.0/24")).SourceScope; scope != 24 {
		t.Errorf("scope %d, want the subnet's 24", scope)
	}
}

func TestTheRootZoneWorks(t *testing.T) {
	const corefile = `.:0 {
		bind LOOPBACK
		nearcast {
			cluster mk-core
			manifests DIR/manifests
		}
	}`
	s := serve(t, corefile, federated(t, hello))
	for name, want := range map[string]string{"hello.demo.": "NOERROR 192.0.2.1", "nope.": "NXDOMAIN SOA", "demo.": "NOERROR SOA", ".": "NOERROR SOA"} {
		if got := summary(s.ask(name, dns.TypeA, "")); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestFallthroughAppliesOnlyToTheNamedZones(t *testing.T) {
	const corefile = `.:0 {
		bind LOOPBACK
		nearcast fn.example.org {
			cluster mk-core
			manifests DIR/manifests
			fallthrough lab.fn.example.org
		}
		whoami
	}`
	s := serve(t, corefile, federated(t, hello))
	if reply := s.ask("x.lab.fn.example.org.", dns.TypeAAAA, ""); len(reply.Extra) == 0 {
		t.Error("did not fall through")
	}
	if got := summary(s.ask("x.fn.example.org.", dns.TypeAAAA, "")); got != "NXDOMAIN SOA" {
		t.Errorf("%s, want it answered here", got)
	}
}

func TestOnlyEDNSQueriesGetEDNSReplies(t *testing.T) {
	s := serve(t, atMkCore, federated(t, hello))
	if reply := s.ask("hello.demo.fn.example.org.", dns.TypeA, ""); reply.IsEdns0() != nil {
		t.Error("an OPT in the reply to a query without one")
	}
	plain := new(dns.Msg).SetQuestion("hello.demo.fn.example.org.", dns.TypeA).SetEdns0(1232, true)
	reply := s.exchange(plain)
	if opt := reply.IsEdns0(); opt == nil || len(opt.Option) != 0 || !opt.Do() {
		t.Errorf("want an OPT with DO and no option, got %v", opt)
	}
}

func TestMalformedSubnetIsFORMERR(t *testing.T) {
	s := serve(t, atMkCore, federated(t, hello))
	scoped := query("hello.demo.fn.example.org.", dns.TypeA, "10.2.2.0/24")
	client.Subnet(scoped).SourceScope = 24
	if got := summary(s.exchange(scoped)); !strings.HasPrefix(got, "FORMERR") {
		t.Errorf("a query with a scope: %s, want FORMERR", got)
	}
}

func TestTheSubnetOfAnUntrustedSourceIsIgnored(t *testing.T) {
	const corefile = `fn.example.org:0 {
		bind LOOPBACK
		nearcast {
			cluster mk-core
			manifests DIR/manifests
			locations DIR/locations.csv
			ecs 192.0.2.0/24
		}
	}`
	s := serve(t, corefile, federated(t, hello))
	reply := s.ask("hello.demo.fn.example.org.", dns.TypeA, "10.2.2.0/24")
	if got := summary(reply); got != "NOERROR 192.0.2.1" {
		t.Errorf("%s, want the answer for the source", got)
	}
	if option := client.Subnet(reply); option != nil {
		t.Errorf("the reply has %v", option)
	}
}

func TestHorizonFollowsOnlyTheSourceAddress(t *testing.T) {
	natted := fixture.Cluster{Name: "hpc-kube", Region: "mk", Zone: "mk-skopje", Annotations: map[string]string{"nearcast.dev/address.vpn": "100.64.0.3"}}
	private := fixture.Function{Name: "lab", Annotations: fixture.Unprobed(), Clusters: []string{"hpc-kube", "us-azure"}}
	dir := federated(t, hello)
	fixture.Write(t, filepath.Join(dir, "manifests", "natted.yaml"), fixture.Documents(natted, private))
	const corefile = `fn.example.org:0 {
		bind LOOPBACK
		nearcast {
			cluster hpc-kube
			manifests DIR/manifests
			locations DIR/locations.csv
			horizon vpn SOURCE
		}
	}`
	inside := serve(t, strings.ReplaceAll(corefile, "SOURCE", "127.0.0.0/8"), dir)
	if got := summary(inside.ask("lab.demo.fn.example.org.", dns.TypeA, "10.2.2.0/24")); got != "NOERROR 192.0.2.2" {
		t.Errorf("a client in the USA behind a VPN source: %s, want us-azure by its default address", got)
	}
	if got := summary(inside.ask("lab.demo.fn.example.org.", dns.TypeA, "")); got != "NOERROR 100.64.0.3" {
		t.Errorf("over the VPN: %s, want the cluster behind NAT", got)
	}
	outside := serve(t, strings.ReplaceAll(corefile, "SOURCE", "10.0.0.0/8"), dir)
	if got := summary(outside.ask("lab.demo.fn.example.org.", dns.TypeA, "10.1.2.0/24")); got != "NOERROR 192.0.2.2" {
		t.Errorf("a subnet that only claims to be on the VPN: %s, want the cluster that it can reach", got)
	}
}

func TestOnlyAbsentNamesFallThrough(t *testing.T) {
	const corefile = `.:0 {
		bind LOOPBACK
		nearcast fn.example.org {
			cluster mk-core
			manifests DIR/manifests
			fallthrough
		}
		whoami
	}`
	s := serve(t, corefile, federated(t, hello))
	for name, fellThrough := range map[string]bool{
		"hello.demo.fn.example.org.":       false,
		"below.hello.demo.fn.example.org.": true,
		"demo.fn.example.org.":             true,
		"fn.example.org.":                  false,
		"example.net.":                     true,
	} {
		reply := s.ask(name, dns.TypeAAAA, "")
		// Only whoami puts records into the additional section here.
		if got := len(reply.Extra) > 0; got != fellThrough {
			t.Errorf("%s fell through: %v, want %v", name, got, fellThrough)
		}
	}
}

func TestWithoutAStateEveryNameIsSERVFAIL(t *testing.T) {
	dir := federated(t, hello)
	if err := os.WriteFile(filepath.Join(dir, "kubeconfig"), []byte(`apiVersion: v1
kind: Config
clusters: [{name: k, cluster: {server: "https://127.0.0.1:1"}}]
contexts: [{name: k, context: {cluster: k, user: k}}]
current-context: k
users: [{name: k, user: {token: x}}]
`), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serve(t, `fn.example.org:0 {
		bind LOOPBACK
		nearcast {
			cluster mk-core
			karmada DIR/kubeconfig
		}
	}`, dir)
	for _, name := range []string{"hello.demo.fn.example.org.", "fn.example.org.", "nope.fn.example.org."} {
		reply := s.exchange(new(dns.Msg).SetQuestion(name, dns.TypeSOA).SetEdns0(1232, false))
		if reply.Rcode != dns.RcodeServerFailure || extendedError(reply) != dns.ExtendedErrorCodeNotReady {
			t.Errorf("%s: %s, EDE %d; want SERVFAIL, EDE 14", name, dns.RcodeToString[reply.Rcode], extendedError(reply))
		}
	}
}

func extendedError(m *dns.Msg) uint16 {
	if opt := m.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if ede, ok := o.(*dns.EDNS0_EDE); ok {
				return ede.InfoCode
			}
		}
	}
	return 0xffff
}

func TestAllCandidatesDownIsReportedInTheAnswer(t *testing.T) {
	s := serve(t, atMkCore, federated(t, fixture.Function{Name: "dead", Annotations: fixture.Unprobed(), Clusters: []string{"de-wide"}, Health: map[string]string{"de-wide": "Unhealthy"}}))
	reply := s.exchange(new(dns.Msg).SetQuestion("dead.demo.fn.example.org.", dns.TypeA).SetEdns0(1232, false))
	if got := extendedError(reply); got != dns.ExtendedErrorCodeOther {
		t.Errorf("EDE %d, want 0", got)
	}
}

func TestAnEditIsAnsweredAndABadOneIsNot(t *testing.T) {
	dir := federated(t, hello)
	s := serve(t, atMkCore, dir)
	s.expect("hello.demo.fn.example.org.", dns.TypeA, "", "NOERROR 192.0.2.1", time.Second)
	path := filepath.Join(dir, "manifests", "all.yaml")
	moved := hello
	moved.Clusters = []string{"us-azure"}
	fixture.Write(t, path, fixture.ThreeWith(moved))
	s.expect("hello.demo.fn.example.org.", dns.TypeA, "", "NOERROR 192.0.2.2", 5*time.Second)

	good := fixture.Function{Name: "good", Annotations: fixture.Unprobed(), Clusters: []string{"de-wide"}}
	typo := moved
	typo.Annotations = fixture.Unprobed("nearcast.dev/polcy", "failover")
	fixture.Write(t, path, fixture.ThreeWith(typo, good))
	s.expect("good.demo.fn.example.org.", dns.TypeA, "", "NOERROR 192.0.2.4", 5*time.Second)
	s.expect("hello.demo.fn.example.org.", dns.TypeA, "", "NOERROR 192.0.2.2", 0) // the previous version stays in use

	fixture.Write(t, path, "clusters: [")
	time.Sleep(300 * time.Millisecond)
	s.expect("good.demo.fn.example.org.", dns.TypeA, "", "NOERROR 192.0.2.4", 0)
}
