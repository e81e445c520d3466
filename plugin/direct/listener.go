package direct

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coredns/coredns/core/dnsserver"
)

// listener answers on one address, with a socket and a reader for each processor. If the next configuration wants
// it too, it outlives the one that opened it, because closing a socket loses the datagrams that the kernel has
// queued in it.
type listener struct {
	addr    netip.AddrPort
	readers []*reader
	// places are the configurations that have it open, the newest last; guarded by listeners.mu.
	places []*place

	active  atomic.Pointer[active]
	reading sync.WaitGroup
}

// place is one configuration's hold on a listener.
type place struct {
	*listener
	// serves is closed once the listener answers as that configuration does.
	serves chan struct{}
	once   sync.Once
}

// active is what a listener serves from: a server of the running configuration.
type active struct {
	server *dnsserver.Server
	// ctx is the parent of every query's context.
	ctx context.Context //nolint:containedctx // it belongs to the server and holds nothing of a query
	// blocks are the server's blocks that are answered directly.
	blocks []*block
	// keeps is set if plugins may keep something of an answered query.
	keeps bool
	// handovers are by reader.
	handovers []*handover
	counters  counters
}

// listeners are the listeners of this process, by address. Unlike the pools of sites, feeds and policy zones, which hand
// on state from a predecessor, this one has several configurations at one open socket, the newest of which serves.
var listeners = struct {
	mu  sync.Mutex
	all map[netip.AddrPort]*listener
}{all: map[netip.AddrPort]*listener{}}

// acquire opens the address, or joins the configurations that already have it open. Nothing is read before serve is
// called.
func acquire(addr netip.AddrPort) (*place, error) {
	listeners.mu.Lock()
	defer listeners.mu.Unlock()
	l := listeners.all[addr]
	if l == nil {
		var err error
		if l, err = open(addr); err != nil {
			return nil, err
		}
		listeners.all[addr] = l
	}
	p := &place{listener: l, serves: make(chan struct{})}
	l.places = append(l.places, p)
	return p, nil
}

func open(addr netip.AddrPort) (*listener, error) {
	l := &listener{addr: addr}
	for i := range runtime.GOMAXPROCS(0) {
		s, err := listen(addr, i)
		if err != nil {
			l.close()
			return nil, fmt.Errorf("%s: %w", addr, err)
		}
		l.readers = append(l.readers, &reader{listener: l, index: i, socket: s, batch: newBatch()})
	}
	return l, nil
}

// release gives up one hold; the last one closes the listener. It first waits until a successor serves, so that
// after a reload no client is answered from the old configuration.
func (p *place) release() {
	next, last := p.leave()
	switch {
	case last:
		p.close()
	case next != nil:
		select {
		case <-next.serves:
		case <-time.After(grace):
		}
	}
}

// leave returns a newer place, if there is one, and whether none is left.
func (p *place) leave() (next *place, last bool) {
	listeners.mu.Lock()
	defer listeners.mu.Unlock()
	l := p.listener
	at := slices.Index(l.places, p)
	l.places = slices.Delete(l.places, at, at+1)
	switch {
	case len(l.places) == 0:
		delete(listeners.all, l.addr)
		return nil, true
	case at < len(l.places):
		return l.places[len(l.places)-1], false
	}
	return nil, false
}

// close ends the readers, which first answer what is queued in their sockets, and waits for queries that were
// handed over.
func (l *listener) close() {
	for _, r := range l.readers {
		r.socket.wake()
	}
	l.reading.Wait()
	if a := l.active.Swap(nil); a != nil {
		a.retire()
	}
	for _, r := range l.readers {
		r.socket.close()
	}
}

// prompt reports whether some block answers for the name without waiting.
func (a *active) prompt(name []byte) bool {
	for _, b := range a.blocks {
		if b.prompt(name) {
			return true
		}
	}
	return false
}

// serve makes the listener answer as the server does from here on, with the server's blocks answered in place.
func (p *place) serve(s *dnsserver.Server, answered []*block) {
	l := p.listener
	// As in dnsserver.Server.ServePacket.
	ctx := context.WithValue(context.WithValue(context.Background(), dnsserver.Key{}, s), dnsserver.LoopKey{}, 0)
	a := &active{server: s, ctx: ctx, blocks: answered, counters: countersOf(s.Addr)}
	a.keeps = slices.ContainsFunc(answered, func(b *block) bool { return b.keeps })
	for _, r := range l.readers {
		h := newHandover(r.socket, s, ctx)
		a.handovers = append(a.handovers, h)
		go h.serve()
	}
	if before := l.active.Swap(a); before != nil {
		go before.retire()
	} else {
		for _, r := range l.readers {
			l.reading.Go(r.run)
		}
	}
	p.once.Do(func() { close(p.serves) }) // with multisocket there are several servers
}

// grace is how long pending replies may take, as in CoreDNS.
const grace = 5 * time.Second

// retire ends the handovers once their queries are answered, or grace is over.
func (a *active) retire() {
	var all sync.WaitGroup
	for _, h := range a.handovers {
		all.Go(func() { h.stop(grace) })
	}
	all.Wait()
}
