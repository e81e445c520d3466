package gobgp

import (
	"context"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nearcast/nearcast/bgp/outage"
)

// overhear passes to the notes what a router sends while its session is down. GoBGP drops the
// NOTIFICATION with which a router refuses an OPEN, and no TCP socket shows that a router signs its
// packets or tries to connect. It needs CAP_NET_RAW.
func overhear(ctx context.Context, local, addr netip.Addr, ears *outage.Ears, n *notes) (stop func(), err error) {
	fd, err := rawSocket(local, addr)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "router") // pollable, because the socket does not block
	unhook := context.AfterFunc(ctx, func() { file.Close() })
	go func() {
		packet := make([]byte, packetSize)
		for {
			size, err := file.Read(packet)
			if err != nil {
				return
			}
			if segment, ttl := segmentOf(packet[:size], addr); segment != nil {
				n.hear(ears, segment, ttl, time.Now())
			}
		}
	}()
	return func() { unhook(); file.Close() }, nil
}

// packetSize, in octets, exceeds an OPEN and a NOTIFICATION; the rest of a packet is not read.
const packetSize = 1 << 13

// rawSocket receives the TCP segments from addr to the address by which this machine would reach
// it, or to local if that is valid.
func rawSocket(local, addr netip.Addr) (fd int, err error) {
	family := unix.AF_INET
	if addr.Is6() {
		family = unix.AF_INET6
	}
	fd, err = unix.Socket(family, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if local.IsValid() {
		err = os.NewSyscallError("bind", unix.Bind(fd, sockaddr(local)))
	}
	if err == nil {
		err = os.NewSyscallError("connect", unix.Connect(fd, sockaddr(addr)))
	}
	if err != nil {
		_ = unix.Close(fd)
	}
	return fd, err
}

func sockaddr(a netip.Addr) unix.Sockaddr {
	if a.Is4() {
		return &unix.SockaddrInet4{Addr: a.As4()}
	}
	to := &unix.SockaddrInet6{Addr: a.As16()}
	if link, err := net.InterfaceByName(a.Zone()); err == nil {
		to.ZoneId = uint32(link.Index)
	}
	return to
}

// segmentOf returns the TCP segment and the TTL of a packet from the address. For IPv6, the kernel
// delivers only the segment.
func segmentOf(packet []byte, addr netip.Addr) (segment []byte, ttl int) {
	if addr.Is6() {
		return packet, 0
	}
	const least = 20
	if len(packet) < least {
		return nil, 0
	}
	header := int(packet[0]&15) * 4
	if header < least || header > len(packet) {
		return nil, 0
	}
	return packet[header:], int(packet[ttlOffset])
}
