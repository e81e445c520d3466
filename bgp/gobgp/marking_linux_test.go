package gobgp

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
)

// TestPacketsOfSessionsAreMarkedAsNetworkControl captures the packets on lo, from the SYN on.
func TestPacketsOfSessionsAreMarkedAsNetworkControl(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: capturing packets needs root")
	}
	for _, address := range []string{"127.0.0.100", "::1"} {
		router := netip.MustParseAddr(address)
		listener, err := net.Listen("tcp", netip.AddrPortFrom(router, 0).String())
		if err != nil {
			t.Skipf("SKIPPED: %v", err)
		}
		t.Cleanup(func() { listener.Close() })
		port := uint16(listener.Addr().(*net.TCPAddr).Port)
		packets := overhearLo(t)
		local := netip.MustParseAddr("127.0.0.9")
		if router.Is6() {
			local = router
		}
		speaker, err := NewSpeaker(t.Context(), &config.Config{ASN: 64511, RouterID: netip.MustParseAddr("192.0.2.11")}, quietLog)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = speaker.Close(time.Second) })
		peer := config.Peer{Address: router, Port: port, ASN: 64500, LocalAddress: local, HoldTime: 9 * time.Second, Families: []route.Family{route.IPv4}}
		if err := speaker.SetPeers([]config.Peer{peer}, 0); err != nil {
			t.Fatal(err)
		}
		conn, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		open := make([]byte, 19)
		if _, err := conn.Read(open); err != nil {
			t.Fatal(err)
		}
		seen := 0
		for p := range packets {
			if p.to != port {
				continue
			}
			if p.class != networkControl {
				t.Errorf("%s: got a packet of class %#x, want %#x", router, p.class, networkControl)
			}
			if seen++; seen == 3 { // the SYN, its acknowledgement and the OPEN
				break
			}
		}
	}
}

// overheard is a TCP packet.
type overheard struct {
	class byte
	to    uint16
}

// overhearLo sends the TCP packets on lo, from before it returns.
func overhearLo(t *testing.T) <-chan overheard {
	t.Helper()
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	all := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, unix.ETH_P_ALL))
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: lo.Index}); err != nil {
		t.Fatal(err)
	}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 100_000}); err != nil {
		t.Fatal(err)
	}
	packets := make(chan overheard, 1000)
	done := make(chan struct{})
	t.Cleanup(func() { close(done); time.Sleep(200 * time.Millisecond); unix.Close(fd) })
	go func() {
		buffer := make([]byte, 1<<16)
		for {
			select {
			case <-done:
				return
			default:
			}
			n, _, err := unix.Recvfrom(fd, buffer, 0)
			if err != nil {
				continue
			}
			if p, is := tcpOf(buffer[:n]); is {
				select {
				case packets <- p:
				default:
				}
			}
		}
	}()
	return packets
}

func tcpOf(packet []byte) (p overheard, is bool) {
	switch {
	case len(packet) >= 40 && packet[0]>>4 == 4 && packet[9] == syscall.IPPROTO_TCP:
		return overheard{packet[1], binary.BigEndian.Uint16(packet[int(packet[0]&15)*4+2:])}, true
	case len(packet) >= 60 && packet[0]>>4 == 6 && packet[6] == syscall.IPPROTO_TCP:
		return overheard{byte(binary.BigEndian.Uint16(packet) >> 4), binary.BigEndian.Uint16(packet[42:])}, true
	}
	return overheard{}, false
}
