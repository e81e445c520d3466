// Package unixpeer identifies the process at the other end of a Unix socket.
package unixpeer

import (
	"net"

	"golang.org/x/sys/unix"
)

// PID returns the ID of the process at the other end of a connection: the listener, if
// this process has connected. It returns 0 if the process is not visible from here, for
// example in another container, or if conn is not a Unix socket.
func PID(conn net.Conn) (pid int) {
	c, ok := conn.(*net.UnixConn)
	if !ok {
		return 0
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) { // on error pid stays 0
		if peer, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			pid = int(peer.Pid)
		}
	})
	return pid
}
