// Package admin is the Unix socket on which a running instance answers the
// nearcast command: HTTP, for the socket's owner alone.
package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nearcast/nearcast/internal/folder"
)

// timeout bounds one request, either side.
const timeout = 10 * time.Second

// MaxPath is the longest path of a socket: the address is an array of 108 bytes,
// and a new socket has a longer name until it takes its place.
const MaxPath = 96

// Server listens on one socket.
type Server struct {
	path     string
	listener *net.UnixListener
	http     http.Server
	done     chan struct{}
}

// Listen serves handler on a socket at path, mode 0600. A socket that is there
// already is replaced in one step: after a reload the successor takes it over
// before its predecessor closes. Its folder is made where it is missing.
func Listen(path string, handler http.Handler) (*Server, error) {
	if err := folder.Make(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("admin: %w", err)
	}
	fresh := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%08x", filepath.Base(path), uint32(time.Now().UnixNano())))
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: fresh, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("admin: %w", err)
	}
	listener.SetUnlinkOnClose(false)
	if err = os.Chmod(fresh, 0o600); err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		listener.Close()
		os.Remove(fresh)
		return nil, fmt.Errorf("admin: %w", err)
	}
	s := &Server{path: path, listener: listener, done: make(chan struct{})}
	s.http = http.Server{Handler: handler, ReadTimeout: timeout, WriteTimeout: timeout}
	go func() {
		defer close(s.done)
		_ = s.http.Serve(listener) // returns only when closed
	}()
	return s, nil
}

// Close stops the server, and removes the socket unless a successor took it over.
func (s *Server) Close() {
	if s.isOurs() {
		os.Remove(s.path)
	}
	s.http.Close()
	<-s.done
}

// isOurs reports whether the socket at the path is still this server's: whoever
// connects to it reaches this listener.
func (s *Server) isOurs() bool {
	conn, err := net.DialTimeout("unix", s.path, time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	return conn.RemoteAddr().String() == s.listener.Addr().String()
}

// Reply writes v as JSON, or the error as text with the status.
func Reply(w http.ResponseWriter, v any, status int, err error) {
	if err != nil {
		http.Error(w, err.Error(), status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client has gone: nobody to tell
}

// Call asks the instance at the socket for a path with its query and decodes
// the answer into out.
func Call(ctx context.Context, socket, method, path string, query url.Values, out any) error {
	return exchange(ctx, socket, method, url.URL{Path: path, RawQuery: query.Encode()}, nil, out)
}

// Put sends v as JSON to a path of the instance at the socket.
func Put(ctx context.Context, socket, path string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return exchange(ctx, socket, http.MethodPut, url.URL{Path: path}, bytes.NewReader(body), nil)
}

func exchange(ctx context.Context, socket, method string, u url.URL, body io.Reader, out any) error {
	client := http.Client{Timeout: timeout, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
	u.Scheme, u.Host = "http", "nearcast"
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("no answer on %s: %w", socket, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
		return errors.New(strings.TrimSpace(string(text)))
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(out)
}
