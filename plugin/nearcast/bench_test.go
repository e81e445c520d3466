package nearcast

import (
	"context"
	"crypto"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coredns/coredns/plugin/test"
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/site"
	"github.com/nearcast/nearcast/internal/steering/health"
	"github.com/nearcast/nearcast/internal/steering/locate"
	"github.com/nearcast/nearcast/internal/steering/steer"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// sink takes replies like a connection, and keeps none.
type sink struct {
	test.ResponseWriter
	from net.UDPAddr
}

func (s *sink) WriteMsg(*dns.Msg) error { return nil }

func (s *sink) RemoteAddr() net.Addr { return &s.from }

// handler makes a Nearcast over a federation of the given size, with every function in
// every cluster.
func handler(tb testing.TB, clusters, functions, locations int) *Nearcast {
	tb.Helper()
	dir := tb.TempDir()
	var all []fixture.Document
	var names []string
	for i := range clusters {
		name := fmt.Sprintf("c%03d", i)
		names = append(names, name)
		all = append(all, fixture.Cluster{
			Name: name, Region: fmt.Sprintf("r%d", i%16), Zone: "z", Address: fmt.Sprintf("192.0.2.%d", i%250+1),
			Coordinates: fmt.Sprintf("%d,%d", i%90, i%180),
		})
	}
	for i := range functions {
		all = append(all, fixture.Function{Name: fmt.Sprintf("f%d", i), Annotations: fixture.Unprobed(), Clusters: names})
	}
	var table strings.Builder
	for i := range locations {
		fmt.Fprintf(&table, "10.%d.%d.0/24,r%d,z%d\n", i/256, i%256, i%16, i)
	}
	fixture.Write(tb, filepath.Join(dir, "locations.csv"), table.String())
	if err := os.Mkdir(filepath.Join(dir, "m"), 0o755); err != nil {
		tb.Fatal(err)
	}
	fixture.Write(tb, filepath.Join(dir, "m", "all.yaml"), fixture.Documents(all...))
	s, err := site.Acquire(site.Config{
		Source: site.Source{Manifests: filepath.Join(dir, "m")}, Zones: []string{"fn.example.org."},
		Where: steer.Site{Cluster: "c000"}, Locations: locate.Files{Locations: filepath.Join(dir, "locations.csv")},
		Probe: health.Default,
	}, log)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { site.Release(s) })
	if err := s.WaitFirst(firstState * 12); err != nil {
		tb.Fatal(err)
	}
	return &Nearcast{
		site: s, settings: settings{ttls: ttls{least: site.DefaultTTLLeast, most: site.DefaultTTLMost}},
		Zones: (&stanza{zones: []string{"fn.example.org."}}).zoneList(nil),
	}
}

// signs gives the block a key of ECDSA P-256 for its first zone.
func signs(tb testing.TB, n *Nearcast) *Nearcast {
	tb.Helper()
	z := &n.Zones[0]
	key := &dns.DNSKEY{
		Hdr:   dns.RR_Header{Name: z.Name, Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET},
		Flags: dns.ZONE | dns.SEP, Protocol: zoneProtocol, Algorithm: dns.ECDSAP256SHA256,
	}
	private, err := key.Generate(256)
	if err != nil {
		tb.Fatal(err)
	}
	z.signer = newSigner(z.Name, []signingKey{{key, private.(crypto.Signer), key.KeyTag()}}, 60)
	return n
}

func BenchmarkServeDNS(b *testing.B) {
	small := handler(b, 3, 10, 4)
	signed := signs(b, handler(b, 3, 10, 4))
	signedQuery := func(name string) *dns.Msg {
		m := query(name, dns.TypeA, "10.0.2.0/24")
		m.IsEdns0().SetDo()
		return m
	}
	one := func(m *dns.Msg) []*dns.Msg { return []*dns.Msg{m} }
	for _, c := range []struct {
		name    string
		n       *Nearcast
		queries []*dns.Msg
	}{
		{"plain", small, one(query("f3.demo.fn.example.org.", dns.TypeA, ""))},
		{"ecs", small, one(query("f3.demo.fn.example.org.", dns.TypeA, "10.0.2.0/24"))},
		{"ecs, 64 clusters, 1000 functions, 1000 locations", handler(b, 64, 1000, 1000), spread(1000)},
		{"ecs, 16 clusters, 10000 functions, 1000 locations", handler(b, 16, 10_000, 1000), spread(10_000)},
		{"ecs, 16 clusters, 100000 functions, 1000 locations", handler(b, 16, 100_000, 1000), spread(100_000)},
		{"signed", signed, one(signedQuery("f3.demo.fn.example.org."))},
		{"signed denial", signed, one(signedQuery("nope.demo.fn.example.org."))},
		{"nxdomain", small, one(query("nope.demo.fn.example.org.", dns.TypeA, ""))},
	} {
		b.Run(c.name, func(b *testing.B) {
			w := &sink{from: net.UDPAddr{IP: net.IPv4(192, 0, 2, 200), Port: 4242}}
			ctx := context.Background()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if rcode, err := c.n.ServeDNS(ctx, w, c.queries[i%len(c.queries)]); rcode != dns.RcodeSuccess || err != nil {
					b.Fatal(rcode, err)
				}
			}
		})
	}
}

// spread returns queries for a thousand of the functions, from as many locations.
func spread(functions int) (all []*dns.Msg) {
	for i := range 1000 {
		name := fmt.Sprintf("f%d.demo.fn.example.org.", i*(functions/1000))
		all = append(all, query(name, dns.TypeA, fmt.Sprintf("10.%d.%d.0/24", i/256, i%256)))
	}
	return all
}

// TestAnAnswerCostsOneAllocation bounds the allocations of a query to the reply.
func TestAnAnswerCostsOneAllocation(t *testing.T) {
	n := handler(t, 64, 10, 100)
	ctx := context.Background()
	for name, c := range map[string]struct {
		m    *dns.Msg
		most float64
	}{
		"plain": {query("f3.demo.fn.example.org.", dns.TypeA, ""), 1},
		"ecs":   {query("f3.demo.fn.example.org.", dns.TypeA, "10.0.2.0/24"), 1},
	} {
		w := &sink{from: net.UDPAddr{IP: net.IPv4(192, 0, 2, 200), Port: 4242}}
		got := testing.AllocsPerRun(1000, func() { _, _ = n.ServeDNS(ctx, w, c.m) })
		if got > c.most {
			t.Errorf("%s: %.0f allocations, want at most %.0f", name, got, c.most)
		}
	}
}
