package hostile

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nearcast/nearcast/internal/testkit/peers"
)

const shippedFirewall = "../../manifests/clusters/firewall.nft"

// TestTheShippedFirewallAllowsBGPAndBFDOnlyFromPeers loads it with nft. The controls
// are that a stranger reaches every port without it, and the router with it.
func TestTheShippedFirewallAllowsBGPAndBFDOnlyFromPeers(t *testing.T) {
	t.Parallel()
	nft := peers.Find(t, "nft", "nftables")
	node, outside := newNamespace(t), newNamespace(t)
	link(t, node, outside, []string{"192.0.2.4/24", "2001:db8::4/64"},
		[]string{"192.0.2.254/24", "192.0.2.200/24", "2001:db8::254/64", "2001:db8::200/64"})
	d := listenTo(t, node)
	all := func() (reached []string) {
		for _, from := range []string{"192.0.2.200", "2001:db8::200", "192.0.2.254", "2001:db8::254"} {
			reached = append(reached, d.reached(t, outside, netip.MustParseAddr(from))...)
		}
		return reached
	}
	everything := []string{}
	for _, from := range []string{"192.0.2.200", "2001:db8::200", "192.0.2.254", "2001:db8::254"} {
		for _, what := range []string{"tcp 179", "udp 3784 ttl 5", "udp 3784 ttl 255", "udp 4784 ttl 5"} {
			everything = append(everything, from+" "+what)
		}
	}
	if got := all(); !slices.Equal(got, everything) {
		t.Fatalf("control: without a firewall: got %q reached, want %q", got, everything)
	}
	node.do(t, func() error {
		if out, err := nft.Command("-f", shippedFirewall).CombinedOutput(); err != nil {
			return fmt.Errorf("nft: %w: %s", err, out)
		}
		return nil
	})
	want := slices.DeleteFunc(everything, func(one string) bool {
		return strings.Contains(one, "200 ") || strings.Contains(one, "3784 ttl 5")
	})
	if got := all(); !slices.Equal(got, want) {
		t.Errorf("with the firewall: got %q reached, want %q", got, want)
	}
}

// doors are the ports of a machine, in both families.
type doors struct {
	datagrams chan string
}

func listenTo(t *testing.T, n *namespace) *doors {
	t.Helper()
	d := &doors{make(chan string, 100)}
	n.do(t, func() error {
		tcp, err := net.Listen("tcp", ":179")
		if err != nil {
			return err
		}
		t.Cleanup(func() { tcp.Close() })
		go acceptAll(tcp)
		for _, port := range []int{3784, 4784} {
			udp, err := net.ListenPacket("udp", fmt.Sprintf(":%d", port))
			if err != nil {
				return err
			}
			t.Cleanup(func() { udp.Close() })
			go d.take(udp)
		}
		return nil
	})
	return d
}

func (d *doors) take(c net.PacketConn) {
	packet := make([]byte, 100)
	for {
		n, _, err := c.ReadFrom(packet)
		if err != nil {
			return
		}
		d.datagrams <- string(packet[:n])
	}
}

// dropped is how long what is not answered is waited for.
const dropped = 300 * time.Millisecond

// reached returns what gets in from the address.
func (d *doors) reached(t *testing.T, outside *namespace, from netip.Addr) (all []string) {
	t.Helper()
	to := netip.MustParseAddr("192.0.2.4")
	if from.Is6() {
		to = netip.MustParseAddr("2001:db8::4")
	}
	outside.do(t, func() error {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: from.AsSlice()}, Timeout: dropped}
		c, err := dialer.Dial("tcp", netip.AddrPortFrom(to, 179).String())
		var timeout net.Error
		switch {
		case err == nil:
			all = append(all, from.String()+" tcp 179")
			return c.Close()
		case errors.As(err, &timeout) && timeout.Timeout():
			return nil
		}
		return err
	})
	for _, datagram := range []struct{ port, ttl int }{{3784, 5}, {3784, 255}, {4784, 5}} {
		text := fmt.Sprintf("%s udp %d ttl %d", from, datagram.port, datagram.ttl)
		outside.do(t, func() error { return sendFrom(from, netip.AddrPortFrom(to, uint16(datagram.port)), datagram.ttl, text) })
		select {
		case got := <-d.datagrams:
			all = append(all, got)
		case <-time.After(dropped):
		}
	}
	return all
}

// sendFrom sends a datagram with this TTL.
func sendFrom(from netip.Addr, to netip.AddrPort, ttl int, text string) error {
	dialer := net.Dialer{LocalAddr: &net.UDPAddr{IP: from.AsSlice()}, ControlContext: func(_ context.Context, _, _ string, c syscall.RawConn) (err error) {
		failed := c.Control(func(fd uintptr) {
			if to.Addr().Is4() {
				err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TTL, ttl)
			} else {
				err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, ttl)
			}
		})
		return errors.Join(failed, err)
	}}
	c, err := dialer.Dial("udp", to.String())
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Write([]byte(text))
	return err
}
