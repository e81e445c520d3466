package nearcast

import (
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// withoutNS is atMkCore without ns lines, and with the given lines instead.
func withoutNS(lines ...string) string {
	before, rest, _ := strings.Cut(atMkCore, "\t\tns ns1")
	_, after, _ := strings.Cut(rest, "\t\thostmaster")
	return before + "\t\t" + strings.Join(append(lines, "hostmaster"), "\n\t\t") + after
}

// besideOwnServer are functions whose names conflict with those of a zone's own name
// server.
var besideOwnServer = []fixture.Function{
	hello,
	{Name: "taken", Annotations: fixture.Unprobed("nearcast.dev/hostname", "ns.dns.fn.example.org"), Clusters: fixture.ThreeNames},
	{Name: "ns", Namespace: "dns", Annotations: fixture.Unprobed(), Clusters: fixture.ThreeNames},
	{Name: "wild", Annotations: fixture.Unprobed("nearcast.dev/hostname", "*.fn.example.org", "nearcast.dev/port", "web=80"), Clusters: []string{"de-wide"}},
}

func TestAZoneWithoutNSNamesThisServer(t *testing.T) {
	s := serve(t, withoutNS("claim demo fn.example.org addresses 0.0.0.0/0"), federated(t, besideOwnServer...))
	host, _, _ := net.SplitHostPort(s.UDP)
	for _, c := range []struct {
		name  string
		qtype uint16
		want  string
	}{
		{"fn.example.org.", dns.TypeNS, "NOERROR ns.dns.fn.example.org."},
		{"fn.example.org.", dns.TypeSOA, `NOERROR ns.dns.fn.example.org. first\.last.example.org. 1 86400 7200 3600000 5`},
		{"ns.dns.fn.example.org.", dns.TypeA, "NOERROR " + host},
		{"Ns.Dns.fn.example.org.", dns.TypeAAAA, "NOERROR SOA"},
		{"dns.fn.example.org.", dns.TypeA, "NOERROR SOA"},
		{"any.fn.example.org.", dns.TypeA, "NOERROR 192.0.2.4"}, // the wildcard's
		{"_web._tcp.any.fn.example.org.", dns.TypeSRV, "NOERROR 0 0 80 any.fn.example.org."},
		{"x.dns.fn.example.org.", dns.TypeA, "NXDOMAIN SOA"}, // its encloser exists
		{"x.ns.dns.fn.example.org.", dns.TypeA, "NXDOMAIN SOA"},
		{"_web._tcp.x.dns.fn.example.org.", dns.TypeSRV, "NXDOMAIN SOA"},
	} {
		s.expect(c.name, c.qtype, "", c.want, time.Second)
	}
	extra := s.ask("fn.example.org.", dns.TypeNS, "").Extra
	if len(extra) != 1 || extra[0].(*dns.A).A.String() != host || extra[0].Header().Name != "ns.dns.fn.example.org." {
		t.Errorf("glue: %v", extra)
	}
}

// TestAServerNamedByNSHidesWhatTheDefaultHides checks that the default behaves like a
// value of ns.
func TestAServerNamedByNSHidesWhatTheDefaultHides(t *testing.T) {
	dir := federated(t, besideOwnServer...)
	own := serve(t, withoutNS(), dir)
	host, _, _ := net.SplitHostPort(own.UDP)
	named := serve(t, withoutNS("ns ns.dns.fn.example.org "+host), dir)
	for _, name := range []string{"", "dns.", "ns.dns.", "x.dns.", "x.ns.dns.", "any.", "_web._tcp.ns.dns.", "hello.demo."} {
		for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeNS, dns.TypeSOA, dns.TypeSRV, dns.TypeTXT, dns.TypeANY} {
			if got, want := summary(own.ask(name+"fn.example.org.", qtype, "")), summary(named.ask(name+"fn.example.org.", qtype, "")); got != want {
				t.Errorf("%s %s: %s, want %s", name, dns.TypeToString[qtype], got, want)
			}
		}
	}
}

func TestAWildcardStopsAtTheAncestorsOfANameServer(t *testing.T) {
	s := serve(t, withoutNS("claim demo fn.example.org addresses 0.0.0.0/0", "ns ns.c.fn.example.org 198.51.100.53",
		"ns ns.d.c.fn.example.org 198.51.100.54", "ns ns.a.b.fn.example.org 198.51.100.55"), federated(t,
		fixture.Function{Name: "far", Annotations: fixture.Unprobed("nearcast.dev/hostname", "*.fn.example.org", "nearcast.dev/port", "web=80"), Clusters: []string{"de-wide"}},
		fixture.Function{Name: "near", Annotations: fixture.Unprobed("nearcast.dev/hostname", "*.b.fn.example.org"), Clusters: []string{"us-azure"}},
	))
	for name, want := range map[string]string{
		"x.": "NOERROR 192.0.2.4", "c.": "NOERROR SOA", "x.c.": "NXDOMAIN SOA", "d.c.": "NOERROR SOA", "x.d.c.": "NXDOMAIN SOA", "x.ns.c.": "NXDOMAIN SOA",
		"b.": "NOERROR SOA", "x.b.": "NOERROR 192.0.2.2", "a.b.": "NOERROR SOA", "x.a.b.": "NXDOMAIN SOA", "x.ns.a.b.": "NXDOMAIN SOA",
		"_web._tcp.x.": "NOERROR SOA", "_web._tcp.x.c.": "NXDOMAIN SOA", "_web._tcp.ns.c.": "NXDOMAIN SOA",
	} {
		if got := summary(s.ask(name+"fn.example.org.", dns.TypeA, "")); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// TestDenialsIncludeTheZonesOwnServer checks that a signed zone denies nothing that it
// has.
func TestDenialsIncludeTheZonesOwnServer(t *testing.T) {
	dir := federated(t, hello)
	fixture.Key(t, dir, "key")
	s := serve(t, withoutNS("sign DIR/key"), dir)
	for name, want := range map[string]string{
		"": "NS SOA RRSIG NSEC DNSKEY CDS CDNSKEY", "dns.": "RRSIG NSEC", "ns.dns.": "A RRSIG NSEC", "x.dns.": "RRSIG NSEC NXNAME",
	} {
		m := new(dns.Msg).SetQuestion(name+"fn.example.org.", dns.TypeMX)
		m.SetEdns0(1232, true)
		var types []string
		for _, rr := range s.exchange(m).Ns {
			if nsec, ok := rr.(*dns.NSEC); ok {
				for _, bit := range nsec.TypeBitMap {
					types = append(types, dns.TypeToString[bit])
				}
			}
		}
		if got := strings.Join(types, " "); got != want {
			t.Errorf("%q has %s, want %s", name, got, want)
		}
	}
}

func TestAFeedHasTheZonesOwnServer(t *testing.T) {
	s := serve(t, withoutNS("feed de to 127.0.0.0/8"), federated(t, hello))
	host, _, _ := net.SplitHostPort(s.UDP)
	s.expectTransfer("fn.example.org.", "", []string{
		"fn.example.org. 7200 IN NS ns.dns.fn.example.org.", "ns.dns.fn.example.org. 30 IN A " + host,
		"hello.demo.fn.example.org. 10 IN A 192.0.2.4",
	}, 10*time.Second)
}

func TestOwnAddressesAreThoseThatOthersCanReach(t *testing.T) {
	addrs := func(text string) (all []netip.Addr) {
		for _, field := range strings.Fields(text) {
			all = append(all, netip.MustParseAddr(field))
		}
		return all
	}
	const machine = "192.0.2.9 10.0.0.9 2001:db8::9"
	for _, c := range []struct{ listens, machine, want string }{
		{"::", machine, "[10.0.0.9 192.0.2.9 2001:db8::9]"},
		{"0.0.0.0", machine, "[10.0.0.9 192.0.2.9]"},
		{"198.51.100.1 127.0.0.1 2001:db8::1", machine, "[198.51.100.1 2001:db8::1]"},
		{"127.0.0.1 ::1", machine, "[127.0.0.1 ::1]"},
		{"192.0.2.9 ::", machine, "[10.0.0.9 192.0.2.9 2001:db8::9]"},
		{"fe80::1%eth0 169.254.1.1", machine, "[]"},
		{"::", "", "[]"},
	} {
		if got := fmt.Sprint(reachable(addrs(c.listens), addrs(c.machine))); got != c.want {
			t.Errorf("on %s, at %s: %s, want %s", c.listens, c.machine, got, c.want)
		}
	}
	for _, a := range machineAddrs() {
		if a.IsLoopback() || a.IsLinkLocalUnicast() {
			t.Errorf("%s is not reachable for others", a)
		}
	}
	if got := listensOn([]string{"lo", "192.0.2.1"}); len(got) < 2 || !got[0].IsLoopback() || got[len(got)-1].String() != "192.0.2.1" {
		t.Errorf("on the interface lo and an address: %v", got)
	}
	for _, hosts := range [][]string{nil, {""}} {
		if got := listensOn(hosts); len(got) != 1 || got[0] != everywhere {
			t.Errorf("on %q: %v", hosts, got)
		}
	}
}

func TestCheckNamesTheServerOfAZoneWithoutNS(t *testing.T) {
	dir := federated(t, hello)
	path := filepath.Join(dir, "Corefile")
	fixture.Write(t, path, strings.NewReplacer("DIR", dir, "LOOPBACK", "192.0.2.1 2001:db8::1").Replace(withoutNS()))
	const want = ":3: fn.example.org. has no ns line: its name server is ns.dns.fn.example.org. at 192.0.2.1 2001:db8::1; "
	if _, faults, warnings := Check(path); len(faults) > 0 || len(warnings) != 1 || !strings.Contains(warnings[0].Error(), want) {
		t.Errorf("%v, %v, want one warning with %s", faults, warnings, want)
	}
	s := &stanza{zones: []string{"a.", "."}}
	warnings := s.unnamed(nil)
	if len(warnings) != 2 || !strings.Contains(warnings[0].Error(), "ns.dns.a. without an address, because neither bind ") || !strings.Contains(warnings[1].Error(), " ns.dns. without") {
		t.Errorf("without addresses: %v", warnings)
	}
}
