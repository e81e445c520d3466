package tcp

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nearcast/nearcast/plugin/internal/client"
)

// takeWithin is how long a client may need to take one message, of at most 64 kB: what
// is slower only holds a place.
const takeWithin = time.Minute

// began is what times of connections count from.
var began = time.Now()

// conn is a connection of a client's.
type conn struct {
	net.Conn
	server  *server
	network netip.Prefix
	// at is the place in the table, which guards it; negative for none.
	at int
	// answered is when something was last written, or the connection was accepted, in
	// nanoseconds since began.
	answered atomic.Int64
	end      sync.Once

	// leaving is set once the server wants to read no more.
	leaving atomic.Bool
	// asking is set from the first octet of a query to the end of its answer.
	asking atomic.Bool
	// until is when the client is taken to have nothing more to ask; it belongs to who
	// reads.
	until time.Time
	// resumed is set until the connection's first reading after a reload.
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

// SetReadDeadline implements net.Conn. A server that stops sets one that is over.
func (c *conn) SetReadDeadline(t time.Time) error {
	switch {
	case t.Before(time.Now()):
		c.leaving.Store(true)
	case c.resumed:
		c.resumed = false
		if t.Before(c.until) {
			t = c.until // the server takes it for one that has just been opened
		}
	default:
		c.until = t
	}
	return c.Conn.SetReadDeadline(t)
}

// Close implements net.Conn. One on which nothing is under way goes to the server that
// comes after one that stops.
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

// cut closes a connection that has to give way.
func (c *conn) cut() { c.end.Do(func() { _ = c.Conn.Close() }) } // who reads it sees that it is closed

// resume returns the connection as the next server has it.
func (c *conn) resume(s *server) *conn {
	next := &conn{Conn: c.Conn, server: s, network: c.network, at: -1, until: c.until, resumed: true}
	next.answered.Store(c.answered.Load())
	return next
}
