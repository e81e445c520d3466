package tcp

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

// listener accepts connections within the bounds.
type listener struct {
	net.Listener
	server *server
	closed chan struct{}
	once   sync.Once
}

func newListener(l net.Listener, s *server) *listener {
	return &listener{Listener: l, server: s, closed: make(chan struct{})}
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	for {
		if c := l.server.next(); c != nil {
			connections.admit(c)
			return c, nil
		}
		raw, err := l.Listener.Accept()
		switch {
		case err == nil:
			c := newConn(raw, l.server)
			connections.admit(c)
			return c, nil
		case errors.Is(err, os.ErrDeadlineExceeded): // something was left
		case exhausted(err):
			l.relieve(err)
		default:
			return nil, err
		}
	}
}

// exhausted reports whether the process or the machine cannot open more files.
func exhausted(err error) bool {
	for _, none := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, none) {
			return true
		}
	}
	return false
}

// rest is how long to pause accepting when no file can be opened: clients wait in the kernel, and retries cost no
// processor time.
const rest = 100 * time.Millisecond

// relieve makes room, and waits briefly for it.
func (l *listener) relieve(err error) {
	rarely.Printf(netip.Addr{}, "files", "%s: %v; closing the connection that has been idle longest; raise the limit on open files, or lower connections of tcp", l.server.Address(), err)
	connections.cut()
	select {
	case <-l.closed:
	case <-time.After(rest):
	}
}

// Close implements net.Listener.
func (l *listener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.server.stop()
	})
	return l.Listener.Close()
}
