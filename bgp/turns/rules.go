package turns

import (
	"time"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
)

// wait is why a session has to wait, and for which others.
type wait struct {
	why   why
	after []string
	// family belongs to last. alike is set if other sessions carry the family, but not all routes
	// that this one is sent.
	family route.Family
	alike  bool
	// until is when the wait ends at the latest; zero if it has no limit.
	until time.Time
}

type why int

const (
	// turn: another session is being changed.
	turn why = iota
	// replacement: a new peer is not established yet.
	replacement
	// last: it is the last session that carries a family, while another one is expected.
	last
	// retry: a change failed.
	retry
)

// carries reports whether the session is established and has had time to carry its routes.
func (p *peer) carries(now time.Time) bool {
	return p.has != nil && p.up && now.Sub(p.since) >= Settle
}

// waitsFor returns why the session cannot be drained yet; nil if it can.
func (t *Turns) waitsFor(x *peer, now time.Time) *wait {
	for _, p := range t.peers {
		if p != x && p.holdsTurn(now) {
			w := &wait{why: turn, after: []string{p.name}}
			if p.until.IsZero() {
				w.until = p.taken.Add(Bound)
			}
			return w
		}
	}
	if w := t.last(x, now); w != nil {
		return w
	}
	if x.wants == nil {
		return t.replacements(x, now)
	}
	return nil
}

// holdsTurn reports whether others wait for the session: while it is drained, and then until it
// carries its routes again or Bound has passed.
func (p *peer) holdsTurn(now time.Time) bool {
	return !p.until.IsZero() || !p.taken.IsZero() && now.Before(p.taken.Add(Bound))
}

// replacements returns the new peers that a leaving peer waits for.
func (t *Turns) replacements(x *peer, now time.Time) *wait {
	w := &wait{why: replacement}
	for _, p := range t.peers {
		if p != x && p.wants != nil && p.fresh && now.Before(p.hope.Add(Bound)) {
			w.expect(p)
		}
	}
	if w.after == nil {
		return nil
	}
	return w
}

// expect makes it wait for one more peer, until the bound of that peer.
func (w *wait) expect(p *peer) {
	w.after = append(w.after, p.name)
	if end := p.hope.Add(Bound); end.After(w.until) {
		w.until = end
	}
}

// last returns what the session waits for because it is the last one that carries the routes of a
// family, or those that it is sent. It returns nil if it is not the last, or if no other is
// expected.
func (t *Turns) last(x *peer, now time.Time) *wait {
	for _, f := range x.has.Families {
		if w := t.lastOf(f, x, func(*config.Peer) bool { return true }, now); w != nil {
			return w
		}
		if w := t.lastOf(f, x, func(p *config.Peer) bool { return p.Covers(x.has) }, now); w != nil {
			w.alike = true
			return w
		}
	}
	return nil
}

// lastOf is last for the peers that count.
func (t *Turns) lastOf(f route.Family, x *peer, counts func(*config.Peer) bool, now time.Time) *wait {
	hoped, all := &wait{why: last, family: f}, &wait{why: last, family: f}
	forever := t.owed[f]
	for _, p := range t.peers {
		switch {
		case p == x || p.has == nil || !p.has.Carries(f) || !counts(p.has):
			continue
		case p.carries(now):
			return nil
		case p.wants == nil:
			continue
		case now.Before(p.hope.Add(Bound)):
			hoped.expect(p)
		}
		forever = forever || !p.taken.IsZero()
		all.after = append(all.after, p.name)
	}
	switch {
	case forever && all.after != nil: // or nothing is to come
		return all
	case hoped.after != nil:
		return hoped
	}
	return nil
}

// obstacle returns a session with the same neighbour as one that is to begin: a server has only one
// session per address.
func (t *Turns) obstacle(x *peer) *peer {
	for _, p := range t.peers {
		if p != x && p.has != nil && p.wants == nil && p.has.SameNeighbour(x.wants) {
			return p
		}
	}
	return nil
}
