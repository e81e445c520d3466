package rpz

import (
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	// The plugins around rpz in the tests' Corefiles.
	_ "github.com/coredns/coredns/plugin/acl"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/dnstap"
	_ "github.com/coredns/coredns/plugin/file"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/log"
	_ "github.com/coredns/coredns/plugin/metadata"
	_ "github.com/coredns/coredns/plugin/metrics"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/tsig"
	_ "github.com/coredns/coredns/plugin/view"
	_ "github.com/coredns/coredns/plugin/whoami"

	"github.com/nearcast/nearcast/internal/testkit/coredns"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
	_ "github.com/nearcast/nearcast/plugin/nearcast"
	_ "github.com/nearcast/nearcast/plugin/rrl"
)

func TestMain(m *testing.M) { coredns.Main(m) }

// truth is the zone as answered without policy.
const truth = `$TTL 100
$ORIGIN test.
@ SOA ns host 1 2 3 4 50
@ NS ns
ns A 192.0.2.53
a A 192.0.2.1
a AAAA 2001:db8::1
a TXT "true"
b A 192.0.2.2
b A 192.0.2.3
alias CNAME middle
middle CNAME a
alias2 CNAME middle2
middle2 CNAME a
many A 10.0.0.1
many A 10.0.1.1
child NS ns.child
ns.child A 198.51.100.1
`

// withSOA puts records below a zone's apex, with its SOA.
func withSOA(records string) string {
	return "$TTL 60\n@ SOA ns. host. 7 2 3 4 30\n@ NS ns.\n" + records
}

// block is a server with the truth and an rpz block; DIR is a directory with the
// zones that a test writes.
const block = `.:0 {
	bind LOOPBACK
	rpz {
		BODY
	}
	file DIR/truth test
}`

// server is a running CoreDNS.
type server struct {
	*coredns.Server
	t testing.TB
}

func serve(t testing.TB, corefile string) *server {
	t.Helper()
	return &server{coredns.Serve(t, corefile), t}
}

// serveRules starts the block with one zone for each text: rpz1, rpz2 and so on.
// A text may begin with lines of settings, which end with a line of dashes.
func serveRules(t testing.TB, settings string, zones ...string) (*server, string) {
	t.Helper()
	dir := t.TempDir()
	fixture.Write(t, filepath.Join(dir, "truth"), truth)
	body := settings
	for i, text := range zones {
		own, records, ok := strings.Cut(text, "---\n")
		if !ok {
			own, records = "", text
		}
		fixture.Write(t, filepath.Join(dir, fmt.Sprintf("rpz%d", i+1)), withSOA(records))
		body += fmt.Sprintf("\nzone rpz%d {\nfile %s/rpz%[1]d\n%[3]s\n}\n", i+1, dir, own)
	}
	corefile := strings.NewReplacer("BODY", body, "DIR", dir).Replace(block)
	return serve(t, corefile), dir
}

func (s *server) exchange(m *dns.Msg, network string) *dns.Msg {
	s.t.Helper()
	reply, err := s.try(m, network)
	if err != nil {
		s.t.Fatal(err)
	}
	return reply
}

// try sends a query; a missing reply is an error.
func (s *server) try(m *dns.Msg, network string) (*dns.Msg, error) {
	client := dns.Client{Net: network, Timeout: 2 * time.Second}
	to := s.UDP
	if network == "tcp" {
		to = s.TCP
	}
	reply, _, err := client.Exchange(m, to)
	return reply, err
}

func question(name string, qtype uint16) *dns.Msg { return new(dns.Msg).SetQuestion(name, qtype) }

// summary is a reply in a line: rcode, TC, answers, SOA and what is in the
// additional section.
func summary(m *dns.Msg) string {
	parts := []string{dns.RcodeToString[m.Rcode]}
	if m.Truncated {
		parts = append(parts, "TC")
	}
	for _, rr := range m.Answer {
		h := rr.Header()
		parts = append(parts, fmt.Sprint(h.Name, " ", h.Ttl, " ", dns.Type(h.Rrtype), " ", strings.TrimPrefix(rr.String(), h.String())))
	}
	for _, rr := range m.Ns {
		parts = append(parts, "authority:"+dns.Type(rr.Header().Rrtype).String())
	}
	for _, rr := range m.Extra {
		if rr.Header().Rrtype != dns.TypeOPT {
			parts = append(parts, fmt.Sprint("additional:", rr.Header().Name, " ", rr.Header().Ttl, " ", dns.Type(rr.Header().Rrtype)))
		}
	}
	return strings.Join(parts, ", ")
}

const soa1 = ", additional:rpz1. 30 SOA"

// expect queries A until the summary of the reply is as wanted.
func (s *server) expect(name, want string) {
	s.t.Helper()
	var got string
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if got = summary(s.exchange(question(name, dns.TypeA), "udp")); got == want {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%s: got %q, want %q", name, got, want)
		}
	}
}

// recorder is a client to a handler that is called directly.
type recorder struct {
	dns.ResponseWriter
	from    net.Addr
	replies []*dns.Msg
}

func (r *recorder) RemoteAddr() net.Addr { return r.from }
func (r *recorder) LocalAddr() net.Addr  { return r.from }
func (r *recorder) WriteMsg(m *dns.Msg) error {
	r.replies = append(r.replies, m)
	return nil
}

func from(addr string) *recorder {
	return &recorder{from: net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(addr), 5353))}
}

// options returns the extended errors of a reply.
func extendedErrors(m *dns.Msg) (codes []uint16) {
	if opt := m.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if ede, ok := o.(*dns.EDNS0_EDE); ok {
				codes = append(codes, ede.InfoCode)
			}
		}
	}
	return slices.Clip(codes)
}
