// Package feed has other resolvers transfer the feeds.
package feed

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coredns/caddy"
	"github.com/miekg/dns"

	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/tsig"

	"github.com/nearcast/nearcast/internal/base/directives"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
	_ "github.com/nearcast/nearcast/plugin/nearcast"
)

// corefileEnv names the Corefile of a process that acts as the server: it can be killed,
// unlike a part of the test.
const corefileEnv = "NEARCAST_TEST_COREFILE"

func TestMain(m *testing.M) {
	if corefile := os.Getenv(corefileEnv); corefile != "" {
		fmt.Fprintln(os.Stderr, be(corefile))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// be runs CoreDNS until it is killed.
func be(corefile string) error {
	if err := directives.Install(); err != nil {
		return err
	}
	text, err := os.ReadFile(corefile)
	if err != nil {
		return err
	}
	instance, err := caddy.Start(caddy.CaddyfileInput{Filepath: corefile, Contents: text, ServerTypeName: "dns"})
	if err != nil {
		return err
	}
	instance.Wait()
	return nil
}

const (
	secret = "c2VjcmV0IG9mIHRoZSBmZWVkcyBvZiB0ZXN0cw=="
	name   = "hello.demo.fn.example.org."
	// near is the first answer for mk, far the one after the failover.
	near, far = "127.0.9.1", "127.0.9.4"
)

// world is the server, the files that it reads and the backends that it probes.
type world struct {
	t        *testing.T
	dir      string
	corefile string
	port     int
	process  *exec.Cmd
	backends map[string]net.Listener
}

// newWorld starts the server at 127.0.0.1 with the lines; PORT in them is notifyPort.
func newWorld(t *testing.T, lines string) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), port: fixture.FreePort(t, "127.0.0.1"), backends: map[string]net.Listener{}}
	for _, dir := range []string{"manifests", "snapshot"} {
		if err := os.Mkdir(filepath.Join(w.dir, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	port := fixture.FreePort(t, "127.0.0.1")
	for _, address := range []string{near, far} {
		w.backends[address] = fixture.Listen(t, fmt.Sprintf("%s:%d", address, port))
		t.Cleanup(func() { w.backends[address].Close() })
	}
	// With other functions, or the whole zone would be smaller than a difference.
	all := []fixture.Function{{Name: "hello", Clusters: []string{"de-wide", "mk-core"}, Annotations: map[string]string{
		"nearcast.dev/address": "mk-core=" + near + ",de-wide=" + far, "nearcast.dev/probe": fmt.Sprintf("tcp://:%d", port),
	}}}
	for i := range 50 {
		all = append(all, fixture.Function{Name: fmt.Sprintf("still%d", i), Clusters: fixture.ThreeNames, Annotations: fixture.Unprobed()})
	}
	w.declare(all...)
	fixture.Write(t, filepath.Join(w.dir, "locations.csv"), fixture.Locations)
	w.corefile = filepath.Join(w.dir, "Corefile")
	fixture.Write(t, w.corefile, fmt.Sprintf(`fn.example.org:%[1]d {
	bind 127.0.0.1
	errors
	tsig {
		secret carrier %[2]s
	}
	nearcast {
		at us
		manifests %[3]s/manifests
		locations %[3]s/locations.csv
		snapshot %[3]s/snapshot
		claim demo fn.example.org addresses 127.0.9.0/24
		ns ns1.fn.example.org 127.0.0.1
		probe interval 100ms timeout 100ms
		%[4]s
	}
}
`, w.port, secret, w.dir, lines))
	w.start()
	t.Cleanup(w.kill)
	// A resolver whose first query fails waits a minute for the next one.
	eventually(t, "the server answers", 20*time.Second, near, w.ours)
	return w
}

func (w *world) declare(functions ...fixture.Function) {
	fixture.Write(w.t, filepath.Join(w.dir, "manifests", "all.yaml"), fixture.ThreeWith(functions...))
}

func (w *world) start() {
	w.t.Helper()
	w.process = exec.Command(os.Args[0])
	w.process.Env = append(os.Environ(), corefileEnv+"="+w.corefile)
	fixture.Run(w.t, w.process)
}

// kill ends the server like a crash.
func (w *world) kill() {
	_ = w.process.Process.Kill() // it may have exited
	_ = w.process.Wait()         // killed
}

// fail stops the backend at the address, heal starts it again.
func (w *world) fail(address string) { w.backends[address].Close() }

func (w *world) heal(address string) {
	w.backends[address] = fixture.Listen(w.t, w.backends[address].Addr().String())
}

// ours queries the server for a client of mk.
func (w *world) ours() string {
	m := new(dns.Msg).SetQuestion(name, dns.TypeA)
	m.SetEdns0(1232, false)
	m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 16, Address: net.IPv4(10, 1, 0, 0).To4()})
	return ask(m, w.port)
}

// ask returns the addresses, or the error.
func ask(m *dns.Msg, port int) string {
	client := dns.Client{Timeout: 500 * time.Millisecond}
	reply, _, err := client.Exchange(m, fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err.Error()
	}
	parts := []string{}
	for _, rr := range reply.Answer {
		parts = append(parts, strings.TrimPrefix(rr.String(), rr.Header().String()))
	}
	if len(parts) == 0 {
		return dns.RcodeToString[reply.Rcode]
	}
	return strings.Join(parts, " ")
}

// theirs queries a resolver.
func theirs(port int) string { return ask(new(dns.Msg).SetQuestion(name, dns.TypeA), port) }

// eventually retries until the answer is as wanted, and returns how long it took.
func eventually(t *testing.T, what string, bound time.Duration, want string, try func() string) time.Duration {
	t.Helper()
	return fixture.Eventually(t, what, bound, func() error {
		if got := try(); got != want {
			return fmt.Errorf("got %q, want %q", got, want)
		}
		return nil
	})
}
