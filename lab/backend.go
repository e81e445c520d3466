package lab

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
)

// backend is one cluster's gateway: it serves the cluster's functions.
type backend struct {
	cluster string
	addr    netip.AddrPort
	// runtimes are by the first label of the function's name; fallback serves others.
	runtimes map[string]runtime
	fallback string

	mu     sync.Mutex
	server *http.Server
}

// largest is the size limit in bytes for a body, of a call or of a reply.
const largest = 1 << 20

// ServeHTTP runs the function that the request is for. The header Server-Timing has the times that its instance
// took to start and to answer, in milliseconds.
func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/healthz" { // the gateway's own, as a probe must not start instances
		fmt.Fprintln(w, b.cluster, "is ready")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, largest))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	out, err := b.runtime(r.Host).call(r.Context(), call{method: r.Method, uri: r.URL.RequestURI(), host: r.Host, body: body})
	if out.end != nil {
		defer out.end() // once the client has the reply
	}
	if err != nil {
		http.Error(w, fmt.Sprintf("%s at %s: %v", r.Host, b.cluster, err), http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", out.contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(out.body)))
	w.Header().Set("Server-Timing", fmt.Sprintf("cold;dur=%.3f, processing;dur=%.3f", milliseconds(out.cold), milliseconds(out.processing)))
	w.Header().Set("Nearcast-Cluster", b.cluster)
	w.WriteHeader(out.status)
	_, _ = w.Write(out.body) // the client may be gone
	_ = http.NewResponseController(w).Flush()
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func (b *backend) runtime(host string) runtime {
	name, _, _ := strings.Cut(host, ".")
	if r, ok := b.runtimes[name]; ok {
		return r
	}
	return b.runtimes[b.fallback]
}

// start listens, unless it already does.
func (b *backend) start() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.server != nil || !b.addr.IsValid() {
		return nil
	}
	for _, r := range b.runtimes {
		if err := r.start(); err != nil {
			b.end()
			return fmt.Errorf("lab: functions of %s: %w", b.cluster, err)
		}
	}
	listener, err := net.Listen("tcp", b.addr.String())
	if err != nil {
		b.end()
		return fmt.Errorf("lab: functions of %s: %w", b.cluster, err)
	}
	b.server = &http.Server{Handler: b}
	go b.server.Serve(listener) //nolint:errcheck // it ends with Close
	return nil
}

// stop closes the listener and every connection and ends every instance, like a machine that dies.
func (b *backend) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.end()
}

// end requires mu to be held.
func (b *backend) end() {
	if b.server != nil {
		b.server.Close()
		b.server = nil
	}
	for _, r := range b.runtimes {
		r.stop()
	}
}

func (b *backend) running() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.server != nil
}
