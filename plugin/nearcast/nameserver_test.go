package nearcast

import (
	"fmt"
	"io"
	golog "log"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// TestANameServerKeepsItsName checks that a function that claims it, or the zone's own
// name, is refused only that name, as the log and check report.
func TestANameServerKeepsItsName(t *testing.T) {
	dir := federated(t, fixture.Function{Name: "greedy", Clusters: fixture.ThreeNames,
		Annotations: fixture.Unprobed("nearcast.dev/hostname", "ns1.fn.example.org,fn.example.org,DEEP.down.fn.example.org,greedy.fn.example.org")})
	s := serve(t, atMkCore, dir)
	for name, want := range map[string]string{
		"ns1.fn.example.org.": "NOERROR 198.51.100.53", "deep.down.fn.example.org.": "NOERROR 198.51.100.54",
		"fn.example.org.": "NOERROR SOA", "greedy.fn.example.org.": "NOERROR 192.0.2.1",
	} {
		if got := summary(s.ask(name, dns.TypeA, "10.1.2.0/24")); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	path := filepath.Join(dir, "Corefile")
	fixture.Write(t, path, strings.ReplaceAll(atMkCore, "DIR", dir))
	configs, faults, _ := Check(path)
	if want := "[deep.down.fn.example.org. ns1.fn.example.org.]"; len(faults) > 0 || len(configs) != 1 || fmt.Sprint(configs[0].Servers) != want {
		t.Errorf("%v, %v, want the servers %s", configs, faults, want)
	}
}

// TestANameServerNamedLikeTheZoneIsReachable also queries a signed zone, whose denials
// must not deny the addresses.
func TestANameServerNamedLikeTheZoneIsReachable(t *testing.T) {
	corefile := strings.Replace(atMkCore, "ns ns1.fn.example.org 198.51.100.53", "ns fn.example.org 198.51.100.53", 1)
	s := serve(t, corefile, federated(t, hello))
	for qtype, want := range map[uint16]string{
		dns.TypeNS: "NOERROR fn.example.org. deep.down.fn.example.org.", dns.TypeA: "NOERROR 198.51.100.53", dns.TypeAAAA: "NOERROR SOA", dns.TypeTXT: "NOERROR SOA",
	} {
		if got := summary(s.ask("FN.example.org.", qtype, "")); got != want {
			t.Errorf("%s: %s, want %s", dns.TypeToString[qtype], got, want)
		}
	}
	z := Zone{Name: "fn.example.org.", Servers: []Server{{Name: "fn.example.org.", Addrs: []netip.Addr{netip.MustParseAddr("198.51.100.53"), netip.MustParseAddr("2001:db8::53")}}}}
	a := &answer{zone: &z, owner: owner{kind: ownerApex}}
	if got, want := fmt.Sprint(a.types()), fmt.Sprint([]uint16{dns.TypeSOA, dns.TypeNS, dns.TypeDNSKEY, dns.TypeA, dns.TypeAAAA}); got != want {
		t.Errorf("the apex has the types %s, want %s", got, want)
	}
}

// TestTheLogWarnsOfANameServerWithoutAnAddress checks that the log has the warning of
// check.
func TestTheLogWarnsOfANameServerWithoutAnAddress(t *testing.T) {
	var logged fixture.Output
	golog.SetOutput(&logged)
	defer golog.SetOutput(io.Discard)
	serve(t, strings.Replace(atMkCore, "ns ns1.fn.example.org 198.51.100.53", "ns ns1.fn.example.org", 1), federated(t, hello))
	golog.SetOutput(io.Discard)
	if want := "Corefile:7: ns: ns1.fn.example.org. is in the zone fn.example.org. and has no address"; !strings.Contains(logged.String(), want) {
		t.Errorf("the log has %q, want %q", logged.String(), want)
	}
}

// TestCheckWarnsOfANameServerInTheZoneOfAnotherBlock covers a block that does not list
// that name server.
func TestCheckWarnsOfANameServerInTheZoneOfAnotherBlock(t *testing.T) {
	dir := federated(t, hello)
	path := filepath.Join(dir, "Corefile")
	for other, want := range map[string]string{
		"ns ns.b.example 192.0.2.1": "[]",
		"ns other.b.example 192.0.2.1": "[" + path + ":2: ns: ns.b.example. is in the zone b.example. of another block, which has no address for it, " +
			"so nobody can reach it: add `ns ns.b.example. ADDR` there]",
	} {
		fixture.Write(t, path, "a.example {\nnearcast {\ncluster mk-core\nmanifests "+dir+"/manifests\nns ns.b.example\nns ns.c.example\n}\n}\nb.example {\nnearcast {\nmanifests "+dir+"/manifests\n"+other+"\n}\n}")
		_, faults, warnings := Check(path)
		if got := fmt.Sprint(warnings); len(faults) > 0 || got != want {
			t.Errorf("%s: %v, %s, want %s", other, faults, got, want)
		}
	}
}
