package bgp

import (
	"bytes"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// inTurn makes a handler produce one answer at a time. However many clients ask, they use one CPU
// and leave the others to checks and withdrawals. A slow reader blocks nobody.
type inTurn struct {
	handler http.Handler
	mu      sync.Mutex
}

// ServeHTTP implements http.Handler.
func (t *inTurn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := answer{header: w.Header(), status: http.StatusOK}
	t.make(&a, r)
	w.WriteHeader(a.status)
	_, _ = w.Write(a.Bytes()) // the client may have gone
}

func (t *inTurn) make(a *answer, r *http.Request) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r.Context().Err() == nil { // the client may have gone while it waited
		t.handler.ServeHTTP(a, r)
	}
}

// answer is an http.ResponseWriter that buffers the response.
type answer struct {
	bytes.Buffer
	header http.Header
	status int
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) { a.status = status }

// scrapers limits the connections for metrics: strangers could otherwise use up the descriptors
// that checks need, and the checks would fail.
const scrapers = 64

// atMost returns an http.Server's ConnState that closes connections beyond the limit.
func atMost(most int64) func(net.Conn, http.ConnState) {
	var open atomic.Int64
	return func(c net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			if open.Add(1) > most {
				c.Close()
			}
		case http.StateClosed:
			open.Add(-1)
		}
	}
}
