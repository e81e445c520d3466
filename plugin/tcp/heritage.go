package tcp

import (
	"net"
	"sync"
	"time"
)

// heritage is what a server takes over from the one that it replaces at a reload.
type heritage struct {
	// serves is closed once the server accepts connections.
	serves chan struct{}

	mu sync.Mutex
	// accepting is the socket that is interrupted for what is left; nil where the server
	// takes nothing over, or has stopped.
	accepting *net.TCPListener
	left      []*conn
}

// heirs are the servers that have taken the place of another, by address.
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

// forget takes the server out, if it is in.
func (r *registry) forget(s *server) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.of[s.Address()] == s {
		delete(r.of, s.Address())
	}
}

// beginsWithin is how long a server that was made may need until it serves. One of a
// configuration that failed never does.
const beginsWithin = time.Second

// bequeath leaves a connection to the server that takes this one's place, if there is one.
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

// open has what is left accepted beside what comes by the socket.
func (s *server) open(l net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accepting, _ = l.(*net.TCPListener)
	close(s.serves)
}

// past interrupts who waits.
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

// next returns a connection that was left; nil where there is none, and the socket may
// be waited for.
func (s *server) next() *conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.left) == 0 {
		if s.accepting != nil {
			_ = s.accepting.SetDeadline(time.Time{}) // a socket that is closed says so when it is waited for
		}
		return nil
	}
	c := s.left[0]
	s.left = s.left[1:]
	return c
}

// stop closes what nobody accepts any more.
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
