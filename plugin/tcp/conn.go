package tcp

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nearcast/nearcast/plugin/internal/client"
)

// takeWithin is how long a client may need to read one message, of at most 64 kB: a slower client only blocks a
// slot.
const takeWithin = time.Minute

// began is the time from which times of connections are counted.
var began = time.Now()

// conn is a client's connection.
type conn struct {
	net.Conn
	server  *server
	network netip.Prefix
	// at is its place in the table, guarded by the table; negative for none.
	at int
	// answered is when something was last written, or the connection was accepted, in
	// nanoseconds since began.
	answered atomic.Int64
	end      sync.Once

	// leaving is set once the server reads no more queries.
	leaving atomic.Bool
	// asking is set from the first octet of a query to the end of its answer.
	asking atomic.Bool
	// until is when the client is assumed to have no further query; it belongs to the reader.
	until time.Time
	// resumed is set until the connection's first read after a reload.
	resumed bool
}

func newConn(raw net.Conn, s *server) *conn {
	c := &conn{Conn: raw, server: s, at: -1}
	c.answered.Store(int64(time.Since(began)))
	if _, proxied := raw.(interface{ Raw() net.Conn }); !proxied {
		c.network = client.NetworkOf(client.Source(raw.RemoteAddr()), s.bounds.v4, s.bounds.v6)
	}
	return c
}

// Read implements net.Conn.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.asking.Store(true)
	}
	return n, err
}

// Write implements net.Conn.
func (c *conn) Write(b []byte) (int, error) {
	if c.server.dns {
		if err := c.SetWriteDeadline(time.Now().Add(takeWithin)); err != nil {
			return 0, err
		}
	}
	n, err := c.Conn.Write(b)
	if err == nil {
		c.answered.Store(int64(time.Since(began)))
		c.asking.Store(false)
	}
	return n, err
}

// SetReadDeadline implements net.Conn. A server that stops sets a deadline in the past.
func (c *conn) SetReadDeadline(t time.Time) error {
	switch {
	case t.Before(time.Now()):
		c.leaving.Store(true)
	case c.resumed:
		c.resumed = false
		if t.Before(c.until) {
			t = c.until // the server takes the connection for a new one
		}
	default:
		c.until = t
	}
	return c.Conn.SetReadDeadline(t)
}

// Close implements net.Conn. When the server stops, it passes an idle connection to its successor.
func (c *conn) Close() error {
	var err error
	c.end.Do(func() {
		connections.leave(c)
		if c.leaving.Load() && !c.asking.Load() && c.server.bequeath(c) {
			return
		}
		err = c.Conn.Close()
	})
	return err
}

// cut closes a connection to make room.
func (c *conn) cut() { c.end.Do(func() { _ = c.Conn.Close() }) } // the reader sees that it is closed

// resume returns the connection in the state that the next server expects.
func (c *conn) resume(s *server) *conn {
	next := &conn{Conn: c.Conn, server: s, network: c.network, at: -1, until: c.until, resumed: true}
	next.answered.Store(c.answered.Load())
	return next
}
