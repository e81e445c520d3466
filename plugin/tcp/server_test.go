package tcp

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coredns/caddy"
	"github.com/miekg/dns"

	// These plugins appear beside tcp in the tests' Corefiles.
	_ "github.com/coredns/coredns/plugin/acl"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/multisocket"
	_ "github.com/coredns/coredns/plugin/timeouts"
	_ "github.com/coredns/coredns/plugin/tls"
	_ "github.com/coredns/coredns/plugin/whoami"

	"github.com/nearcast/nearcast/internal/testkit/coredns"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

func TestMain(m *testing.M) { coredns.Main(m) }

// running is a CoreDNS at its own address.
type running struct {
	*coredns.Server
	t    *testing.T
	addr string
}

func input(corefile string) caddy.CaddyfileInput {
	return caddy.CaddyfileInput{Filepath: "Corefile", Contents: []byte(corefile), ServerTypeName: "dns"}
}

// serve starts CoreDNS with one server for the transport, whose block has whoami and the
// lines, until the test ends.
func serve(t *testing.T, transport string, lines ...string) *running {
	t.Helper()
	host := fixture.AnotherLoopback()
	port := fixture.FreePort(t, host)
	r := &running{t: t, addr: net.JoinHostPort(host, fmt.Sprint(port))}
	r.Server = coredns.Serve(t, r.corefile(transport, lines...))
	t.Cleanup(settle)
	return r
}

func (r *running) corefile(transport string, lines ...string) string {
	host, port, _ := net.SplitHostPort(r.addr)
	return fmt.Sprintf("%s://.:%s {\nbind %s\nwhoami\n%s\n}\n", transport, port, host, strings.Join(lines, "\n"))
}

func (r *running) reload(lines ...string) {
	r.t.Helper()
	settle()
	if err := r.Restart(r.corefile("dns", lines...)); err != nil {
		r.t.Fatal(err)
	}
}

// settle waits until CoreDNS serves: a server that never served cannot be stopped.
func settle() { time.Sleep(30 * time.Millisecond) }

// client opens a connection from the address and sends one query on it.
func (r *running) client(from string) *dns.Conn {
	r.t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 5 * time.Second}
	c, err := d.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	conn := &dns.Conn{Conn: c}
	if !asks(conn) {
		r.t.Fatalf("a new client from %s is not answered", from)
	}
	return conn
}

// asks reports whether a query on the connection is answered.
func asks(c *dns.Conn) bool {
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	if c.WriteMsg(new(dns.Msg).SetQuestion("example.org.", dns.TypeA)) != nil {
		return false
	}
	_, err := c.ReadMsg()
	return err == nil
}

// held counts the connections on which queries are still answered.
func held(all []*dns.Conn) (n int) {
	for _, c := range all {
		if asks(c) {
			n++
		}
	}
	return n
}

const tight = "tcp {\nconnections 8\nnetwork 4\n}"

func TestANetworkDisplacesOnlyItsOwnIdlestConnection(t *testing.T) {
	r := serve(t, "dns", tight)
	other, asking := r.client("127.7.1.1"), r.client("127.7.2.1")
	var idle []*dns.Conn
	for i := range 20 {
		if !asks(asking) {
			t.Fatal("an active client lost its connection")
		}
		idle = append(idle, r.client(fmt.Sprintf("127.7.2.%d", 2+i)))
	}
	if n := held(idle); n != 3 {
		t.Errorf("%d idle connections of a network that may have 4 are open beside the active one", n)
	}
	if !asks(other) {
		t.Error("another network lost its connection")
	}
}

func TestConnectionsAreLimitedInTotal(t *testing.T) {
	r := serve(t, "dns", tight)
	asking := r.client("127.7.0.1")
	var all []*dns.Conn
	for i := range 30 {
		if !asks(asking) {
			t.Fatal("an active client lost its connection")
		}
		all = append(all, r.client(fmt.Sprintf("127.7.%d.1", 1+i)))
	}
	if n := held(all); n != 7 {
		t.Errorf("%d of 8 connections are open beside the active one", n)
	}
}

func TestADefaultLimitAppliesIfNoneIsSet(t *testing.T) {
	serve(t, "dns", "timeouts {\nidle 5s\n}") // also beside the plugin timeouts
	time.Sleep(30 * time.Millisecond)
	connections.mu.Lock()
	defer connections.mu.Unlock()
	if want := (bounds{}).complete(openFiles()); connections.bounds != want || want.all < 2 || want.network >= want.all {
		t.Errorf("the limits are %+v, want %+v", connections.bounds, want)
	}
}

func secured(t *testing.T) string {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	fixture.Certificate(t, cert, key, "dns.example")
	return "tls " + cert + " " + key
}

func TestConnectionsOverTLSAreLimited(t *testing.T) {
	r := serve(t, "tls", tight, secured(t))
	var all []*dns.Conn
	for range 10 {
		c, err := tls.Dial("tcp", r.addr, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // it is the test's own
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		conn := &dns.Conn{Conn: c}
		if !asks(conn) {
			t.Fatal("a new client is not answered")
		}
		all = append(all, conn)
	}
	if n := held(all); n != 4 {
		t.Errorf("%d of 4 connections of one network are open", n)
	}
}

// TestConnectionsOverHTTPSAreLimited also checks that a new client is answered beyond
// CoreDNS's own limit of 200, at which it would wait.
func TestConnectionsOverHTTPSAreLimited(t *testing.T) {
	r := serve(t, "https", "tcp {\nconnections 300\nnetwork 250\n}", secured(t))
	query, err := new(dns.Msg).SetQuestion("example.org.", dns.TypeA).Pack()
	if err != nil {
		t.Fatal(err)
	}
	answered := 0
	for range 260 {
		one := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // it is the test's own
		defer one.CloseIdleConnections()
		client := http.Client{Transport: one, Timeout: 5 * time.Second}
		reply, err := client.Post("https://"+r.addr+"/dns-query", "application/dns-message", bytes.NewReader(query))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, reply.Body)
		_ = reply.Body.Close()
		if reply.StatusCode == http.StatusOK {
			answered++
		}
	}
	connections.mu.Lock()
	n := len(connections.open)
	connections.mu.Unlock()
	if answered != 260 || n > 250 || n <= 200 {
		t.Errorf("%d of 260 clients were answered, and %d connections are open, of 250", answered, n)
	}
}

func TestAConnectionSurvivesReloads(t *testing.T) {
	r := serve(t, "dns", tight)
	idle, asking := r.client("127.7.1.1"), r.client("127.7.2.1")
	time.Sleep(50 * time.Millisecond)
	before := runtime.NumGoroutine()
	for range 5 {
		r.reload(tight)
		if !asks(asking) {
			t.Fatal("a client lost its connection in a reload")
		}
	}
	if !asks(idle) {
		t.Error("an idle client lost its connection in a reload")
	}
	connections.mu.Lock()
	if n := len(connections.open); n != 2 {
		t.Errorf("%d of 2 connections are counted", n)
	}
	connections.mu.Unlock()
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines after reloads, %d before", runtime.NumGoroutine(), before)
		}
	}
}

// TestAReloadThatFailsChangesNothing checks that nothing is left to a server that never
// started.
func TestAReloadThatFailsChangesNothing(t *testing.T) {
	r := serve(t, "dns", tight)
	c := r.client("127.7.1.1")
	time.Sleep(30 * time.Millisecond)
	taken, err := net.Listen("tcp", net.JoinHostPort(fixture.AnotherLoopback(), "0")) // without SO_REUSEPORT
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	host, port, _ := net.SplitHostPort(taken.Addr().String())
	failing := r.corefile("dns", "tcp {\nconnections 2\n}") + "dns://other.:" + port + " {\nbind " + host + "\nwhoami\n}\n"
	if err := r.Restart(failing); err == nil {
		t.Fatal("a port in use did not fail the reload")
	}
	if !asks(c) || !asks(r.client("127.7.1.2")) {
		t.Error("a client is not answered")
	}
	connections.mu.Lock()
	if got := connections.bounds.all; got != 8 {
		t.Errorf("%d connections are allowed, as in the failed configuration", got)
	}
	connections.mu.Unlock()
	r.reload(tight)
	if !asks(c) {
		t.Error("the connection was lost in the next reload")
	}
}

func TestConcurrentQueriesOnOneConnectionAreLimited(t *testing.T) {
	r := serve(t, "dns")
	c := r.client("127.7.1.1")
	n := 1
	for asks(c) && n <= queriesByDefault {
		n++
	}
	if n != queriesByDefault {
		t.Errorf("%d queries were answered on one connection, want %d", n, queriesByDefault)
	}
}
