package direct

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	clog "github.com/coredns/coredns/plugin/pkg/log"
	"github.com/miekg/dns"

	// These plugins appear next to direct in the tests' Corefiles.
	_ "github.com/coredns/coredns/plugin/acl"
	_ "github.com/coredns/coredns/plugin/any"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/bufsize"
	_ "github.com/coredns/coredns/plugin/cancel"
	_ "github.com/coredns/coredns/plugin/chaos"
	_ "github.com/coredns/coredns/plugin/dnssec"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/header"
	_ "github.com/coredns/coredns/plugin/local"
	_ "github.com/coredns/coredns/plugin/log"
	_ "github.com/coredns/coredns/plugin/metadata"
	_ "github.com/coredns/coredns/plugin/metrics"
	_ "github.com/coredns/coredns/plugin/minimal"
	_ "github.com/coredns/coredns/plugin/nsid"
	_ "github.com/coredns/coredns/plugin/proxyproto"
	_ "github.com/coredns/coredns/plugin/rewrite"
	_ "github.com/coredns/coredns/plugin/shed"
	_ "github.com/coredns/coredns/plugin/tsig"
	_ "github.com/coredns/coredns/plugin/view"
	_ "github.com/coredns/coredns/plugin/whoami"

	"github.com/nearcast/nearcast/internal/base/directives"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/plugin/nearcast"
	_ "github.com/nearcast/nearcast/plugin/tcp" // CoreDNS's own servers read queries like direct
)

var _ Prompt = (*nearcast.Nearcast)(nil)

func TestMain(m *testing.M) {
	caddy.Quiet, dnsserver.Quiet = true, true
	clog.Discard() // the tests read what they need of the log themselves
	if err := directives.Install(); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// freePort returns a free port of the tests' own host: direct needs a fixed port.
func freePort(t testing.TB) int {
	t.Helper()
	return fixture.FreePort(t, fixture.Loopback())
}

// federated writes the files of a server: manifests with the functions, and the locations.
func federated(t testing.TB, functions ...fixture.Function) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "federation"), 0o755); err != nil {
		t.Fatal(err)
	}
	fixture.Write(t, filepath.Join(dir, "federation", "all.yaml"), fixture.ThreeWith(functions...))
	fixture.Write(t, filepath.Join(dir, "locations.csv"), fixture.Locations)
	return dir
}

var hello = fixture.Function{Name: "hello", Annotations: fixture.Unprobed(), Clusters: fixture.ThreeNames}

func input(corefile string) caddy.CaddyfileInput {
	return caddy.CaddyfileInput{Filepath: "Corefile", Contents: []byte(corefile), ServerTypeName: "dns"}
}

// fill replaces words in capitals by values.
func fill(corefile string, pairs ...any) string {
	for i := range pairs {
		pairs[i] = fmt.Sprint(pairs[i])
	}
	for i := 0; i < len(pairs); i += 2 {
		corefile = strings.ReplaceAll(corefile, pairs[i].(string), pairs[i+1].(string))
	}
	return strings.ReplaceAll(corefile, "LOOPBACK", fixture.Loopback())
}

// server is a running CoreDNS.
type server struct {
	t        testing.TB
	instance *caddy.Instance
}

// serve starts CoreDNS until the test ends.
func serve(t testing.TB, corefile string) *server {
	t.Helper()
	instance, err := caddy.Start(input(corefile))
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, instance: instance}
	t.Cleanup(s.stop)
	return s
}

func (s *server) stop() {
	s.settle()
	if errs := s.instance.ShutdownCallbacks(); len(errs) > 0 {
		s.t.Error(errs)
	}
	if err := s.instance.Stop(); err != nil {
		s.t.Error(err)
	}
}

// settle waits until CoreDNS's own server has started: one that never served cannot be
// stopped, and would keep running.
func (s *server) settle() { time.Sleep(30 * time.Millisecond) }

func (s *server) reload(corefile string) {
	s.t.Helper()
	s.settle()
	next, err := s.instance.Restart(input(corefile))
	if err != nil {
		s.t.Fatal(err)
	}
	s.instance = next
}

// at returns an address of the tests' own host.
func at(port int) string { return net.JoinHostPort(fixture.Loopback(), fmt.Sprint(port)) }

// ask queries over UDP and returns the rcode and the data of the answers.
func ask(t testing.TB, server, name string, qtype uint16) string {
	t.Helper()
	client := dns.Client{Timeout: 5 * time.Second}
	reply, _, err := client.Exchange(new(dns.Msg).SetQuestion(name, qtype), server)
	if err != nil {
		return err.Error()
	}
	parts := []string{dns.RcodeToString[reply.Rcode]}
	for _, rr := range reply.Answer {
		parts = append(parts, strings.TrimPrefix(rr.String(), rr.Header().String()))
	}
	return strings.Join(parts, " ")
}
