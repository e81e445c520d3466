package admin

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nearcast/nearcast/internal/base/folder"
)

// MaxPath is the maximum length of a socket's path: the kernel's address is an array of
// 108 bytes, and a new socket has a longer temporary name until it is renamed into place.
const MaxPath = 96

// process holds the sockets of this process by path, and the parts by prefix, newest
// last.
var process = struct {
	sync.Mutex
	sockets map[string]*socket
	parts   map[string][]*Part
}{sockets: map[string]*socket{}, parts: map[string][]*Part{}}

// socket is a socket on which this process listens.
type socket struct {
	path     string
	listener *listener
	uses     []*Server // the newest last; guarded by process
}

// Server is one use of a socket.
type Server struct {
	socket *socket
	answers
}

// answers are the requests that one handler is answering.
type answers struct {
	handler http.Handler
	running sync.WaitGroup // added to while process is locked and the handler may still get requests
}

// finish waits until the handler is done with every request. It gives up after the timeout, when no
// client waits any more.
func (a *answers) finish() {
	done := make(chan struct{})
	go func() {
		a.running.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(timeout):
	}
}

// Listen serves handler on a socket at path with mode 0600; if handler is nil, only parts
// answer. Within this process the newest Server with a handler answers; when it closes, the
// previous one takes over again. Listen replaces an existing socket in one step if nobody
// listens on it any more, or if it belongs to the process that this one succeeds. A socket of
// another running process is an error, and so is a file that is not a socket. Listen creates
// the directory if it is missing.
func Listen(path string, handler http.Handler) (*Server, error) {
	process.Lock()
	defer process.Unlock()
	s := process.sockets[path]
	if s == nil {
		s = &socket{path: path}
	}
	if s.listener == nil || !s.listener.isReached(path) {
		fresh, err := listen(path, s)
		if err != nil {
			return nil, fmt.Errorf("admin: %w", err)
		}
		if s.listener != nil {
			s.listener.close()
		}
		s.listener = fresh
		process.sockets[path] = s
	}
	u := &Server{socket: s, answers: answers{handler: handler}}
	s.uses = append(s.uses, u)
	return u, nil
}

// Close ends this use of the socket, and returns when its handler is done with the requests that it
// has. The last Close cuts their connections, and removes the socket unless another process has
// taken it over.
func (u *Server) Close() {
	defer u.finish()
	process.Lock()
	defer process.Unlock()
	s := u.socket
	at := slices.Index(s.uses, u)
	if at < 0 {
		return
	}
	s.uses = slices.Delete(s.uses, at, at+1)
	if len(s.uses) > 0 {
		return
	}
	delete(process.sockets, s.path)
	if s.listener.isReached(s.path) {
		os.Remove(s.path)
	}
	s.listener.close()
}

// Part answers requests below a prefix at every socket of the process.
type Part struct {
	prefix string
	answers
}

// Offer makes handler answer the requests below the prefix, for example /rpz/. The newest
// Part of a prefix answers.
func Offer(prefix string, handler http.Handler) *Part {
	process.Lock()
	defer process.Unlock()
	p := &Part{prefix: prefix, answers: answers{handler: handler}}
	process.parts[prefix] = append(process.parts[prefix], p)
	return p
}

// Close ends the offer, and returns when the handler has answered the requests that it has. The
// previous Part of the prefix answers again.
func (p *Part) Close() {
	defer p.finish()
	process.Lock()
	defer process.Unlock()
	process.parts[p.prefix] = slices.DeleteFunc(process.parts[p.prefix], func(o *Part) bool { return o == p })
}

// ServeHTTP implements http.Handler.
func (s *socket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := s.answersOf(r.URL.Path)
	if a == nil {
		Reply(w, nil, http.StatusNotImplemented, fmt.Errorf("%s: this server's configuration does not serve this path", r.URL.Path))
		return
	}
	defer a.running.Done()
	a.handler.ServeHTTP(w, r)
}

// answersOf returns what answers requests for the path, and counts one more; nil if nothing does.
func (s *socket) answersOf(path string) *answers {
	process.Lock()
	defer process.Unlock()
	for prefix, parts := range process.parts {
		if len(parts) > 0 && strings.HasPrefix(path, prefix) {
			return parts[len(parts)-1].begin()
		}
	}
	for _, u := range slices.Backward(s.uses) {
		if u.handler != nil {
			return u.begin()
		}
	}
	return nil
}

// begin counts one more request. The caller holds process.
func (a *answers) begin() *answers {
	a.running.Add(1)
	return a
}

// listener is the listening end of the socket in the file system.
type listener struct {
	*net.UnixListener
	http http.Server
	done chan struct{}
}

func listen(path string, handler http.Handler) (*listener, error) {
	if err := folder.Make(filepath.Dir(path)); err != nil {
		return nil, err
	}
	on, err := take(path)
	if err != nil {
		return nil, err
	}
	l := &listener{UnixListener: on, done: make(chan struct{})}
	l.http = http.Server{Handler: handler, ReadTimeout: timeout, WriteTimeout: timeout}
	go func() {
		defer close(l.done)
		_ = l.http.Serve(on) // returns only when closed
	}()
	return l, nil
}

// isReached reports whether a connection to the path reaches this listener.
func (l *listener) isReached(path string) bool {
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	return conn.RemoteAddr().String() == l.Addr().String()
}

func (l *listener) close() {
	l.http.Close()
	<-l.done
}
