//go:build !linux

package health

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"
)

// connect returns nil if a server accepts a TCP connection at addr before the deadline (zero for
// none), and resets the connection.
func connect(ctx context.Context, addr netip.AddrPort, deadline time.Time) error {
	dialer := net.Dialer{Deadline: deadline, KeepAlive: -1}
	conn, err := dialer.DialContext(ctx, "tcp", addr.String())
	if err != nil {
		return err
	}
	return errors.Join(conn.(*net.TCPConn).SetLinger(0), conn.Close())
}

// open connects to addr, and returns the connection. It gives up when ctx ends.
//
// It does not use net.Dialer.DialTCP, which binds a local address even if none is wanted: each
// local port could then be used for only one connection, and not for one to each target.
func open(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
	dialer := net.Dialer{KeepAlive: -1} // a probe ends before it would send one
	return dialer.DialContext(ctx, "tcp", addr.String())
}
