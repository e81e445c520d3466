package outbound

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

func TestAFamilyHasOneSourceAtMost(t *testing.T) {
	for _, c := range []struct {
		addrs []string
		want  Sources
		ok    bool
	}{
		{nil, Sources{}, true},
		{[]string{"192.0.2.1"}, Sources{V4: netip.MustParseAddr("192.0.2.1")}, true},
		{[]string{"2001:db8::1", "::ffff:192.0.2.1"}, Sources{V4: netip.MustParseAddr("192.0.2.1"), V6: netip.MustParseAddr("2001:db8::1")}, true},
		{[]string{"192.0.2.1", "192.0.2.2"}, Sources{}, false},
		{[]string{"::1", "::2"}, Sources{}, false},
	} {
		var addrs []netip.Addr
		for _, a := range c.addrs {
			addrs = append(addrs, netip.MustParseAddr(a))
		}
		if got, err := NewSources(addrs...); got != c.want || (err == nil) != c.ok {
			t.Errorf("%v: %v, %v", c.addrs, got, err)
		}
	}
}

// TestAConnectionComesFromItsSource has a listener on each network and checks the source address.
func TestAConnectionComesFromItsSource(t *testing.T) {
	sources := Sources{V4: netip.MustParseAddr("127.0.0.9"), V6: netip.MustParseAddr("::1")}
	for _, host := range []string{"127.0.0.1", "::1"} {
		listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			t.Logf("%s: %v", host, err) // a machine without IPv6
			continue
		}
		t.Cleanup(func() { listener.Close() })
		for _, network := range []string{"tcp", "udp"} {
			conn, err := sources.Dial(t.Context(), network, listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			from := netip.MustParseAddrPort(conn.LocalAddr().String()).Addr()
			if from != sources.of(netip.MustParseAddr(host)) {
				t.Errorf("%s to %s comes from %s", network, host, from)
			}
			conn.Close()
		}
		for _, other := range []Sources{{V4: sources.V4}, {V6: sources.V6}} {
			reaches := other.Reaches(netip.MustParseAddr(host))
			conn, err := other.Dial(t.Context(), "tcp", listener.Addr().String())
			if (err == nil) != reaches {
				t.Errorf("%v to %s: %v", other, host, err)
			}
			if err == nil {
				conn.Close()
			}
		}
	}
}

// TestAnUnreachableFamilyLeavesTimeForTheOther drops IPv6 packets.
func TestAnUnreachableFamilyLeavesTimeForTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Sources{V4: netip.MustParseAddr("192.0.2.1"), V6: netip.MustParseAddr("2001:db8::1")}
		vanish := func(ctx context.Context, from netip.Addr) (net.Conn, error) {
			if from == s.V6 {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			a, b := net.Pipe()
			b.Close()
			return a, nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		start := time.Now()
		conn, err := s.inTurn(ctx, vanish)
		if err != nil || time.Since(start) != 5*time.Second {
			t.Fatalf("after %s: %v", time.Since(start), err)
		}
		conn.Close()
		none := func(context.Context, netip.Addr) (net.Conn, error) { return nil, net.ErrClosed }
		if _, err := s.inTurn(ctx, none); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
}

func TestAPinIsADigest(t *testing.T) {
	const good = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	for _, c := range []struct {
		pins []string
		ok   bool
	}{
		{[]string{good}, true},
		{[]string{good, good}, true},
		{[]string{good, "c2hvcnQ="}, false},
		{[]string{good[1:]}, false},
		{[]string{"3031323334353637383961626364656630313233343536373839616263646566"}, false}, // hex
	} {
		if _, err := ParsePins(c.pins); (err == nil) != c.ok {
			t.Errorf("%v: %v", c.pins, err)
		}
	}
}

func TestACAFileHasACertificate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ca.pem")
	for text, ok := range map[string]bool{"": false, "no PEM": false, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n": false} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := (Trust{CA: path}).Check(); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
	if err := (Trust{CA: path + ".missing"}).Check(); err == nil {
		t.Error("a missing file is accepted")
	}
	if err := (Trust{}).Check(); err != nil {
		t.Error(err)
	}
}
