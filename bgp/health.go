package bgp

import (
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	// beatEvery is how often an idle loop updates its heartbeat.
	beatEvery = time.Second
	// beatMost is the longest allowed pause: a change of thousands of VIPs takes several seconds.
	beatMost = 15 * time.Second
)

// heartbeat is when the loop last ran.
type heartbeat struct{ nanoseconds atomic.Int64 }

func (h *heartbeat) beat(now time.Time) { h.nanoseconds.Store(now.UnixNano()) }

// healthy answers whether the loop still runs. The loop decides what is announced; if it hangs, the
// speaker keeps announcing what no longer works. healthy does not wait.
func (s *speaker) healthy(w http.ResponseWriter, _ *http.Request) {
	select {
	case <-s.done: // only the sessions are left to end
		fmt.Fprintln(w, "ending")
		return
	default:
	}
	if late := time.Since(time.Unix(0, s.heart.nanoseconds.Load())); late > beatMost {
		http.Error(w, fmt.Sprintf("the announcement loop has not run for %s", late.Round(time.Second)), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

// serveHealth answers liveness probes at the address, on a listener separate from metrics; "" for
// none.
func (s *speaker) serveHealth(address string) (stop func(), err error) {
	if address == "" {
		return func() {}, nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("bgp: health: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.healthy)
	server := &http.Server{Handler: mux, ReadTimeout: scrape, WriteTimeout: scrape, ConnState: atMost(scrapers)}
	server.SetKeepAlivesEnabled(false)
	return serve(server, listener), nil
}

// serve serves until stop.
func serve(server *http.Server, listener net.Listener) (stop func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // returns only when closed
	}()
	return func() { server.Close(); <-done }
}
