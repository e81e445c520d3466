package gobgp

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"
)

// witness is a peer that behaves, beside those that do not. Whatever they do, it
// has one session from beginning to end and sees one route announced once.
type witness struct {
	*rawPeer
	mu     sync.Mutex
	routes int
	faults []string
}

func newWitness(t *testing.T) *witness {
	p, err := newRawPeer(netip.MustParseAddr("127.9.9.9"), established)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.listener.Close() })
	return &witness{rawPeer: p}
}

// witnessHold is short, so that a speaker which stands still is noticed.
const witnessHold = 9 * time.Second

func (w *witness) run() {
	if err := w.accept(); err != nil {
		w.fault("no connection: %v", err)
		return
	}
	o := rightOpen()
	o.hold = int(witnessHold / time.Second)
	w.send(o.bytes())
	if err := w.expect(gobgp.BGP_MSG_KEEPALIVE); err != nil {
		w.fault("no session: %v", err)
		return
	}
	go w.keepAlive()
	for w.watch() {
	}
}

func (w *witness) keepAlive() {
	for {
		w.send(keepalive)
		time.Sleep(witnessHold / 3)
	}
}

// watch reports whether the session continues.
func (w *witness) watch() bool {
	kind, body, err := w.read(witnessHold)
	switch {
	case err != nil:
		w.fault("the witness's session ended: %v", err)
		return false
	case kind == gobgp.BGP_MSG_UPDATE && announces(body):
		w.mu.Lock()
		w.routes++
		w.mu.Unlock()
	case kind != gobgp.BGP_MSG_KEEPALIVE:
		w.fault("message of type %d %x", kind, body)
	}
	return true
}

func (w *witness) fault(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, fmt.Sprintf(format, args...))
}

func (w *witness) verify(t *testing.T, speaker *Speaker) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.routes != 1 || len(w.faults) != 0 {
		t.Errorf("another peer saw the route %d times, got %q", w.routes, w.faults)
	}
	for _, p := range speaker.Peers() {
		if p.Address == w.addr.Addr().String() && p.State != "established" {
			t.Errorf("got session state %s for the other peer", p.State)
		}
	}
}
