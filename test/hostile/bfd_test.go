package hostile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The TTL of a packet that routers have forwarded, and that of one that none has.
const (
	fromAfar   = 5
	fromTheLAN = 255
)

// TestForwardedBFDPacketsChangeNothing: a host anywhere that sends with the router's
// address would bind the BFD session to itself, so that the router is not heard, and
// each expiry would reset BGP. The control is the same packet as a neighbour sends it.
func TestForwardedBFDPacketsChangeNothing(t *testing.T) {
	for _, family := range []struct{ name, router, site, attacker, bits, vip string }{
		{"IPv4", "10.77.0.1", "10.77.0.2", "10.77.0.3", "/24", "198.51.100.53"},
		{"IPv6", "fd77::1", "fd77::2", "fd77::3", "/64", "2001:db8::53"},
	} {
		t.Run(family.name, func(t *testing.T) {
			t.Parallel()
			here, there := newNamespace(t), newNamespace(t)
			link(t, here, there, []string{family.site + family.bits}, []string{family.attacker + family.bits})
			config := func(peer string) string {
				return fmt.Sprintf(`asn: 64512
routerID: 192.0.2.11
peers: [{address: "%s", asn: 64500%s}]
vips: [{address: "%s", checks: [{tcp: {address: "127.0.0.1:53"}}]}]`, family.router, peer, family.vip)
			}
			const bfd = ", bfd: true"
			s := newSpeaker(t, here, config(bfd))
			packet := spoofed(netip.MustParseAddr(family.router), netip.MustParseAddr(family.site))
			send := func(ttl byte) {
				there.do(t, func() error { return packet.send(ttl) })
			}
			state := func() string { return s.status(t).Peers[0].BFD }
			for _, round := range []string{"at start", "after a reload that opened the socket again"} {
				eventually(t, "GoBGP has the socket "+round, func() error { return here.listens(t, bfdPort) })
				for range 50 {
					send(fromAfar)
					time.Sleep(5 * time.Millisecond)
				}
				if got := state(); got != "down" {
					t.Errorf("%s: packets with TTL %d changed the BFD session to %q", round, fromAfar, got)
				}
				eventually(t, "control: the packet of a neighbor is accepted "+round, func() error {
					send(fromTheLAN)
					if got := state(); got == "down" {
						return fmt.Errorf("got session state %s", got)
					}
					return nil
				})
				s.configure(t, config(""))
				eventually(t, "GoBGP closes the socket", func() error {
					if here.listens(t, bfdPort) == nil {
						return errors.New("the socket is open")
					}
					return nil
				})
				s.configure(t, config(bfd))
			}
		})
	}
}

const bfdPort = 3784

// listens returns nil where a UDP socket of the machine has the port.
func (n *namespace) listens(t *testing.T, port int) (err error) {
	t.Helper()
	n.do(t, func() error {
		l, taken := net.ListenPacket("udp", fmt.Sprintf(":%d", port))
		if taken == nil {
			err = fmt.Errorf("port %d is unused", port)
			return l.Close()
		}
		if !strings.Contains(taken.Error(), "in use") {
			return taken
		}
		return nil
	})
	return err
}

// datagram is a whole IP packet.
type datagram struct {
	to     netip.Addr
	packet []byte
	ttl    int // its offset
}

// spoofed is what a router sends that begins a BFD session (RFC 5880, section 4.1),
// with the router's address.
func spoofed(router, site netip.Addr) *datagram {
	bfd := []byte{1 << 5, 1 << 6, 1, 24} // version 1, Down, a multiplier of 1
	for _, word := range []uint32{0xdeadbeef, 0, 300_000, 300_000, 0} {
		bfd = binary.BigEndian.AppendUint32(bfd, word)
	}
	length := uint16(8 + len(bfd))
	udp := binary.BigEndian.AppendUint16(nil, 50000)
	for _, field := range []uint16{bfdPort, length, 0} {
		udp = binary.BigEndian.AppendUint16(udp, field)
	}
	udp = append(udp, bfd...)
	addresses := append(router.AsSlice(), site.AsSlice()...)
	if router.Is4() {
		// The kernel fills in length and checksum; UDP needs none over IPv4.
		header := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 0, unix.IPPROTO_UDP, 0, 0}
		return &datagram{site, append(append(header, addresses...), udp...), 8}
	}
	pseudo := append(append([]byte{}, addresses...), 0, 0, byte(length>>8), byte(length), 0, 0, 0, unix.IPPROTO_UDP)
	binary.BigEndian.PutUint16(udp[6:], checksum(append(pseudo, udp...)))
	header := []byte{0x60, 0, 0, 0, byte(length >> 8), byte(length), unix.IPPROTO_UDP, 0}
	return &datagram{site, append(append(header, addresses...), udp...), 7}
}

// checksum is that of RFC 1071.
func checksum(data []byte) uint16 {
	sum := uint32(0)
	for i := 0; i+1 < len(data); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(data[i:]))
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

// send sends it with this TTL.
func (d *datagram) send(ttl byte) error {
	d.packet[d.ttl] = ttl
	family := unix.AF_INET6
	var to unix.Sockaddr = &unix.SockaddrInet6{Addr: d.to.As16()}
	if d.to.Is4() {
		family, to = unix.AF_INET, &unix.SockaddrInet4{Addr: d.to.As4()}
	}
	fd, err := unix.Socket(family, unix.SOCK_RAW, unix.IPPROTO_RAW)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Sendto(fd, d.packet, 0, to)
}
