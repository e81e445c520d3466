package bgp

import (
	"context"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/nearcast/nearcast/bgp/cluster"
	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/session"
	"github.com/nearcast/nearcast/bgp/vip"
)

// life is the Announcer, the Binder and the Cluster of one speaker of a station. It keeps what
// must hold at every moment, and not only once all has settled.
type life struct {
	*station
	declare chan cluster.Declared
	dead    bool // it was killed
	closed  bool
	atClose map[netip.Prefix]route.Attributes
}

// slowest is what a Set takes at the most.
const slowest = 200 * time.Millisecond

// SetPeers implements Announcer.
func (l *life) SetPeers(peers []config.Peer, _ time.Duration) error {
	l.machine.mu.Lock()
	defer l.machine.mu.Unlock()
	if !l.dead {
		l.peers = slices.Clone(peers)
	}
	return nil
}

// UpdatesSent implements Announcer.
func (l *life) UpdatesSent() uint64 {
	l.machine.mu.Lock()
	defer l.machine.mu.Unlock()
	return l.updates
}

// Peers implements Announcer.
func (l *life) Peers() (all []session.Status) {
	l.machine.mu.Lock()
	defer l.machine.mu.Unlock()
	for _, p := range l.peers {
		all = append(all, session.Status{Address: p.Address.String(), ASN: p.ASN, State: "established"})
	}
	return all
}

// Freeze implements Announcer. The speaker calls it when it sees the signal; what it had begun to
// announce before is not of its end.
func (l *life) Freeze() {
	l.machine.mu.Lock()
	defer l.machine.mu.Unlock()
	l.stopping = !l.dead
}

// Set implements Announcer as package gobgp does: one route that fails holds up no other.
func (l *life) Set(routes []route.Route) ([]route.Route, error) {
	l.machine.mu.Lock()
	slow := l.slow
	l.machine.mu.Unlock()
	time.Sleep(slow)
	l.machine.mu.Lock()
	defer l.machine.mu.Unlock()
	if l.dead {
		return routes, nil
	}
	if l.closed {
		l.Errorf("site %d: Set after Close", l.number)
	}
	var failed error
	want := map[netip.Prefix]bool{}
	for _, r := range routes {
		if want[r.Prefix] {
			l.Errorf("site %d: %s is announced twice", l.number, r.Prefix)
		}
		want[r.Prefix] = true
	}
	odd := false // of a Set that fails each other change is not done
	fails := func(p netip.Prefix) bool {
		odd = !odd
		return l.stuck[p] || l.fails > 0 && odd
	}
	for p := range l.table {
		switch {
		case want[p]:
		case fails(p):
			failed = errOdd
		default:
			l.withdraws(p)
		}
	}
	for _, r := range routes {
		if before, is := l.table[r.Prefix]; is && before.Equal(r.Attributes) {
			continue
		}
		if fails(r.Prefix) {
			failed = errOdd
			continue
		}
		l.announces(r)
	}
	l.fails = max(0, l.fails-1)
	var announced []route.Route
	for p, attributes := range l.table {
		announced = append(announced, route.Route{Prefix: p, Attributes: attributes})
	}
	return announced, failed
}

// withdraws is called with mu held.
func (l *life) withdraws(p netip.Prefix) {
	if why := l.kept[p]; why.text != "" && time.Now().Before(why.until) {
		l.Errorf("site %d: %s was withdrawn, but %s", l.number, p, why.text)
	}
	l.updates++
	delete(l.table, p)
	delete(l.routes, p.Addr())
}

// announces is called with mu held.
func (l *life) announces(r route.Route) {
	_, before := l.table[r.Prefix]
	a := r.Prefix.Addr()
	switch {
	case before:
	case !r.Prefix.IsSingleIP() && !slices.Contains(l.discarded, r.Prefix):
		l.Errorf("site %d: %s is announced, but packets to its unused addresses loop", l.number, r.Prefix)
	case l.blind || time.Since(l.movedAt) < 2*retry: // the speaker cannot look, or may not have yet
	case r.Prefix.IsSingleIP() && slices.Contains([]netip.Addr{bound4, bound6}, a) && !l.there[a]:
		l.Errorf("site %d: %s is newly announced but not present", l.number, a)
	case a == given && !l.there[a] && l.wasHere:
		l.Errorf("site %d: %s is newly announced although it was present and is lost", l.number, a)
	}
	if l.barred[r.Prefix] && !before && (a != given || l.wasHere || l.there[a]) {
		l.Errorf("site %d: %s is announced although its backend fails here", l.number, a)
	}
	if l.stopping && !slices.Contains(r.Communities.Standard, route.GracefulShutdown) {
		l.Errorf("site %d: %s is announced with %+v while the speaker is stopping", l.number, r.Prefix, r.Attributes)
	}
	l.updates++
	l.table[r.Prefix] = r.Attributes
	if r.Prefix.IsSingleIP() {
		l.routes[a] = r.Attributes
	}
}

// Close implements Announcer.
func (l *life) Close(time.Duration) error {
	l.machine.mu.Lock()
	defer l.machine.mu.Unlock()
	if l.dead {
		return nil
	}
	if l.closed {
		l.Errorf("site %d: Close after Close", l.number)
	}
	l.closed, l.atClose = true, maps.Clone(l.table)
	clear(l.table)
	clear(l.routes)
	return nil
}

// Bind implements Binder.
func (l *life) Bind(give, look []netip.Addr) (Bound, error) {
	if l.isDead() {
		return here, nil
	}
	return l.machine.Bind(give, look)
}

// Discard implements Binder.
func (l *life) Discard(prefixes []netip.Prefix) map[netip.Prefix]error {
	l.machine.mu.Lock()
	defer l.machine.mu.Unlock()
	if l.dead {
		return nil
	}
	failed, now := map[netip.Prefix]error{}, []netip.Prefix{}
	for _, p := range prefixes {
		if l.loops && !slices.Contains(l.discarded, p) {
			failed[p] = errors.New("injected failure")
			continue
		}
		now = append(now, p)
	}
	for p := range l.table {
		if !p.IsSingleIP() && !slices.Contains(now, p) {
			l.Errorf("site %d: %s is announced but no longer discarded", l.number, p)
		}
	}
	l.discarded = now
	return failed
}

func (l *life) isDead() bool {
	l.machine.mu.Lock()
	defer l.machine.mu.Unlock()
	return l.dead
}

// Watch implements Binder.
func (l *life) Watch(ctx context.Context, changed func()) error { return l.machine.Watch(ctx, changed) }

// Run implements Cluster.
func (l *life) Run(ctx context.Context, changed func(cluster.Declared)) {
	for {
		select {
		case <-ctx.Done():
			return
		case declared := <-l.declare:
			changed(declared)
		}
	}
}

// Assign implements Cluster.
func (l *life) Assign(granted map[vip.ServiceRef][]netip.Addr) {
	l.machine.mu.Lock()
	defer l.machine.mu.Unlock()
	if !l.dead {
		l.granted = maps.Clone(granted)
	}
}
