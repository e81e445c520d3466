package direct

import (
	"context"
	"net"
	"os"
	"sync"
	"time"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/internal/stack"
	"github.com/nearcast/nearcast/plugin/internal/wire"
)

// handover passes queries to a server like the one that CoreDNS runs on each of its sockets. That server reads,
// checks, serves and refuses them as CoreDNS does. It reads them from the handover's net.PacketConn.
type handover struct {
	socket *socket
	server *dns.Server

	queue chan datagram
	// mu keeps put from adding a query after the last one that is served.
	mu     sync.RWMutex
	closed bool

	// started is closed once the server serves: before that it cannot be shut down.
	started chan struct{}
	ended   chan struct{}
	end     sync.Once
}

// datagram is one query, as it was read.
type datagram struct {
	data []byte
	from net.UDPAddr
}

// waiting is how many queries may be queued between the reader and the server, which only starts a goroutine for
// each.
const waiting = 64

// newHandover starts a server that handles each query as s does.
func newHandover(on *socket, s *dnsserver.Server, ctx context.Context) *handover { //nolint:revive // becomes the context of the queries
	h := &handover{socket: on, queue: make(chan datagram, waiting), started: make(chan struct{}), ended: make(chan struct{})}
	// As in dnsserver.Server.ServePacket.
	h.server = &dns.Server{
		PacketConn: h, Net: "udp", TsigSecret: s.TsigSecret,
		Handler:           dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) { s.ServeDNS(ctx, w, r) }),
		NotifyStartedFunc: func() { close(h.started) },
		DecorateWriter:    stack.Decorate(nil), DecorateReader: wire.Decorate, MsgAcceptFunc: wire.Accept(nil), UDPSize: wire.Size,
	}
	return h
}

// serve serves queries until stop.
func (h *handover) serve() {
	if err := h.server.ActivateAndServe(); err != nil {
		log.Errorf("%s: %v", h.socket.local, err)
	}
}

// stop ends serve once all queries are served or the time is over.
func (h *handover) stop(within time.Duration) {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	select {
	case <-h.started: // with multisocket the next server takes over at once
	case <-ctx.Done():
		return // it failed and has logged it
	}
	for len(h.queue) > 0 && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	_ = h.server.ShutdownContext(ctx) // longer queries are cut off, as in CoreDNS
}

// put gives one query to the server; false if the server has ended.
func (h *handover) put(d datagram) bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if h.closed {
		return false
	}
	h.queue <- d
	return true
}

// ReadFrom implements net.PacketConn.
func (h *handover) ReadFrom(p []byte) (int, net.Addr, error) {
	select {
	case d := <-h.queue:
		return copy(p, d.data), &d.from, nil
	case <-h.ended:
		return 0, nil, os.ErrDeadlineExceeded
	}
}

// WriteTo implements net.PacketConn.
func (h *handover) WriteTo(p []byte, to net.Addr) (int, error) {
	addr, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, &net.AddrError{Err: "is not a UDP address", Addr: to.String()}
	}
	return len(p), h.socket.send(p, addr.AddrPort())
}

// SetReadDeadline implements net.PacketConn. To end, the server sets a deadline in the past; the other deadlines
// only bound how long it waits before it checks for the end.
func (h *handover) SetReadDeadline(t time.Time) error {
	if t.Before(time.Now()) {
		h.end.Do(func() { close(h.ended) })
	}
	return nil
}

// Close implements net.PacketConn.
func (h *handover) Close() error { return h.SetReadDeadline(time.Unix(1, 0)) }

// LocalAddr implements net.PacketConn.
func (h *handover) LocalAddr() net.Addr { return h.socket.local }

// SetDeadline implements net.PacketConn.
func (h *handover) SetDeadline(t time.Time) error { return h.SetReadDeadline(t) }

// SetWriteDeadline implements net.PacketConn.
func (h *handover) SetWriteDeadline(time.Time) error { return nil }
