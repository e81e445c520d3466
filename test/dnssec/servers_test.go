package dnssec_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"

	// The plugins of Nearcast's Corefile.
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/file"
	_ "github.com/coredns/coredns/plugin/view"

	"github.com/nearcast/nearcast/internal/testkit/coredns"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/internal/testkit/peers"
	_ "github.com/nearcast/nearcast/plugin/direct"
	_ "github.com/nearcast/nearcast/plugin/nearcast"
)

const origin = "fn.example.org."

// functions have every kind of name that a zone has; knotZone has the same.
func functions() []fixture.Function {
	plain := func(name string, annotations ...string) fixture.Function {
		return fixture.Function{Name: name, Clusters: []string{"mk-core"}, Annotations: fixture.Unprobed(annotations...)}
	}
	named := func(name, hostname string) fixture.Function { return plain(name, "nearcast.dev/hostname", hostname) }
	return []fixture.Function{
		plain("hello"),
		plain("web", "nearcast.dev/hostname", "web.fn.example.org", "nearcast.dev/port", "https=8443", "nearcast.dev/alpn", "h2", "nearcast.dev/txt", "v=1"),
		named("wild", "*.apps.fn.example.org"), named("deep", "deep.er.fn.example.org"), named("long", strings.TrimSuffix(longest, ".")),
		named("inner", "in.sub.fn.example.org,in.deep.sub.fn.example.org,in.a.b.fn.example.org,in.bare.fn.example.org"),
	}
}

// longest is the name of a function with the maximum length.
var longest = ofOctets(255, "f") + origin

const knotZone = `$ORIGIN fn.example.org.
$TTL 30
@ SOA ns1 hostmaster 1 86400 7200 3600000 5
@ NS ns1
ns1 A 127.0.0.1
hello.demo A 192.0.2.1
web A 192.0.2.1
web TXT "v=1"
web HTTPS 1 . alpn="h2" port=8443 ipv4hint=192.0.2.1
web SVCB 1 . alpn="h2" port=8443 ipv4hint=192.0.2.1
_https._tcp.web SRV 0 0 8443 web
_8443._https.web HTTPS 1 web alpn="h2" port=8443 ipv4hint=192.0.2.1
*.apps A 192.0.2.1
deep.er A 192.0.2.1
`

// federation writes the manifests, and returns their directory.
func federation(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "manifests"), 0o755); err != nil {
		t.Fatal(err)
	}
	fixture.Write(t, filepath.Join(dir, "manifests", "all.yaml"), fixture.ThreeWith(functions()...))
	return dir
}

// nearcast starts CoreDNS with the Corefile, and returns its port. PORT stands for the
// port, DIR for the directory, and COMMON for the lines of all blocks.
func nearcast(t *testing.T, dir, corefile string) string {
	t.Helper()
	port := freePort(t)
	corefile = strings.NewReplacer("PORT", port, "DIR", dir).Replace(strings.ReplaceAll(corefile, "COMMON", "cluster mk-core\nmanifests DIR/manifests\nns ns1.fn.example.org 127.0.0.1"))
	coredns.Serve(t, corefile)
	await(t, port)
	return port
}

// knot starts Knot DNS with the same zone, also signed on line, and returns its port and
// its key.
func knot(t *testing.T) (port string, key *dns.DNSKEY) {
	t.Helper()
	knotd := peers.Find(t, "knotd", "knot")
	dir, port := t.TempDir(), freePort(t)
	fixture.Write(t, filepath.Join(dir, "zone"), knotZone+longest+" A 192.0.2.1\n")
	fixture.Write(t, filepath.Join(dir, "knot.conf"), strings.NewReplacer("PORT", port, "DIR", dir).Replace(`server:
  listen: 127.0.0.1@PORT
  rundir: DIR
database:
  storage: DIR
policy:
  - id: p
    algorithm: ecdsap256sha256
    single-type-signing: on
    cds-cdnskey-publish: always
mod-onlinesign:
  - id: m
    policy: p
    nsec-bitmap: [RRSIG] # else A and AAAA are said to be everywhere
zone:
  - domain: fn.example.org
    file: DIR/zone
    storage: DIR
    module: mod-onlinesign/m
`))
	fixture.Run(t, knotd.Command("-c", filepath.Join(dir, "knot.conf")))
	await(t, port)
	reply := exchange(t, port, ask{origin, dns.TypeDNSKEY, false})
	for _, rr := range reply.Answer {
		if key, ok := rr.(*dns.DNSKEY); ok {
			return port, key
		}
	}
	t.Fatalf("Knot has no key: %s", reply)
	return "", nil
}

// await waits until the server at the port has the zone.
func await(t *testing.T, port string) {
	t.Helper()
	eventually(t, "the zone is served", func() error {
		reply, err := dns.Exchange(new(dns.Msg).SetQuestion(origin, dns.TypeSOA), loopback+":"+port)
		if err == nil && len(reply.Answer) == 0 {
			err = fmt.Errorf("got %s", dns.RcodeToString[reply.Rcode])
		}
		return err
	})
}
