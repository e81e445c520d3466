package direct

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

const direct = "fn.example.org:PORT {\nbind LOOPBACK\ndirect\n" + nearcastBlock + "}\n"

// TestReloadsLoseNoQueryAndLeakNothing reloads under load, with direct and without, and
// with configurations that cannot start.
func TestReloadsLoseNoQueryAndLeakNothing(t *testing.T) {
	dir, port := federated(t, hello), freePort(t)
	with := fill(direct, "PORT", port, "DIR", dir)
	other := strings.Replace(with, "mk-core", "de-wide", 1) // another site: its own cluster is nearest
	broken := with + "other.example:1 {\n bind 203.0.113.99\n whoami\n}\n"
	s := serve(t, with)
	ctx, cancel := context.WithCancel(t.Context())
	var asked atomic.Int64
	var load sync.WaitGroup
	for range 4 {
		load.Go(func() {
			for ctx.Err() == nil {
				for qtype, want := range map[uint16]string{dns.TypeA: "NOERROR 192.0.2.", dns.TypeDS: "NOERROR"} { // in place, handed over
					if got := ask(t, at(port), "hello.demo.fn.example.org.", qtype); !strings.HasPrefix(got, want) {
						t.Errorf("type %d: %s", qtype, got)
					}
				}
				asked.Add(1)
			}
		})
	}
	for i := range 30 {
		s.reload([]string{with, other}[i%2])
		if got, want := ask(t, at(port), "hello.demo.fn.example.org.", dns.TypeA), []string{"NOERROR 192.0.2.1", "NOERROR 192.0.2.4"}[i%2]; got != want {
			t.Errorf("after reload %d: %s, want %s", i, got, want)
		}
		if err := s.Restart(broken); err == nil {
			t.Fatal("an invalid configuration started")
		}
		if n := opened(); n != 1 {
			t.Fatalf("%d listeners after reload %d, want one", n, i)
		}
	}
	for asked.Load() < 20 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	load.Wait()
}

// TestAHandoverThatIsStoppedBeforeItServesEnds does what multisocket does at each reload:
// the second server of the address takes over while the handovers of the first one start.
func TestAHandoverThatIsStoppedBeforeItServesEnds(t *testing.T) {
	h := newHandover(&socket{}, &dnsserver.Server{}, t.Context())
	stopped, served := make(chan struct{}), make(chan struct{})
	go func() { h.stop(grace); close(stopped) }()
	time.Sleep(10 * time.Millisecond)
	go func() { h.serve(); close(served) }()
	for what, done := range map[string]chan struct{}{"stop": stopped, "serve": served} {
		select {
		case <-done:
		case <-time.After(2 * grace):
			t.Fatalf("%s keeps running", what)
		}
	}
}

// TestReloadsAddAndRemoveDirect checks that its sockets, files and threads go with its line.
func TestReloadsAddAndRemoveDirect(t *testing.T) {
	dir, port := federated(t, hello), freePort(t)
	with := fill(direct, "PORT", port, "DIR", dir)
	without := strings.Replace(with, "direct\n", "", 1)
	s := serve(t, without)
	ask(t, at(port), "hello.demo.fn.example.org.", dns.TypeA)
	files, goroutines := descriptors(t), 0
	for i := range 10 {
		s.reload(with)
		if got := ask(t, at(port), "hello.demo.fn.example.org.", dns.TypeA); got != "NOERROR 192.0.2.1" || opened() != 1 {
			t.Fatalf("with it: %s, %d listeners", got, opened())
		}
		s.reload(without)
		if got := ask(t, at(port), "hello.demo.fn.example.org.", dns.TypeA); got != "NOERROR 192.0.2.1" || opened() != 0 {
			t.Fatalf("without it: %s, %d listeners", got, opened())
		}
		if i == 2 {
			goroutines = settled(0)
		}
	}
	if n := settled(goroutines); n > goroutines {
		t.Errorf("%d goroutines, %d after more reloads", goroutines, n)
	}
	if n := descriptors(t); n > files {
		t.Errorf("%d files were open before the reloads, %d after", files, n)
	}
}

// settled waits until at most this many goroutines run, or for a while, and returns how
// many do.
func settled(want int) int {
	n := runtime.NumGoroutine()
	for i := 0; i < 40 && n > want; i++ {
		time.Sleep(50 * time.Millisecond)
		n = min(n, runtime.NumGoroutine())
	}
	return n
}

func descriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// TestABlockedQueryDelaysNoFunction delays a query upstream, and meanwhile queries a
// function through the same socket.
func TestABlockedQueryDelaysNoFunction(t *testing.T) {
	release := make(chan struct{})
	arrived := make(chan struct{}, 1000) // forward retries after a while
	upstream := upstreamOf(t, dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		arrived <- struct{}{}
		<-release
		reply := new(dns.Msg).SetReply(r)
		reply.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: r.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.IPv4(192, 0, 2, 99)}}
		_ = w.WriteMsg(reply)
	}))
	port := freePort(t)
	serve(t, fill(".:PORT {\nbind LOOPBACK\ndirect\nnearcast fn.example.org {\ncluster mk-core\nmanifests DIR/federation\nfallthrough\n}\nforward . UPSTREAM\n}\n"+
		"slow.wild.fn.example.org:PORT {\nbind LOOPBACK\nforward . UPSTREAM\n}",
		"PORT", port, "DIR", federated(t, world...), "UPSTREAM", upstream))
	var asking sync.WaitGroup
	for i := range 9 {
		// A name of another zone, one of ours that falls through, and one of another
		// block below a function's wildcard.
		name := fmt.Sprintf("a%d.%s", i, []string{"example.com.", "fn.example.org.", "slow.wild.fn.example.org."}[i%3])
		asking.Go(func() {
			if got := ask(t, at(port), name, dns.TypeA); got != "NOERROR 192.0.2.99" {
				t.Errorf("%s: %s", name, got)
			}
		})
	}
	for range 9 {
		<-arrived
	}
	for range 100 {
		if got := ask(t, at(port), "hello.demo.fn.example.org.", dns.TypeA); got != "NOERROR 192.0.2.1" {
			t.Errorf("meanwhile: %s", got)
		}
	}
	close(release)
	asking.Wait()
}

// upstreamOf serves UDP until the test ends.
func upstreamOf(t *testing.T, h dns.Handler) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", net.JoinHostPort(fixture.Loopback(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	s := &dns.Server{PacketConn: conn, Handler: h}
	started := make(chan struct{})
	s.NotifyStartedFunc = func() { close(started) }
	go func() { _ = s.ActivateAndServe() }()
	<-started
	t.Cleanup(func() { _ = s.Shutdown() })
	return conn.LocalAddr().String()
}

// TestRepliesLeaveFromTheAddressThatWasAsked queries a server that listens on all
// addresses at two of them, in each family.
func TestRepliesLeaveFromTheAddressThatWasAsked(t *testing.T) {
	second := netip.MustParseAddr(fixture.Loopback()).Next().String()
	port := fixture.FreePort(t, "")
	serve(t, fill("fn.example.org:PORT {\ndirect LOOPBACK SECOND ::1 198.51.100.53\n"+nearcastBlock+"}", "PORT", port, "SECOND", second, "DIR", federated(t, hello)))
	for _, host := range []string{fixture.Loopback(), second, "::1"} {
		server := net.JoinHostPort(host, fmt.Sprint(port))
		before := total(t, "coredns_direct_queries_total", "how", "in_place", "server", fmt.Sprintf("dns://:%d", port))
		// The client's socket is connected: a reply from another address does not reach
		// it.
		if got := ask(t, server, "hello.demo.fn.example.org.", dns.TypeA); got != "NOERROR 192.0.2.1" {
			t.Errorf("%s: %s", server, got)
		}
		if n := eventually(t, before+1, fmt.Sprintf("dns://:%d", port)); n != before+1 {
			t.Errorf("%s: %v queries were answered in place, want %v: a socket on the address precedes one on all", server, n, before+1)
		}
	}
	// No direct socket listens there, so CoreDNS answers.
	third := netip.MustParseAddr(second).Next().String()
	if got := ask(t, net.JoinHostPort(third, fmt.Sprint(port)), "hello.demo.fn.example.org.", dns.TypeA); got != "NOERROR 192.0.2.1" {
		t.Errorf("%s: %s", third, got)
	}
}

// eventually returns the count of queries answered in place, which lags behind their
// replies.
func eventually(t *testing.T, want float64, server string) (n float64) {
	for range 1000 {
		if n = total(t, "coredns_direct_queries_total", "how", "in_place", "server", server); n == want {
			return n
		}
		time.Sleep(10 * time.Millisecond)
	}
	return n
}

// TestEverySocketAnswersTheDatagramsItReceives queries from many ports at once: every query is
// answered, and answered in place if the kernel prefers the processor's own socket.
func TestEverySocketAnswersTheDatagramsItReceives(t *testing.T) {
	port := freePort(t)
	serve(t, fill(direct, "PORT", port, "DIR", federated(t, hello)))
	const clients, each = 16, 50
	var load sync.WaitGroup
	for range clients {
		load.Go(func() {
			for range each {
				if got := ask(t, at(port), "hello.demo.fn.example.org.", dns.TypeA); got != "NOERROR 192.0.2.1" {
					t.Error(got)
				}
			}
		})
	}
	load.Wait()
	if !prefersProcessor(t) {
		t.Skip("SKIPPED: the share answered in place: this kernel is older than 6.2")
	}
	if n := eventually(t, clients*each, "dns://"+at(port)); n < clients*each*9/10 {
		t.Errorf("%v of %d were answered in place", n, clients*each)
	}
}

// prefersProcessor reports whether the kernel prefers the socket of the processor.
func prefersProcessor(t *testing.T) bool {
	t.Helper()
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		t.Fatal(err)
	}
	var major, minor int
	if _, err := fmt.Sscanf(string(release), "%d.%d", &major, &minor); err != nil {
		t.Fatal(err)
	}
	return major > 6 || major == 6 && minor >= 2
}

// TestManifestsMoveAnswersInPlace checks that answers given in place follow the
// federation like all others.
func TestManifestsMoveAnswersInPlace(t *testing.T) {
	dir, port := federated(t, hello), freePort(t)
	serve(t, fill(direct, "PORT", port, "DIR", dir))
	moved := hello
	moved.Clusters = []string{"us-azure"}
	fixture.Write(t, filepath.Join(dir, "federation", "all.yaml"), fixture.ThreeWith(moved))
	for range 500 {
		if ask(t, at(port), "hello.demo.fn.example.org.", dns.TypeA) == "NOERROR 192.0.2.2" {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the answer did not follow the manifests")
}
