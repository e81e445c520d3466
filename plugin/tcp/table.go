package tcp

import (
	"math"
	"net/netip"
	"slices"
	"sync"
)

// table has the open connections. Its methods are safe for concurrent use.
type table struct {
	mu     sync.Mutex
	bounds bounds
	open   []*conn
	of     map[netip.Prefix]int // number of connections by network
}

func newTable() *table {
	return &table{bounds: bounds{}.complete(openFiles()), of: map[netip.Prefix]int{}}
}

// limit sets the bounds. Excess connections are closed as new ones arrive.
func (t *table) limit(b bounds) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bounds = b
}

// admit adds the connection, and closes the longest idle ones that it displaces.
func (t *table) admit(c *conn) {
	most := fitting(openFiles())
	t.mu.Lock()
	var out []*conn
	for c.network.IsValid() && t.of[c.network] >= t.bounds.network {
		out = append(out, t.displace(func(o *conn) bool { return o.network == c.network }, byNetwork))
	}
	for len(t.open) >= min(t.bounds.all, most) {
		out = append(out, t.displace(anyone, byAll))
	}
	c.at = len(t.open)
	t.open = append(t.open, c)
	t.of[c.network]++
	opened.Inc()
	t.mu.Unlock()
	for _, o := range out {
		o.cut()
	}
	if len(out) > 0 {
		rarely.Printf(c.network.Addr(), "bound", "a new connection from %s exceeds a limit of tcp; closing the connection that has been idle longest, now and for every further connection beyond the limit", c.RemoteAddr())
	}
}

// cut closes the longest idle connection.
func (t *table) cut() {
	t.mu.Lock()
	c := t.displace(anyone, byFiles)
	t.mu.Unlock()
	if c != nil {
		c.cut()
	}
}

func anyone(*conn) bool { return true }

// displace removes, from some connections, the one that has gone longest without an answer; nil if there is none.
// Checking all of them costs less than accepting a connection.
func (t *table) displace(among func(*conn) bool, why bound) *conn {
	var idlest *conn
	since := int64(math.MaxInt64)
	for _, c := range t.open {
		if at := c.answered.Load(); at < since && among(c) {
			idlest, since = c, at
		}
	}
	if idlest != nil {
		t.remove(idlest)
		why.count()
	}
	return idlest
}

// leave removes a connection that ends.
func (t *table) leave(c *conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.remove(c)
}

// remove removes c, if it is there.
func (t *table) remove(c *conn) {
	if c.at < 0 {
		return
	}
	last := len(t.open) - 1
	t.open[c.at] = t.open[last]
	t.open[c.at].at = c.at
	t.open = slices.Delete(t.open, last, last+1)
	c.at = -1
	if t.of[c.network]--; t.of[c.network] == 0 {
		delete(t.of, c.network)
	}
	opened.Dec()
}
