package lab

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
)

// backend serves one cluster's functions, behind its gateway's address.
type backend struct {
	cluster string
	addr    netip.AddrPort

	mu     sync.Mutex
	server *http.Server
}

// ServeHTTP says which cluster served which function.
func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "%s served by %s\n", r.Host, b.cluster)
}

// start listens, unless it does already.
func (b *backend) start() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.server != nil || !b.addr.IsValid() {
		return nil
	}
	listener, err := net.Listen("tcp", b.addr.String())
	if err != nil {
		return fmt.Errorf("lab: functions of %s: %w", b.cluster, err)
	}
	b.server = &http.Server{Handler: b}
	go b.server.Serve(listener) //nolint:errcheck // it ends with Close
	return nil
}

// stop closes the listener and every connection, as a machine that dies does.
func (b *backend) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.server != nil {
		b.server.Close()
		b.server = nil
	}
}

func (b *backend) running() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.server != nil
}
