package gobgp

import (
	"context"
	"fmt"
	"net"
	"syscall"
)

// routerAdvertisement is the ICMPv6 type (RFC 4861, section 4.2), and advertised the length of the
// message. The message is all zero, including the lifetime, so nobody uses this machine as a
// default router.
const (
	routerAdvertisement = 134
	advertised          = 16
)

// advertise shows the neighbour on a link that this end is present. An unnumbered FRR session waits
// for that, even if the other end connects.
func advertise(link string) error {
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var set error
		if err := raw.Control(func(fd uintptr) {
			// As with GTSM: receivers ignore an advertisement that was forwarded.
			set = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IPV6, syscall.IPV6_MULTICAST_HOPS, gtsmTTL)
			if set == nil { // otherwise this machine would become its own neighbour
				set = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IPV6, syscall.IPV6_MULTICAST_LOOP, 0)
			}
		}); err != nil {
			return err
		}
		return set
	}}
	conn, err := config.ListenPacket(context.Background(), "ip6:ipv6-icmp", "::")
	if err == nil {
		defer conn.Close()
		message := make([]byte, advertised) // the kernel fills in the checksum
		message[0] = routerAdvertisement
		_, err = conn.WriteTo(message, &net.IPAddr{IP: net.IPv6linklocalallnodes, Zone: link})
	}
	if err != nil {
		return fmt.Errorf("%s: cannot send router advertisements: %w", link, err)
	}
	return nil
}
