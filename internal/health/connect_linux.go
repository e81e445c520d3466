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

// connect returns nil if somebody accepts a TCP connection at addr before the deadline, zero for none,
// and resets the connection.
//
// Closed in order, it would go on as TIME_WAIT, here for a minute and in every connection table on
// the way for two: at 20,000 probes a second that fills them. So it is reset, as HAProxy's and
// keepalived's TCP checks do. A server that logs connections without a request logs a reset for an
// end.
//
// It does without net.Dialer, which makes a connection ready for use; that was half of what a check
// cost this process. A server of this machine accepts within the first system call, and then nothing
// is waited for.
func connect(ctx context.Context, addr netip.AddrPort, deadline time.Time) error {
	family, to := sockaddr(addr)
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return err
	}
	// Even where it ends before it is established; an error would be of a socket that is none.
	_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	if err = attempt(fd, to); errors.Is(err, unix.EINPROGRESS) {
		err = attempt(fd, to)
	}
	if errors.Is(err, unix.EALREADY) {
		return await(ctx, fd, addr, to, deadline)
	}
	if err == nil && connectedToItself(fd, addr) {
		err = unix.ECONNREFUSED
	}
	_ = unix.Close(fd)
	return err
}

// attempt begins the connection, or says how far it is: EALREADY while nobody has answered.
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

// await waits for the answer, and closes the socket.
func await(ctx context.Context, fd int, addr netip.AddrPort, to unix.Sockaddr, deadline time.Time) error {
	file := os.NewFile(uintptr(fd), "probe") // polls, for the socket does not block
	defer file.Close()
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

// connectedToItself reports whether the kernel gave the connection the port that it leads to: where
// nobody listens, a socket of this machine may meet itself (RFC 9293, section 3.5).
func connectedToItself(fd int, addr netip.AddrPort) bool {
	name, err := syscall.Getsockname(fd) // that of package unix asks for the protocol first
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

// zone is the index of a link, by its name or as a number; 0 for none.
func zone(name string) uint32 {
	if name == "" {
		return 0
	}
	if link, err := net.InterfaceByName(name); err == nil {
		return uint32(link.Index)
	}
	index, _ := strconv.ParseUint(name, 10, 32) // 0 for what is neither
	return uint32(index)
}
