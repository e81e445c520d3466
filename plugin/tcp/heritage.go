package tcp

import (
	"net"
	"sync"
	"time"
)

// heritage is what a server takes over from its predecessor at a reload.
type heritage struct {
	// serves is closed once the server accepts connections.
	serves chan struct{}

	mu sync.Mutex
	// accepting is the socket to interrupt when a connection is passed on; nil if the server takes nothing over, or
	// has stopped.
	accepting *net.TCPListener
	left      []*conn
}

// heirs are the servers that have replaced another one, by address.
var heirs = registry{of: map[string]*server{}}

type registry struct {
	mu sync.Mutex
	of map[string]*server
}

func (r *registry) set(addr string, s *server) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.of[addr] = s
}

func (r *registry) get(addr string) *server {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.of[addr]
}

// forget removes the server, if it is there.
func (r *registry) forget(s *server) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.of[s.Address()] == s {
		delete(r.of, s.Address())
	}
}

// beginsWithin is how long a new server may need until it serves. A server of a failed configuration never does.
const beginsWithin = time.Second

// bequeath passes a connection to the server's successor, if there is one.
func (s *server) bequeath(c *conn) bool {
	heir := heirs.get(s.Address())
	if _, tcp := c.Conn.(*net.TCPConn); !tcp || !s.plain || heir == nil || heir == s || !heir.plain {
		return false
	}
	select {
	case <-heir.serves:
		return heir.inherit(c)
	case <-time.After(beginsWithin):
		return false
	}
}

// open accepts connections that are passed on, beside those from the socket.
func (s *server) open(l net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accepting, _ = l.(*net.TCPListener)
	close(s.serves)
}

// past interrupts a waiting Accept.
var past = time.Unix(1, 0)

// inherit takes a connection over.
func (s *server) inherit(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.accepting == nil || s.accepting.SetDeadline(past) != nil {
		return false
	}
	s.left = append(s.left, c.resume(s))
	return true
}

// next returns a connection that was passed on, or nil if there is none and the socket may be waited for.
func (s *server) next() *conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.left) == 0 {
		if s.accepting != nil {
			_ = s.accepting.SetDeadline(time.Time{}) // waiting for a closed socket returns an error
		}
		return nil
	}
	c := s.left[0]
	s.left = s.left[1:]
	return c
}

// stop closes connections that nobody accepts any more.
func (s *server) stop() {
	heirs.forget(s)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accepting = nil
	for _, c := range s.left {
		c.cut()
	}
	s.left = nil
}
