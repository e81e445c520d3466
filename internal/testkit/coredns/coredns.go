// Package coredns runs CoreDNS within the process of a test, from a Corefile. It links no
// plugins: a test imports those of its Corefiles.
package coredns

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	clog "github.com/coredns/coredns/plugin/pkg/log"
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/base/directives"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// Prepare makes the process fit to run servers: they print nothing, and plugins have the
// order of cmd/coredns.
var Prepare = sync.OnceValue(func() error {
	caddy.Quiet, dnsserver.Quiet = true, true
	clog.Discard() // a test that reads the log sets an output of its own
	return directives.Install()
})

// Main is the TestMain of a package whose tests run servers.
func Main(m *testing.M) {
	if err := Prepare(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// changing is held while the list of CoreDNS's instances changes: a plugin that reads it while its server starts
// would race with another server that stops. A process has one server otherwise.
var changing sync.Mutex

// Start starts CoreDNS. LOOPBACK in the Corefile stands for an address that no other server
// has. The caller calls Stop.
func Start(corefile string) (*caddy.Instance, error) {
	return start(input(corefile, fixture.AnotherLoopback()))
}

func start(corefile caddy.Input) (*caddy.Instance, error) {
	changing.Lock()
	defer changing.Unlock()
	return caddy.Start(corefile)
}

// input is a Corefile as caddy takes it.
func input(corefile, host string) caddy.Input {
	corefile = strings.ReplaceAll(corefile, "LOOPBACK", host)
	return caddy.CaddyfileInput{Filepath: "Corefile", Contents: []byte(corefile), ServerTypeName: "dns"}
}

// Stop ends an instance as a signal does. It first asks every server, because one that has not
// served yet cannot be stopped.
func Stop(instance *caddy.Instance) error {
	for _, s := range instance.Servers() {
		warmUp(s)
	}
	callbacks := instance.ShutdownCallbacks()
	changing.Lock()
	defer changing.Unlock()
	return errors.Join(append(callbacks, instance.Stop())...)
}

// warmUp returns when the server serves, or after a second for each transport.
func warmUp(s caddy.ServerListener) {
	if s.Addr() != nil {
		if conn, err := net.DialTimeout("tcp", s.Addr().String(), time.Second); err == nil {
			conn.Close()
		}
	}
	if s.Addr() != nil && s.LocalAddr() != nil { // not QUIC, which does not understand the query
		client := dns.Client{Timeout: time.Second}
		_, _, _ = client.Exchange(new(dns.Msg).SetQuestion("warm-up.invalid.", dns.TypeA), s.LocalAddr().String())
	}
}

// Server is a running CoreDNS.
type Server struct {
	Instance *caddy.Instance
	// UDP and TCP are the addresses of its first server block; "" without that transport.
	UDP, TCP string

	host    string
	stopped bool
}

// Serve starts CoreDNS, as Start does, and stops it when the test ends.
func Serve(t testing.TB, corefile string) *Server {
	t.Helper()
	s := &Server{host: fixture.AnotherLoopback()}
	instance, err := start(input(corefile, s.host))
	if err != nil {
		t.Fatalf("%v\n%s", err, corefile)
	}
	s.follow(instance)
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Stop stops the server before the test ends.
func (s *Server) Stop() error {
	if s.stopped {
		return nil
	}
	s.stopped = true
	return Stop(s.Instance)
}

// Restart reloads the server with another Corefile, in which LOOPBACK is the address that it
// had. If that fails, the server goes on as it was.
func (s *Server) Restart(corefile string) error {
	changing.Lock()
	next, err := s.Instance.Restart(input(corefile, s.host))
	changing.Unlock()
	if err == nil {
		s.follow(next)
	}
	return err
}

// follow takes the instance's addresses. A reload keeps them, and they are then not written: the
// test may read them to send queries meanwhile.
func (s *Server) follow(instance *caddy.Instance) {
	s.Instance = instance
	first := instance.Servers()[0]
	if addr := first.LocalAddr(); addr != nil && addr.String() != s.UDP {
		s.UDP = addr.String()
	}
	if addr := first.Addr(); addr != nil && addr.String() != s.TCP {
		s.TCP = addr.String()
	}
}
