// Package unixpeer says who is at the other end of a Unix socket.
package unixpeer

import (
	"net"

	"golang.org/x/sys/unix"
)

// PID returns the process at the other end of a connection: that which listens, where this
// process has connected. It is 0 where it cannot be seen from here, as one in a container
// cannot from another, or conn is no Unix socket.
func PID(conn net.Conn) (pid int) {
	c, ok := conn.(*net.UnixConn)
	if !ok {
		return 0
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) { // an error leaves 0
		if peer, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			pid = int(peer.Pid)
		}
	})
	return pid
}
