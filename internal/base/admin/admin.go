// Package admin serves the Unix socket on which a running instance answers the nearcast
// command. It speaks HTTP, and only to the socket's owner.
//
// Several Servers in one process may listen at one path and share its socket: the newest
// open one answers, except for paths that a Part answers at every socket of the process.
// All functions may be called from any goroutine.
package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// timeout bounds one request, on both sides.
const timeout = 10 * time.Second

// StatusError is an answer with a status other than success.
type StatusError struct {
	// Code is the HTTP status; http.StatusNotImplemented if nothing in the process
	// answers the path.
	Code int
	Text string
}

// Error implements error.
func (e *StatusError) Error() string { return e.Text }

// Reply writes v as JSON, or the error as text with the status.
func Reply(w http.ResponseWriter, v any, status int, err error) {
	if err != nil {
		http.Error(w, err.Error(), status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client has gone
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

// unanswered says why the socket did not answer, without the parts of err that repeat the socket
// and the request, and what to do.
func unanswered(socket string, err error) error {
	if request, ok := errors.AsType[*url.Error](err); ok {
		err = request.Err
	}
	if dial, ok := errors.AsType[*net.OpError](err); ok {
		err = dial.Err
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("no answer on %s: %w; no server listens there: start it, or give the socket of one that runs", socket, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("no answer on %s: %w; run this as the server's user", socket, err)
	}
	return fmt.Errorf("no answer on %s: %w", socket, err)
}

func exchange(ctx context.Context, socket, method string, u url.URL, body io.Reader, out any) error {
	if socket == "" {
		return errors.New(`"" is not a socket`)
	}
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
		return unanswered(socket, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
		return &StatusError{Code: resp.StatusCode, Text: strings.TrimSpace(string(text))}
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(out)
}
