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
