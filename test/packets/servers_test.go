package packets_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	// The plugins of Nearcast's Corefile.
	_ "github.com/coredns/coredns/plugin/bind"

	"github.com/nearcast/nearcast/internal/testkit/coredns"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/internal/testkit/peers"
	_ "github.com/nearcast/nearcast/plugin/direct"
	_ "github.com/nearcast/nearcast/plugin/nearcast"
	_ "github.com/nearcast/nearcast/plugin/tcp"
)

// zone is what the peers serve; Nearcast serves the same for a function.
const zone = `$TTL 30
@ SOA ns1 hostmaster 1 86400 7200 3600000 5
@ NS ns1
ns1 A 127.0.0.1
hello.demo A 192.0.2.1
`

// peerNames are in the order of peersOf.
var peerNames = []string{"BIND", "Knot", "gdnsd"}

// peersOf starts the peers and returns their addresses.
func peersOf(t *testing.T) []string {
	t.Helper()
	all := []string{named(t, zone), knotd(t, zone), gdnsd(t)}
	for i, server := range all {
		awaits(t, peerNames[i], server)
	}
	return all
}

func named(t *testing.T, zone string) string {
	t.Helper()
	program := peers.Find(t, "named", "bind9")
	dir, port := t.TempDir(), freePort(t)
	fixture.Write(t, filepath.Join(dir, "zone"), zone)
	fixture.Write(t, filepath.Join(dir, "named.conf"), fill(`options {
	directory "DIR"; pid-file none; listen-on port PORT { 127.0.0.1; }; listen-on-v6 { none; };
	recursion no; minimal-responses yes; dnssec-validation no; session-keyfile "DIR/session"; tcp-clients 1000;
};
controls { };
zone "fn.example.org" { type primary; file "zone"; };
`, dir, port))
	fixture.Run(t, program.Command("-g", "-n", "1", "-c", filepath.Join(dir, "named.conf")))
	return at(port)
}

func knotd(t *testing.T, zone string) string {
	t.Helper()
	program := peers.Find(t, "knotd", "knot")
	dir, port := t.TempDir(), freePort(t)
	fixture.Write(t, filepath.Join(dir, "zone"), "$ORIGIN fn.example.org.\n"+zone)
	fixture.Write(t, filepath.Join(dir, "knot.conf"), fill(`server:
  listen: 127.0.0.1@PORT
  rundir: DIR
  edns-client-subnet: on
database:
  storage: DIR
zone:
  - domain: fn.example.org
    file: DIR/zone
    storage: DIR
`, dir, port))
	fixture.Run(t, program.Command("-c", filepath.Join(dir, "knot.conf")))
	return at(port)
}

func gdnsd(t *testing.T) string {
	t.Helper()
	program := peers.Find(t, "gdnsd", "gdnsd")
	dir, port := t.TempDir(), freePort(t)
	for _, sub := range []string{"zones", "run", "state"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	fixture.Write(t, filepath.Join(dir, "zones", "fn.example.org"), zone)
	fixture.Write(t, filepath.Join(dir, "config"), fill("options => { listen => [127.0.0.1:PORT], run_dir => DIR/run, state_dir => DIR/state }\n", dir, port))
	fixture.Run(t, program.Command("-c", dir, "start"))
	return at(port)
}

// ours starts Nearcast with the function at two ports, the second with direct.
func ours(t *testing.T) (chain, direct string) {
	t.Helper()
	dir, one, two := t.TempDir(), freePort(t), freePort(t)
	fixture.Write(t, filepath.Join(dir, "all.yaml"), fixture.ThreeWith(fixture.Function{Name: "hello", Annotations: fixture.Unprobed(), Clusters: []string{"mk-core"}}))
	block := func(port int, plugin string) string {
		return fill("fn.example.org:PORT {\nbind 127.0.0.1\n"+plugin+"\nnearcast {\ncluster mk-core\nmanifests DIR\nns ns1.fn.example.org 127.0.0.1\n}\n}\n", dir, port)
	}
	coredns.Serve(t, block(one, "")+block(two, "direct"))
	awaits(t, "ours", at(one))
	awaits(t, "Nearcast with direct", at(two))
	return at(one), at(two)
}

func fill(config, dir string, port int) string {
	return strings.NewReplacer("DIR", dir, "PORT", fmt.Sprint(port)).Replace(config)
}

func freePort(t *testing.T) int {
	t.Helper()
	return fixture.FreePort(t, "127.0.0.1")
}

func at(port int) string { return net.JoinHostPort("127.0.0.1", fmt.Sprint(port)) }

// awaits waits until the server answers for the function.
func awaits(t *testing.T, name, server string) {
	t.Helper()
	for begin := time.Now(); time.Since(begin) < 2*time.Minute; time.Sleep(50 * time.Millisecond) {
		reply, err := dns.Exchange(new(dns.Msg).SetQuestion("hello.demo.fn.example.org.", dns.TypeA), server)
		if err == nil && len(reply.Answer) == 1 {
			return
		}
	}
	t.Fatalf("%s does not answer", name)
}
