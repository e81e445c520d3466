package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/steering/locate"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/internal/testkit/peers"
)

// The corpus of TestAnswersAgreeWithGdnsdAndKnot: a table of networks that nest and
// touch, and clients in and around them.
const (
	corpusNets    = 60
	corpusClients = 3000
)

var regionAddress = map[string]string{"de": "192.0.2.4", "mk": "192.0.2.1", "us": "192.0.2.2"}

func corpus() (nets map[netip.Prefix]string, clients []netip.Prefix) {
	random := rand.New(rand.NewPCG(3, 7))
	nets = map[netip.Prefix]string{}
	addr := func() netip.Addr {
		if random.IntN(4) == 0 {
			raw := netip.MustParseAddr("2001:db8::").As16()
			raw[4], raw[5] = byte(random.IntN(2)), byte(random.IntN(256))
			return netip.AddrFrom16(raw)
		}
		return netip.AddrFrom4([4]byte{198, 18, byte(random.IntN(8)), byte(random.IntN(256))})
	}
	for len(nets) < corpusNets {
		a := addr()
		bits := 20 + random.IntN(11)
		if a.Is6() {
			bits = 36 + random.IntN(13)
		}
		nets[netip.PrefixFrom(a, bits).Masked()] = []string{"de", "mk", "us"}[random.IntN(3)]
	}
	for range corpusClients {
		a := addr()
		bits := 32
		if a.Is6() {
			bits = 56
		}
		clients = append(clients, netip.PrefixFrom(a, bits).Masked())
	}
	return nets, clients
}

// TestAnswersAgreeWithGdnsdAndKnot gives gdnsd's geoip plugin, Knot's mod-geoip and
// Nearcast the same configuration and the same queries. Every difference must be
// explained here; the counts are printed.
func TestAnswersAgreeWithGdnsdAndKnot(t *testing.T) {
	nets, clients := corpus()
	sorted := make([]netip.Prefix, 0, len(nets))
	for p := range nets {
		sorted = append(sorted, p)
	}
	slices.SortFunc(sorted, func(a, b netip.Prefix) int { return strings.Compare(a.String(), b.String()) })
	ours, gdnsd, knot := ourServer(t, nets, sorted), gdnsdServer(t, nets, sorted), knotServer(t, nets, sorted)
	awaitZone(t, gdnsd)
	awaitZone(t, knot)
	table := locations(t, nets)

	differences := map[string]int{}
	for _, client := range clients {
		mine := askSubnet(t, ours, client)
		for name, port := range map[string]string{"gdnsd": gdnsd, "knot": knot} {
			theirs := askSubnet(t, port, client)
			if mine.addr != theirs.addr {
				t.Errorf("%s: got %s, but %s answers %s", client, mine.addr, name, theirs.addr)
				continue
			}
			switch {
			case mine.scope == theirs.scope:
				differences["none"]++
			case !uniform(table, client.Addr(), theirs.scope):
				// Their scope includes clients that get another answer.
				differences[name+": its scope is wider than correct"]++
			case mine.scope < theirs.scope && uniform(table, client.Addr(), mine.scope):
				differences[name+": ours is shorter, but correct"]++
			case theirs.scope < mine.scope:
				differences[name+": its scope is shorter, over locations with the same answer"]++
			default:
				t.Errorf("%s: scope %d, %s's %d: unexplained", client, mine.scope, name, theirs.scope)
			}
		}
		if !uniform(table, client.Addr(), mine.scope) {
			t.Errorf("%s: scope %d is wider than correct", client, mine.scope)
		}
	}
	for what, n := range differences {
		t.Logf("%5d × %s", n, what)
	}
}

type located struct {
	addr  string
	scope int
}

func askSubnet(t *testing.T, port string, client netip.Prefix) located {
	t.Helper()
	m := new(dns.Msg).SetQuestion("hello.demo.fn.example.org.", dns.TypeA)
	m.SetEdns0(1232, false)
	family := uint16(1)
	if client.Addr().Is6() {
		family = 2
	}
	m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: family, SourceNetmask: uint8(client.Bits()), Address: client.Addr().AsSlice()}}
	reply, err := dns.Exchange(m, "127.0.0.1:"+port)
	if err != nil || len(reply.Answer) != 1 {
		t.Fatalf("%s: %v, %v", client, err, reply)
	}
	l := located{addr: reply.Answer[0].(*dns.A).A.String(), scope: -1}
	for _, o := range reply.IsEdns0().Option {
		if subnet, ok := o.(*dns.EDNS0_SUBNET); ok {
			l.scope = int(subnet.SourceScope)
		}
	}
	return l
}

// locations is the table for checking scopes: networks, and the default.
func locations(t *testing.T, nets map[netip.Prefix]string) *locate.Table {
	t.Helper()
	entries := []locate.Entry{
		{Prefix: netip.MustParsePrefix("0.0.0.0/0"), Location: locate.Location{Region: "de"}},
		{Prefix: netip.MustParsePrefix("::/0"), Location: locate.Location{Region: "de"}},
	}
	for p, region := range nets {
		entries = append(entries, locate.Entry{Prefix: p, Location: locate.Location{Region: region}})
	}
	return locate.New(entries)
}

// uniform reports whether all clients of the corpus's space under the scope get the same
// answer.
func uniform(table *locate.Table, a netip.Addr, scope int) bool {
	// The leaf is the shortest prefix with one location; a shorter one has two.
	_, bits := table.Lookup(a)
	return scope >= int(bits)
}

func ourServer(t *testing.T, nets map[netip.Prefix]string, sorted []netip.Prefix) string {
	dir := federation(t, fixture.Function{Name: "hello", Annotations: fixture.Unprobed(), Clusters: fixture.ThreeNames})
	var lines strings.Builder
	for _, p := range sorted {
		fmt.Fprintf(&lines, "%s,%s\n", p, nets[p])
	}
	fixture.Write(t, filepath.Join(dir, "locations.csv"), lines.String())
	port := freePort(t)
	coreDNS(t, fmt.Sprintf("fn.example.org:%s {\n bind 127.0.0.1\n nearcast {\n  cluster de-wide\n  manifests %s/manifests\n  locations %s/locations.csv\n }\n}\n", port, dir, dir), port)
	return port
}

const equivalentZone = `$TTL 7200
@ SOA ns1 hostmaster 1 86400 7200 3600000 5
@ NS ns1
ns1 A 127.0.0.1
$TTL 30
`

func gdnsdServer(t *testing.T, nets map[netip.Prefix]string, sorted []netip.Prefix) string {
	gdnsd := peers.Find(t, "gdnsd", "gdnsd")
	dir, port := t.TempDir(), freePort(t)
	var list strings.Builder
	for _, p := range sorted {
		order := slices.DeleteFunc([]string{"de", "mk", "us"}, func(r string) bool { return r == nets[p] })
		fmt.Fprintf(&list, "%s => [ %s, %s ]\n", p, nets[p], strings.Join(order, ", "))
	}
	fixture.Write(t, filepath.Join(dir, "config"), strings.NewReplacer("PORT", port, "DIR", dir, "NETS", list.String()).Replace(`
options => { listen => [127.0.0.1:PORT], run_dir => DIR/run, state_dir => DIR/state }
plugins => { geoip => {
	maps => { m => { datacenters => [ de, mk, us ], nets => {
NETS } } },
	resources => { hello => { map => m, dcmap => { de => 192.0.2.4, mk => 192.0.2.1, us => 192.0.2.2 } } }
} }
`))
	zones(t, filepath.Join(dir, "zones"), equivalentZone+"hello.demo 10 DYNA geoip!hello\n")
	fixture.Run(t, gdnsd.Command("-c", dir, "start"))
	return port
}

func zones(t *testing.T, dir, zone string) {
	t.Helper()
	for _, sub := range []string{dir, filepath.Join(dir, "../run"), filepath.Join(dir, "../state")} {
		if err := os.MkdirAll(sub, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	fixture.Write(t, filepath.Join(dir, "fn.example.org"), zone)
}

func knotServer(t *testing.T, nets map[netip.Prefix]string, sorted []netip.Prefix) string {
	knot := peers.Find(t, "knotd", "knot-module-geoip")
	dir, port := t.TempDir(), freePort(t)
	list := "hello.demo.fn.example.org:\n"
	for _, p := range sorted {
		list += fmt.Sprintf("  - net: %s\n    A: %s\n", p, regionAddress[nets[p]])
	}
	fixture.Write(t, filepath.Join(dir, "geo.conf"), list)
	zones(t, filepath.Join(dir, "zones"), "$ORIGIN fn.example.org.\n"+equivalentZone+"hello.demo 10 A 192.0.2.4\n")
	module, err := knot.File("usr/lib/*-linux-gnu/knot/modules-*/geoip.so")
	if err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	fixture.Write(t, filepath.Join(dir, "knot.conf"), strings.NewReplacer("PORT", port, "DIR", dir, "MODULE", module).Replace(`server:
  listen: 127.0.0.1@PORT
  rundir: DIR
  edns-client-subnet: on
database:
  storage: DIR
module:
  - id: mod-geoip
    file: MODULE
mod-geoip:
  - id: m
    config-file: DIR/geo.conf
    ttl: 10
    mode: subnet
zone:
  - domain: fn.example.org
    file: DIR/zones/fn.example.org
    storage: DIR
    module: mod-geoip/m
`))
	fixture.Run(t, knot.Command("-c", filepath.Join(dir, "knot.conf")))
	return port
}

// awaitZone waits until the server at the port has the zone.
func awaitZone(t *testing.T, port string) {
	t.Helper()
	eventually(t, "the peer serves", slack, func() error {
		reply, err := dns.Exchange(new(dns.Msg).SetQuestion("fn.example.org.", dns.TypeSOA), "127.0.0.1:"+port)
		if err == nil && len(reply.Answer) == 0 {
			err = fmt.Errorf("got %s", dns.RcodeToString[reply.Rcode])
		}
		return err
	})
}

// TestStructureAgreesWithBIND queries BIND, which serves the equivalent zone, and
// Nearcast for every name and type: rcode, AA, answer and authority must agree, except
// for ANY (RFC 8482).
func TestStructureAgreesWithBIND(t *testing.T) {
	named := peers.Find(t, "named", "bind9")
	dir, port := t.TempDir(), freePort(t)
	fixture.Write(t, filepath.Join(dir, "zone"), equivalentZone+`
hello.demo A 192.0.2.1
web A 192.0.2.1
web TXT "v=1"
web HTTPS 1 . alpn="h2" port=8443 ipv4hint=192.0.2.1
web SVCB 1 . alpn="h2" port=8443 ipv4hint=192.0.2.1
_https._tcp.web SRV 0 0 8443 web
_8443._https.web HTTPS 1 web alpn="h2" port=8443 ipv4hint=192.0.2.1
*.apps A 192.0.2.1
deep.er A 192.0.2.1
`)
	fixture.Write(t, filepath.Join(dir, "named.conf"), strings.NewReplacer("PORT", port, "DIR", dir).Replace(`options {
	directory "DIR"; pid-file none; listen-on port PORT { 127.0.0.1; }; listen-on-v6 { none; };
	recursion no; minimal-responses yes; zero-no-soa-ttl no; dnssec-validation no; session-keyfile "DIR/session";
};
controls { };
zone "fn.example.org" { type primary; file "zone"; };
`))
	fixture.Run(t, named.Command("-g", "-c", filepath.Join(dir, "named.conf")))
	awaitZone(t, port)
	plain := func(name string, annotations ...string) fixture.Function {
		return fixture.Function{Name: name, Clusters: []string{"mk-core"}, Annotations: fixture.Unprobed(annotations...)}
	}
	manifests := federation(t, plain("hello"),
		plain("web", "nearcast.dev/hostname", "web.fn.example.org", "nearcast.dev/port", "https=8443", "nearcast.dev/alpn", "h2", "nearcast.dev/txt", "v=1"),
		plain("wild", "nearcast.dev/hostname", "*.apps.fn.example.org"), plain("deep", "nearcast.dev/hostname", "deep.er.fn.example.org"))
	ours := freePort(t)
	coreDNS(t, fmt.Sprintf("fn.example.org:%s {\n bind 127.0.0.1\n nearcast {\n  cluster mk-core\n  manifests %s/manifests\n  ns ns1.fn.example.org 127.0.0.1\n  ttl 5 30\n }\n}\n", ours, manifests), ours)
	names := []string{
		"", "ns1.", "x.ns1.", "hello.demo.", "HELLO.demo.", "demo.", "x.hello.demo.", "web.", "_tcp.web.", "_https._tcp.web.", "_https._udp.web.", "x._https._tcp.web.",
		"_http._tcp.web.", "_https.web.", "_8443._https.web.", "_8444._https.web.", "apps.", "a.apps.", "b.a.apps.", "*.apps.", "_x._tcp.a.apps.",
		"er.", "deep.er.", "x.er.", "none.", "a.none.", "*.",
	}
	types := []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeTXT, dns.TypeHTTPS, dns.TypeSVCB, dns.TypeSRV, dns.TypeNS, dns.TypeSOA, dns.TypeMX, dns.TypeCNAME, dns.TypeDS, dns.TypePTR}
	asked, same := 0, 0
	for _, name := range names {
		for _, qtype := range types {
			asked++
			mine, theirs := structure(t, ours, name, qtype), structure(t, port, name, qtype)
			if mine == theirs {
				same++
				continue
			}
			t.Errorf("%sfn.example.org. %s:\nNearcast:\n%s\nBIND:\n%s", name, dns.TypeToString[qtype], mine, theirs)
		}
	}
	t.Logf("%d of %d questions have the same answer", same, asked)
}

func structure(t *testing.T, port, name string, qtype uint16) string {
	t.Helper()
	reply, err := dns.Exchange(new(dns.Msg).SetQuestion(name+"fn.example.org.", qtype), "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for section, rrs := range [][]dns.RR{reply.Answer, reply.Ns} {
		for _, rr := range rrs {
			lines = append(lines, fmt.Sprint(section, " ", strings.ToLower(rr.String())))
		}
	}
	slices.Sort(lines)
	return fmt.Sprintf("%s aa=%v\n%s", dns.RcodeToString[reply.Rcode], reply.Authoritative, strings.Join(lines, "\n"))
}
