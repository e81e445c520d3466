package direct

import (
	"context"
	"net"
	"os"
	"sync"
	"time"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/internal/wire"
)

// handover gives queries to a server of the kind that CoreDNS runs on each of its
// sockets, which reads, checks, serves and refuses them as CoreDNS does. Its
// net.PacketConn is where they come out.
type handover struct {
	socket *socket
	server *dns.Server

	queue chan datagram
	// mu keeps what is put from coming after the last that is served.
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

// waiting is how many queries may be on their way from the reader to the server,
// which does nothing with each but start a goroutine.
const waiting = 64

// newHandover serves what is put as s does.
func newHandover(on *socket, s *dnsserver.Server, ctx context.Context) *handover { //nolint:revive // the context is what queries get
	h := &handover{socket: on, queue: make(chan datagram, waiting), started: make(chan struct{}), ended: make(chan struct{})}
	// As in dnsserver.Server.ServePacket.
	h.server = &dns.Server{
		PacketConn: h, Net: "udp", TsigSecret: s.TsigSecret,
		Handler:           dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) { s.ServeDNS(ctx, w, r) }),
		NotifyStartedFunc: func() { close(h.started) },
		DecorateReader:    wire.Decorate, MsgAcceptFunc: wire.Accept(nil), UDPSize: wire.Size,
	}
	return h
}

// serve serves what is put until stop.
func (h *handover) serve() {
	if err := h.server.ActivateAndServe(); err != nil {
		log.Errorf("%s: %v", h.socket.local, err)
	}
}

// stop ends serve once what was put is served, or the time is over.
func (h *handover) stop(within time.Duration) {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	select {
	case <-h.started: // with multisocket the next server takes over at once
	case <-ctx.Done():
		return // it has failed, and said so
	}
	for len(h.queue) > 0 && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	_ = h.server.ShutdownContext(ctx) // what takes longer is cut off, as in CoreDNS
}

// put gives one query to the server; false if that has ended.
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
		return 0, &net.AddrError{Err: "is not who asked", Addr: to.String()}
	}
	return len(p), h.socket.send(p, addr.AddrPort())
}

// SetReadDeadline implements net.PacketConn. The server sets one that has passed
// in order to end, and else only such as bound its look at whether it shall.
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
