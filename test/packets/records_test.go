package packets_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/coredns"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// filed are records beside the function, as one file for every server.
const filed = `$TTL 1h
$ORIGIN fn.example.org.
@            MX    10 mail
@            CAA   0 issue "ca.example.net"
@            TXT   ( "v=spf1"
                     " mx -all" )
mail         A     192.0.2.25
             AAAA  2001:db8::25
www          CNAME hello.demo
web          CNAME www
out          CNAME www.example.com.
lost         CNAME nope
in           CNAME x.corp
into         CNAME a.wild
_acme-challenge.hello.demo TXT "token"
hello.demo   TXT   "beside"
_sip._udp    SRV   0 0 5060 mail
*.wild       A     192.0.2.82
             MX    5 mail
here.wild    TXT   "no address"
*.alias      CNAME hello.demo
*            TXT   "everything else"
a.b.c        A     192.0.2.83
corp         NS    ns.corp
             NS    ns.example.net.
             DS    1 13 2 abababababababababababababababababababababababababababababababab
ns.corp      A     192.0.2.53
             AAAA  2001:db8::53
bare         NS    ns.example.net.
*.bare.x     A     192.0.2.84
1.2.0        PTR   mail
tls          TLSA  3 1 1 ( abababababababababababababababab
                           abababababababababababababababab )
https        HTTPS 1 . alpn=h2,h3 ipv4hint=192.0.2.25
nap          NAPTR 10 20 "s" "SIP+D2U" "" _sip._udp
`

// TestRecordsOfAFileAreAnsweredAsByPeers asks every server for every name of the file, names above, below and beside
// them, and every type.
func TestRecordsOfAFileAreAnsweredAsByPeers(t *testing.T) {
	servers := filedServers(t)
	names := []string{"", "mail", "www", "web", "out", "lost", "in", "into", "hello.demo", "demo", "_acme-challenge.hello.demo", "_sip._udp", "_udp", "wild", "a.wild",
		"a.b.wild", "here.wild", "x.here.wild", "alias", "a.alias", "*", "*.wild", "nope", "x.y.nope", "x.mail", "a.b.c", "b.c", "c", "x.b.c", "x.c", "corp", "x.corp", "ns.corp", "a.b.corp",
		"bare", "x.bare", "bare.x", "x", "q.bare.x", "1.2.0", "2.0", "tls", "https", "nap", "ns1", "x.ns1", "MaIl", "x.hello.demo"}
	types := []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeMX, dns.TypeTXT, dns.TypeNS, dns.TypeDS, dns.TypeCNAME, dns.TypeSRV, dns.TypePTR, dns.TypeCAA, dns.TypeSOA, dns.TypeHTTPS, dns.TypeTLSA, dns.TypeNAPTR}
	same := 0
	for _, name := range names {
		for _, qtype := range types {
			m := new(dns.Msg).SetQuestion(strings.TrimPrefix(name+".fn.example.org.", "."), qtype)
			var said []string
			for _, server := range servers {
				reply, err := dns.Exchange(m, server)
				if err != nil {
					t.Fatal(m, err)
				}
				said = append(said, gist(reply))
			}
			if said[0] != said[1] && said[0] != said[2] {
				t.Errorf("%s %s:\nours %s\nBIND %s\nKnot %s", name, dns.Type(qtype), said[0], said[1], said[2])
				continue
			}
			same++
		}
	}
	t.Logf("%d of %d answers are as BIND's or Knot's", same, len(names)*len(types))
}

// gist is what an answer says: the code, whether it is authoritative, and its records. Servers choose the TTLs of SOA
// and NS themselves, and whether they add addresses to an answer.
func gist(m *dns.Msg) string {
	all := []string{dns.RcodeToString[m.Rcode], fmt.Sprint(m.Authoritative)}
	sections := [][]dns.RR{m.Answer, m.Ns}
	if !m.Authoritative || len(m.Ns) > 0 {
		sections = append(sections, m.Extra)
	}
	for _, section := range sections {
		var texts []string
		for _, rr := range section {
			switch rr.(type) {
			case *dns.SOA:
				texts = append(texts, "SOA")
				continue
			case *dns.OPT:
				continue
			}
			if rr.Header().Name == "fn.example.org." && rr.Header().Rrtype == dns.TypeNS || strings.Contains(rr.Header().Name, "hello.demo") || rr.Header().Name == "ns1.fn.example.org." {
				rr.Header().Ttl = 0
			}
			texts = append(texts, strings.Join(strings.Fields(rr.String()), " "))
		}
		slices.Sort(texts)
		all = append(all, strings.Join(texts, ", "))
	}
	return strings.TrimSuffix(strings.Join(all, " | "), " | ")
}

// filedServers starts Nearcast, BIND and Knot with the records, and returns their addresses.
func filedServers(t *testing.T) []string {
	t.Helper()
	whole := strings.TrimSpace(zone) + "\n" + filed
	dir, port := t.TempDir(), freePort(t)
	if err := os.Mkdir(filepath.Join(dir, "m"), 0o755); err != nil {
		t.Fatal(err)
	}
	fixture.Write(t, filepath.Join(dir, "m", "all.yaml"), fixture.ThreeWith(fixture.Function{Name: "hello", Annotations: fixture.Unprobed(), Clusters: []string{"mk-core"}}))
	fixture.Write(t, filepath.Join(dir, "records"), filed)
	coredns.Serve(t, fill("fn.example.org:PORT {\nbind 127.0.0.1\nnearcast {\ncluster mk-core\nmanifests DIR/m\nns ns1.fn.example.org 127.0.0.1\nrecords DIR/records\n}\n}\n", dir, port))
	all := []string{at(port), named(t, whole), knotd(t, whole)}
	for i, server := range all {
		awaits(t, []string{"ours", "BIND", "Knot"}[i], server)
	}
	return all
}
