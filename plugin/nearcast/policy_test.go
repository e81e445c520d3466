package nearcast

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/site"
	"github.com/nearcast/nearcast/internal/steering/steer"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/internal/testkit/peers"
	"github.com/nearcast/nearcast/plugin/internal/client"
)

// policyFunctions has a function for every policy, named after it.
func policyFunctions() []fixture.Function {
	var all []fixture.Function
	for name, annotations := range map[string][]string{
		"nearest":  {"nearcast.dev/policy", "nearest"},
		"failover": {"nearcast.dev/policy", "failover", "nearcast.dev/weights", "us-azure=1,mk-core=2"},
		"weighted": {"nearcast.dev/policy", "weighted", "nearcast.dev/weights", "us-azure=1,mk-core=0,de-wide=0"},
		"sticky":   {"nearcast.dev/policy", "weighted sticky", "nearcast.dev/weights", "de-wide=1,mk-core=0,us-azure=0"},
		"cheapest": {"nearcast.dev/policy", "cheapest budget 30ms"},
		"fastest":  {"nearcast.dev/policy", "fastest"},
		"spread":   {"nearcast.dev/policy", "spread"},
		"anycast":  {"nearcast.dev/policy", "anycast", "nearcast.dev/vip", "198.51.100.80,2001:db8:ffff::80"},
	} {
		all = append(all, fixture.Function{Name: name, Clusters: fixture.ThreeNames, Annotations: fixture.Unprobed(append(annotations,
			"nearcast.dev/address", "de-wide=192.0.2.4,de-wide=2001:db8:ffff::4,mk-core=192.0.2.1,mk-core=2001:db8:ffff::1,us-azure=192.0.2.2,us-azure=2001:db8:ffff::2")...)})
	}
	return all
}

// policyCases: the client, the policy, the order of clusters, and the scope of the
// answer. A client without a subnet queries from loopback, which is at the site.
var policyCases = []struct {
	client, policy, order string
	scope                 uint8
}{
	{"10.1.2.0/24", "nearest", "mk-core de-wide us-azure", 16},
	{"10.2.2.0/24", "nearest", "us-azure de-wide mk-core", 16},
	{"10.3.2.0/24", "nearest", "de-wide mk-core us-azure", 16},
	{"2001:db8:2::/56", "nearest", "us-azure de-wide mk-core", 48},
	{"::ffff:10.2.2.0/120", "nearest", "us-azure de-wide mk-core", 112},
	{"64:ff9b::a02:200/120", "nearest", "us-azure de-wide mk-core", 112},
	{"2002:a02:200::/40", "nearest", "us-azure de-wide mk-core", 32},
	{"", "nearest", "mk-core de-wide us-azure", 0},
	{"0.0.0.0/0", "nearest", "mk-core de-wide us-azure", 0},
	{"198.51.100.0/24", "nearest", "mk-core de-wide us-azure", 6}, // in no location: the gap
	{"10.3.2.0/24", "failover", "us-azure mk-core de-wide", 16},
	{"2001:db8:1::/56", "failover", "us-azure mk-core de-wide", 48},
	{"", "failover", "us-azure mk-core de-wide", 0},
	{"10.3.2.0/24", "weighted", "us-azure de-wide mk-core", 24}, // all zero: the nearest
	{"2001:db8:1::/56", "weighted", "us-azure mk-core de-wide", 56},
	{"10.1.2.0/24", "sticky", "de-wide mk-core us-azure", 24},
	{"10.1.2.0/28", "sticky", "de-wide mk-core us-azure", 24},
	{"2001:db8:1::/64", "sticky", "de-wide mk-core us-azure", 56},
	{"2002:a01:200::/48", "sticky", "de-wide mk-core us-azure", 40},
	{"10.1.2.0/24", "cheapest", "de-wide mk-core us-azure", 16},
	{"10.2.2.0/24", "cheapest", "us-azure de-wide mk-core", 16},
	{"2001:db8:2::/48", "cheapest", "us-azure de-wide mk-core", 48},
	{"10.1.2.0/24", "fastest", "mk-core de-wide us-azure", 16},
	{"10.2.2.0/24", "fastest", "us-azure de-wide mk-core", 16},
	{"2001:db8:1::/48", "fastest", "mk-core de-wide us-azure", 48},
	{"", "fastest", "mk-core de-wide us-azure", 0},
}

// policyServers starts the same federation from both sources.
func policyServers(t *testing.T) map[string]*server {
	t.Helper()
	dir := federated(t)
	clusters := fixture.Documents(func() []fixture.Document {
		var all []fixture.Document
		for _, c := range fixture.Three {
			c.Annotations = map[string]string{"nearcast.dev/cost": map[string]string{"de-wide": "1", "mk-core": "2", "us-azure": "0.5"}[c.Name]}
			all = append(all, c)
		}
		for _, f := range policyFunctions() {
			all = append(all, f)
		}
		return all
	}()...)
	fixture.Write(t, filepath.Join(dir, "manifests", "all.yaml"), clusters)
	api, kubeconfig := fixture.Karmada(t, dir, clusters)
	t.Cleanup(func() { api.CloseClientConnections(); api.Close() })
	return map[string]*server{
		"manifests": serve(t, atMkCore, dir),
		"karmada":   serve(t, strings.Replace(atMkCore, "manifests DIR/manifests", "karmada "+kubeconfig, 1), dir),
	}
}

// prefixOfCase parses a subnet; netip has no masks for IPv4-mapped addresses.
func prefixOfCase(t *testing.T, text string) netip.Prefix {
	t.Helper()
	addr, bits, _ := strings.Cut(text, "/")
	var n int
	if _, err := fmt.Sscan(bits, &n); err != nil {
		t.Fatal(err)
	}
	return netip.PrefixFrom(netip.MustParseAddr(addr), n)
}

func TestEveryPolicyOrdersEveryClientFromBothSources(t *testing.T) {
	for source, s := range policyServers(t) {
		s.expect("nearest.demo.fn.example.org.", dns.TypeA, "10.1.0.0/16", "NOERROR 192.0.2.1", 5*time.Second)
		view := storedInstance(t, s.Instance).sites[0].View()
		for _, c := range policyCases {
			var subnet netip.Prefix
			var m = query(c.policy+".demo.fn.example.org.", dns.TypeA, "")
			if c.client != "" {
				subnet = prefixOfCase(t, c.client)
				m = queryFrom(c.policy+".demo.fn.example.org.", dns.TypeA, subnet)
			}
			at := view.Locate(netip.MustParseAddr("127.0.0.1"), subnet)
			function, _ := view.Names.Lookup([]byte(c.policy+".demo.fn.example.org."), nil)
			q := steer.Question{Function: function, Location: at.Location, Client: at.Addr, Turn: site.Turn(time.Now())}
			var order []string
			for _, cluster := range view.Rank(nil, view.Standing, q) {
				order = append(order, view.State.Clusters[cluster].Name)
			}
			if got := strings.Join(order, " "); got != c.order {
				t.Errorf("%s: %s from %q: %s, want %s", source, c.policy, c.client, got, c.order)
			}
			for qtype, families := range map[uint16]map[string]string{
				dns.TypeA:    {"de-wide": "192.0.2.4", "mk-core": "192.0.2.1", "us-azure": "192.0.2.2"},
				dns.TypeAAAA: {"de-wide": "2001:db8:ffff::4", "mk-core": "2001:db8:ffff::1", "us-azure": "2001:db8:ffff::2"},
			} {
				m.Question[0].Qtype = qtype
				reply := s.exchange(m)
				first, _, _ := strings.Cut(c.order, " ")
				if got := summary(reply); got != "NOERROR "+families[first] {
					t.Errorf("%s: %s %s from %q: %s, want %s", source, c.policy, dns.TypeToString[qtype], c.client, got, families[first])
				}
				if option := client.Subnet(reply); option != nil && option.SourceScope != c.scope {
					t.Errorf("%s: %s from %s: scope %d, want %d", source, c.policy, c.client, option.SourceScope, c.scope)
				}
			}
		}
		for _, subnet := range []string{"", "10.2.0.0/24", "2001:db8:1::/48"} {
			if got := summary(s.ask("anycast.demo.fn.example.org.", dns.TypeA, subnet)); got != "NOERROR 198.51.100.80" {
				t.Errorf("%s: anycast from %q: %s", source, subnet, got)
			}
			if got := len(s.ask("spread.demo.fn.example.org.", dns.TypeAAAA, subnet).Answer); got != 3 {
				t.Errorf("%s: spread from %q: %d addresses, want all three", source, subnet, got)
			}
		}
	}
}

// TestDigSeesWhatThePoliciesSay sends the same queries with dig.
func TestDigSeesWhatThePoliciesSay(t *testing.T) {
	dig := peers.Find(t, "dig", "bind9-dnsutils")
	s := policyServers(t)["manifests"]
	host, port, _ := strings.Cut(s.UDP, ":")
	address := map[string]string{"de-wide": "192.0.2.4", "mk-core": "192.0.2.1", "us-azure": "192.0.2.2"}
	for _, c := range policyCases {
		args := []string{"@" + host, "-p", port, c.policy + ".demo.fn.example.org", "A"}
		if c.client != "" {
			args = append(args, "+subnet="+c.client)
		}
		out, err := dig.Command(args...).Output()
		if err != nil {
			t.Fatalf("dig %s: %v", args, err)
		}
		first, _, _ := strings.Cut(c.order, " ")
		text := string(out)
		if !strings.Contains(text, "\tA\t"+address[first]+"\n") {
			t.Errorf("dig %s: want %s\n%s", args, address[first], text)
		}
		if _, bits, _ := strings.Cut(c.client, "/"); c.client != "" && !strings.Contains(text, fmt.Sprintf("/%s/%d\n", bits, c.scope)) {
			t.Errorf("dig %s: want scope %d\n%s", args, c.scope, text)
		}
	}
}
