package direct

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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

	"github.com/nearcast/nearcast/internal/testkit/coredns"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/plugin/nearcast"
	_ "github.com/nearcast/nearcast/plugin/tcp" // CoreDNS's own servers read queries like direct
)

var _ Prompt = (*nearcast.Nearcast)(nil)

func TestMain(m *testing.M) { coredns.Main(m) }

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
	*coredns.Server
	t testing.TB
}

// serve starts CoreDNS until the test ends.
func serve(t testing.TB, corefile string) *server {
	t.Helper()
	s := &server{coredns.Serve(t, corefile), t}
	t.Cleanup(s.settle)
	return s
}

// settle waits until CoreDNS's own server has started: one that never served cannot be
// stopped, and would keep running.
func (s *server) settle() { time.Sleep(30 * time.Millisecond) }

func (s *server) reload(corefile string) {
	s.t.Helper()
	s.settle()
	if err := s.Restart(corefile); err != nil {
		s.t.Fatal(err)
	}
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
