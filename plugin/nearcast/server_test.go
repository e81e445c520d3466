package nearcast

import (
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	// These plugins appear next to nearcast in the tests' Corefiles.
	_ "github.com/coredns/coredns/plugin/acl"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/dnssec"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/metadata"
	_ "github.com/coredns/coredns/plugin/metrics"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/view"
	_ "github.com/coredns/coredns/plugin/whoami"

	"github.com/nearcast/nearcast/internal/base/admin"
	"github.com/nearcast/nearcast/internal/site"
	"github.com/nearcast/nearcast/internal/testkit/coredns"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

func TestMain(m *testing.M) { coredns.Main(m) }

// server is a running CoreDNS.
type server struct {
	*coredns.Server
	t *testing.T
}

// serve starts CoreDNS with a Corefile in which DIR stands for dir.
func serve(t *testing.T, corefile, dir string) *server {
	t.Helper()
	return &server{coredns.Serve(t, strings.ReplaceAll(corefile, "DIR", dir)), t}
}

// query makes a question; subnet, if not empty, is its client-subnet option.
func query(name string, qtype uint16, subnet string) *dns.Msg {
	m := new(dns.Msg).SetQuestion(name, qtype)
	if subnet == "" {
		return m
	}
	return queryFrom(name, qtype, netip.MustParsePrefix(subnet))
}

// queryFrom makes a question with a client-subnet option.
func queryFrom(name string, qtype uint16, p netip.Prefix) *dns.Msg {
	m := new(dns.Msg).SetQuestion(name, qtype)
	family := uint16(1)
	if p.Addr().Is6() {
		family = 2
	}
	m.SetEdns0(1232, false)
	m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_SUBNET{
		Code: dns.EDNS0SUBNET, Family: family, SourceNetmask: uint8(p.Bits()), Address: p.Addr().AsSlice(),
	})
	return m
}

func (s *server) exchange(m *dns.Msg) *dns.Msg {
	s.t.Helper()
	client := dns.Client{Timeout: 5 * time.Second}
	reply, _, err := client.Exchange(m, s.UDP)
	if err != nil {
		s.t.Fatal(err)
	}
	return reply
}

func (s *server) ask(name string, qtype uint16, subnet string) *dns.Msg {
	s.t.Helper()
	return s.exchange(query(name, qtype, subnet))
}

// summary formats a reply as one line: the rcode, the data of the answers, and SOA if the
// authority section has one.
func summary(m *dns.Msg) string {
	parts := []string{dns.RcodeToString[m.Rcode]}
	if !m.Authoritative {
		parts = append(parts, "not-authoritative")
	}
	for _, rr := range m.Answer {
		parts = append(parts, strings.TrimPrefix(rr.String(), rr.Header().String()))
	}
	for _, rr := range m.Ns {
		parts = append(parts, dns.TypeToString[rr.Header().Rrtype])
	}
	return strings.Join(parts, " ")
}

// expect queries until the summary is as wanted, for as long as d.
func (s *server) expect(name string, qtype uint16, subnet, want string, d time.Duration) {
	s.t.Helper()
	var got string
	for deadline := time.Now().Add(d); ; time.Sleep(10 * time.Millisecond) {
		if got = summary(s.ask(name, qtype, subnet)); got == want {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%s %s from %s: %q after %s, want %q", name, dns.TypeToString[qtype], subnet, got, d, want)
		}
	}
}

// federated writes the files of a server: manifests of Three with the functions, and the
// locations.
func federated(t *testing.T, functions ...fixture.Function) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "manifests"), 0o755); err != nil {
		t.Fatal(err)
	}
	fixture.Write(t, filepath.Join(dir, "manifests", "all.yaml"), fixture.ThreeWith(functions...))
	fixture.Write(t, filepath.Join(dir, "locations.csv"), fixture.Locations)
	return dir
}

// atMkCore is the Corefile of most tests.
const atMkCore = `fn.example.org:0 {
	bind LOOPBACK
	nearcast {
		cluster mk-core
		manifests DIR/manifests
		locations DIR/locations.csv
		ns ns1.fn.example.org 198.51.100.53
		ns deep.down.fn.example.org 198.51.100.54
		hostmaster first.last@example.org
	}
}`

var hello = fixture.Function{Name: "hello", Annotations: fixture.Unprobed(), Clusters: fixture.ThreeNames}

// explainOver requests over an admin socket the outcome of hello at the site.
func explainOver(t *testing.T, socket string) string {
	t.Helper()
	var e site.Explanation
	query := url.Values{"name": {"hello.demo.fn.example.org"}, "from": {"10.1.0.1"}}
	if err := admin.Call(t.Context(), socket, http.MethodGet, "/explain", query, &e); err != nil {
		t.Fatal(err)
	}
	return e.Outcome
}
