package feed

import (
	"net/netip"
	"sync"
	"time"
)

const (
	// mostTransfers is how many transfers run at once, as in BIND's transfers-out.
	mostTransfers = 10
	// mostOfNetwork is how many of these one network may have, so that two of its clients that read nothing cannot
	// keep all others waiting.
	mostOfNetwork = mostTransfers / 2
	// mostWaiting is how many may wait or run in all, half of them from one network. This suffices for all
	// resolvers of a carrier that react to the same NOTIFY.
	mostWaiting = 100
	// turnWait is how long a transfer waits. Resolvers give up soon after.
	turnWait = 10 * time.Second
)

// gate limits the number of concurrent transfers.
type gate struct {
	slots chan struct{}

	mu    sync.Mutex
	users int
	of    map[netip.Prefix]*quota
}

// quota is one network's share of a gate.
type quota struct {
	slots chan struct{}
	users int
}

// transferring is the gate for all transfers of the process.
var transferring = newGate()

func newGate() *gate {
	return &gate{slots: make(chan struct{}, mostTransfers), of: map[netip.Prefix]*quota{}}
}

// enter waits for its turn. It returns false if the turn does not come in time, or too many wait already. A caller
// that entered calls leave.
func (g *gate) enter(network netip.Prefix) (leave func(), entered bool) {
	s := g.join(network)
	if s == nil {
		return nil, false
	}
	late := time.NewTimer(turnWait)
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

// join returns the network's quota, or nil if too many have joined.
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
