package health

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
)

// TestATCPProbeReachesBothFamilies probes addresses in every form that a file may have.
func TestATCPProbeReachesBothFamilies(t *testing.T) {
	for _, listen := range []string{"127.0.0.1", "::1"} {
		l, err := net.Listen("tcp", net.JoinHostPort(listen, "0"))
		if err != nil {
			t.Logf("SKIPPED %s: %v", listen, err)
			continue
		}
		defer l.Close()
		port := addrOf(t, l).Port()
		forms := []string{listen}
		if listen == "127.0.0.1" {
			forms = append(forms, "::ffff:127.0.0.1")
		}
		for _, form := range forms {
			addr := netip.AddrPortFrom(netip.MustParseAddr(form), port)
			if err := connect(t.Context(), addr, time.Now().Add(time.Second)); err != nil {
				t.Errorf("%s: %v", addr, err)
			}
		}
		l.Close()
		addr := netip.AddrPortFrom(netip.MustParseAddr(listen), port)
		if err := connect(t.Context(), addr, time.Now().Add(time.Second)); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%s without a listener: %v, want a refusal", addr, err)
		}
	}
}

// TestATCPProbeEndsInTime bounds a probe whose packets are dropped, and ends one whose
// context ends.
func TestATCPProbeEndsInTime(t *testing.T) {
	addr := netip.MustParseAddrPort(vanish(t))
	start := time.Now()
	if err := connect(t.Context(), addr, time.Now().Add(50*time.Millisecond)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%v, want a timeout", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if err := connect(ctx, addr, time.Now().Add(time.Hour)); err == nil {
		t.Error("it passed")
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
}

// TestATCPProbeNeverConnectsToItself probes a port of this machine without a listener
// until the kernel has used every ephemeral port, including that one. The resulting
// self-connection is established (RFC 9293, section 3.5), and says nothing about a
// server.
func TestATCPProbeNeverConnectsToItself(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED: it needs Linux's range of ports")
	}
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		t.Skip("SKIPPED: ", err)
	}
	ports := strings.Fields(string(text))
	first, _ := strconv.Atoi(ports[0])
	last, _ := strconv.Atoi(ports[1])
	addr := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), closedPort(t, first+100))
	for range last - first {
		if err := connect(t.Context(), addr, time.Now().Add(time.Second)); err == nil {
			t.Fatalf("%s passed, but nothing listens there", addr)
		}
	}
}

// closedPort returns a port without a listener, from the half that the kernel prefers for
// connections: even or odd ports, like the first one.
func closedPort(t *testing.T, from int) uint16 {
	for port := from; port < from+1000; port += 2 {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			l.Close()
			return uint16(port)
		}
	}
	t.Fatal("every port is in use")
	return 0
}

// TestATCPProbeLeavesNoDescriptor counts descriptors after probes that passed, failed and
// were cut off.
func TestATCPProbeLeavesNoDescriptor(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	open := func() int {
		all, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("SKIPPED: ", err)
		}
		return len(all)
	}
	targets := []netip.AddrPort{addrOf(t, l), netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), closedPort(t, 20_000)), netip.MustParseAddrPort(vanish(t))}
	ask := func() {
		for _, addr := range targets {
			_, _ = asked(t, TLS{}, federation.Target{Kind: federation.ProbeTCP, Addr: addr})
			_ = connect(t.Context(), addr, time.Now().Add(10*time.Millisecond))
		}
	}
	_ = connect(t.Context(), targets[2], time.Now().Add(10*time.Millisecond)) // opens the poller's descriptors
	before := open()
	ask()
	if after := open(); after > before {
		t.Errorf("%d descriptors are open, before %d", after, before)
	}
}
