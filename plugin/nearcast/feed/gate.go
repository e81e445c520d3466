package feed

import (
	"net/netip"
	"sync"
	"time"
)

const (
	// mostTransfers run at once, as BIND's transfers-out has it.
	mostTransfers = 10
	// mostOfNetwork of these are one network's, so that no two of its clients that take
	// nothing keep all others waiting.
	mostOfNetwork = mostTransfers / 2
	// mostWaiting may wait or run in all, and half of them of one network: enough for the
	// resolvers of a carrier that all come upon a NOTIFY.
	mostWaiting = 100
	// patience is how long one waits. Resolvers give up at little more.
	patience = 10 * time.Second
)

// gate lets so many transfers through at once.
type gate struct {
	slots chan struct{}

	mu    sync.Mutex
	users int
	of    map[netip.Prefix]*quota
}

// quota is what one network has of a gate.
type quota struct {
	slots chan struct{}
	users int
}

// transferring is where all transfers of the process go through.
var transferring = newGate()

func newGate() *gate {
	return &gate{slots: make(chan struct{}, mostTransfers), of: map[netip.Prefix]*quota{}}
}

// enter waits for its turn; false where that does not come in time, or too many wait
// already. Who entered calls leave.
func (g *gate) enter(network netip.Prefix) (leave func(), entered bool) {
	s := g.join(network)
	if s == nil {
		return nil, false
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case s.slots <- struct{}{}:
	case <-late.C:
		g.quit(network, s)
		return nil, false
	}
	select {
	case g.slots <- struct{}{}:
	case <-late.C:
		<-s.slots
		g.quit(network, s)
		return nil, false
	}
	return func() {
		<-g.slots
		<-s.slots
		g.quit(network, s)
	}, true
}

// join returns the network's quota; nil where too many have joined.
func (g *gate) join(network netip.Prefix) *quota {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.of[network]
	if s == nil {
		s = &quota{slots: make(chan struct{}, mostOfNetwork)}
	}
	if g.users >= mostWaiting || s.users >= mostWaiting/2 {
		return nil
	}
	g.users++
	s.users++
	g.of[network] = s
	return s
}

func (g *gate) quit(network netip.Prefix, s *quota) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.users--
	if s.users--; s.users == 0 {
		delete(g.of, network)
	}
}
