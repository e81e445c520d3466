package health

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// connect returns nil if a server accepts a TCP connection at addr before the deadline (zero for
// none), and resets the connection.
//
// A normal close would leave the connection in TIME_WAIT, on this machine for a minute and in
// every connection table on the way for two: 20,000 probes a second would fill them. A reset
// avoids that, as in HAProxy's and keepalived's TCP checks. Like HAProxy's, the reset takes the
// place of the handshake's last acknowledgment: the server's kernel has accepted, which is all
// that is asked, and neither its queue nor its program has to do with a connection.
//
// connect does not use net.Dialer, whose setup of a usable connection was half of the CPU time of a
// check. A server on this machine accepts within the first system call, so there is nothing to wait
// for.
func connect(ctx context.Context, addr netip.AddrPort, deadline time.Time) error {
	family, to := sockaddr(addr)
	fd, err := socket(family)
	if err != nil {
		return err
	}
	// So that it resets even if it ends before it is established. An error would mean a bad
	// socket.
	_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	if err = begin(fd, addr, to); errors.Is(err, unix.EALREADY) {
		file := pollable(fd)
		defer file.Close()
		return await(ctx, file, addr, to, deadline)
	}
	_ = unix.Close(fd)
	return err
}

// open connects to addr, and returns the connection. It gives up when ctx ends.
func open(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
	family, to := sockaddr(addr)
	fd, err := socket(family)
	if err != nil {
		return nil, err
	}
	// A handshake and a request are several writes. An error would mean a bad socket.
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	err = begin(fd, addr, to)
	file := pollable(fd)
	if errors.Is(err, unix.EALREADY) {
		err = await(ctx, file, addr, to, time.Time{})
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return &connection{file, addr}, nil
}

// connection is a connection that open made.
type connection struct {
	*os.File
	to netip.AddrPort
}

// LocalAddr returns the address of the other side: nobody asks for the local one, which would take
// a system call.
func (c *connection) LocalAddr() net.Addr { return c.RemoteAddr() }

func (c *connection) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.to) }

// socket returns a socket that does not acknowledge the end of the handshake by itself: what
// follows does, a request or a reset.
func socket(family int) (int, error) {
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err == nil {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_QUICKACK, 0) // without it, a packet more is sent
	}
	return fd, err
}

// pollable returns the socket as a file that the runtime's poller waits for, because the
// socket is non-blocking.
func pollable(fd int) *os.File { return os.NewFile(uintptr(fd), "probe") }

// begin starts the connection. It returns EALREADY if nobody has answered yet.
func begin(fd int, addr netip.AddrPort, to unix.Sockaddr) error {
	err := attempt(fd, to)
	if errors.Is(err, unix.EINPROGRESS) {
		err = attempt(fd, to)
	}
	if err == nil && connectedToItself(fd, addr) {
		err = unix.ECONNREFUSED
	}
	return err
}

// attempt starts the connection, or reports its progress: EALREADY while nobody has
// answered.
func attempt(fd int, to unix.Sockaddr) error {
	for {
		switch err := unix.Connect(fd, to); err {
		case unix.EINTR:
		case unix.EISCONN:
			return nil
		default:
			return err
		}
	}
}

// await waits for the answer, until the deadline (zero for none) or ctx ends.
func await(ctx context.Context, file *os.File, addr netip.AddrPort, to unix.Sockaddr, deadline time.Time) error {
	if err := file.SetWriteDeadline(deadline); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = file.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	conn, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var answer error
	err = conn.Write(func(fd uintptr) bool {
		answer = attempt(int(fd), to)
		if answer == nil && connectedToItself(int(fd), addr) {
			answer = unix.ECONNREFUSED
		}
		return !errors.Is(answer, unix.EALREADY)
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return err
	}
	return answer
}

// connectedToItself reports whether the kernel chose the destination port as the connection's
// source port: if nobody listens, a local socket can connect to itself (RFC 9293, section 3.5).
func connectedToItself(fd int, addr netip.AddrPort) bool {
	name, err := syscall.Getsockname(fd) // the function in package unix asks for the protocol first
	if err != nil {
		return false
	}
	switch name := name.(type) {
	case *syscall.SockaddrInet4:
		return name.Port == int(addr.Port()) && netip.AddrFrom4(name.Addr) == addr.Addr().Unmap()
	case *syscall.SockaddrInet6:
		return name.Port == int(addr.Port()) && netip.AddrFrom16(name.Addr) == addr.Addr().WithZone("")
	}
	return false
}

func sockaddr(addr netip.AddrPort) (family int, to unix.Sockaddr) {
	a := addr.Addr().Unmap()
	if a.Is4() {
		return unix.AF_INET, &unix.SockaddrInet4{Port: int(addr.Port()), Addr: a.As4()}
	}
	return unix.AF_INET6, &unix.SockaddrInet6{Port: int(addr.Port()), Addr: a.As16(), ZoneId: zone(a.Zone())}
}

// zone returns the index of an interface, given by name or as a number; 0 for none.
func zone(name string) uint32 {
	if name == "" {
		return 0
	}
	if link, err := net.InterfaceByName(name); err == nil {
		return uint32(link.Index)
	}
	index, _ := strconv.ParseUint(name, 10, 32) // 0 if it is neither
	return uint32(index)
}
