package direct

import (
	"crypto/tls"
	"net"
	"sync"

	"github.com/miekg/dns"
)

// writer takes the reply to one query that is served by its reader. Until the query is served, the reply goes into
// the batch; a later one, from a goroutine that a plugin left behind, is sent at once.
type writer struct {
	socket *socket
	from   net.UDPAddr
	ip     [16]byte

	mu sync.Mutex
	// room is the buffer for the reply; nil once the reply was collected.
	room []byte
	n    int
}

// begin starts the batch's query, whose reply goes into its room.
func (w *writer) begin(b *batch, i int) {
	w.from = b.sender(i, &w.ip)
	w.room, w.n = b.room(i), 0
}

// LocalAddr implements dns.ResponseWriter.
func (w *writer) LocalAddr() net.Addr { return w.socket.local }

// RemoteAddr implements dns.ResponseWriter.
func (w *writer) RemoteAddr() net.Addr { return &w.from }

// WriteMsg implements dns.ResponseWriter.
func (w *writer) WriteMsg(m *dns.Msg) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	data, err := m.PackBuffer(w.free())
	if err != nil {
		return err
	}
	return w.write(data)
}

// Write implements dns.ResponseWriter.
func (w *writer) Write(data []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(data), w.write(data)
}

// free returns the room if it holds no reply yet.
func (w *writer) free() []byte {
	if w.n > 0 {
		return nil
	}
	return w.room
}

// write keeps the data in the room, where it may already be, or sends it.
func (w *writer) write(data []byte) error {
	if free := w.free(); len(data) > 0 && len(data) <= len(free) {
		w.n = copy(free, data)
		return nil
	}
	return w.socket.send(data, w.from.AddrPort())
}

// collect returns the length of the reply in the room, or 0 if there is none, and takes the room away.
func (w *writer) collect() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.room = nil
	return w.n
}

// Close implements dns.ResponseWriter. The socket is shared and stays open.
func (w *writer) Close() error { return nil }

// TsigStatus implements dns.ResponseWriter. Signed queries are handed over.
func (w *writer) TsigStatus() error { return nil }

// TsigTimersOnly implements dns.ResponseWriter.
func (w *writer) TsigTimersOnly(bool) {}

// Hijack implements dns.ResponseWriter.
func (w *writer) Hijack() {}

// ConnectionState implements dns.ConnectionStater, as CoreDNS's own writers do: UDP has none.
func (w *writer) ConnectionState() *tls.ConnectionState { return nil }
