// Package turns decides when the sessions of peers follow the file: one after the other, so
// that the file never takes all of them down at once.
//
// Turns is pure: it takes the states of sessions, and returns what to do next. Its caller does
// that, and serialises the calls.
package turns

import (
	"slices"
	"time"

	"github.com/nearcast/nearcast/bgp"
)

const (
	// Bound is how long others wait for a session that was reset or begun. GoBGP and routers
	// need up to half a minute for an attempt; an engineer who changes the router's end by
	// hand needs the rest.
	Bound = 5 * time.Minute
	// Settle is how long an established session has to carry its routes before it counts.
	// GoBGP queues all of them at once, and FRR and BIRD use them within 0.1 s.
	Settle = 3 * time.Second
	// again is how long a change that did not come about waits: others are not to wait for it.
	again = time.Minute
)

// Do is what is done to a session.
type Do int

// What is done to sessions.
const (
	// Begin adds a peer.
	Begin Do = iota
	// Change resets the session, and has it begin with other settings.
	Change
	// End ends it: the file no longer has the peer.
	End
)

// Step is one thing to do.
type Step struct {
	Do   Do
	Name string
	// Peer has the settings; nil for End.
	Peer *bgp.Peer
}

// Turns has the peers of the file and those that have left it. The zero value has none.
type Turns struct {
	peers []*peer // those that leave, and then the file's in its order
	named map[string]*peer
	dwell time.Duration
	// owed are the families of which a session was ended for the file while no session of the
	// file carried them, until one does.
	owed map[bgp.Family]bool
}

// peer is one session.
type peer struct {
	name string
	// has are the settings of the session, nil before it is begun, and wants those of the file,
	// nil where it has no such peer.
	has, wants *bgp.Peer
	up         bool
	// since is when it came up or went down, and hope when it carried routes last, or was begun
	// or changed.
	since, hope time.Time
	// fresh is set until it has carried routes for the first time.
	fresh bool
	// taken is when it was reset while it was up; zero once it carries routes again.
	taken time.Time
	// until is the end of its dwell; zero where it is not drained.
	until time.Time
	// notBefore is when it is tried again after a change that did not come about.
	notBefore time.Time
}

// Declare takes the peers of a file, each with a Name of its own, in its order.
func (t *Turns) Declare(file []bgp.Peer, dwell time.Duration) {
	known := t.named
	t.named = make(map[string]*peer, len(file))
	var stay, leave []*peer
	for _, wants := range file {
		p := known[wants.Name()]
		if p == nil {
			p = &peer{name: wants.Name()}
		}
		p.want(&wants)
		t.named[p.name] = p
		stay = append(stay, p)
	}
	for _, p := range t.peers {
		if t.named[p.name] == nil && p.has != nil {
			p.want(nil)
			t.named[p.name] = p
			leave = append(leave, p)
		}
	}
	t.peers, t.dwell = slices.Concat(leave, stay), dwell
}

// want takes the settings of the file; nil where it has none.
func (p *peer) want(wants *bgp.Peer) {
	if p.wants == nil || wants == nil || !p.wants.Equal(wants) {
		p.notBefore = time.Time{}
	}
	p.wants = wants
	if p.has != nil && wants != nil { // what is sent to a router waits for no turn
		has := *p.has
		has.SetExport(wants)
		has.Group = wants.Group
		p.has = &has
	}
	if !p.pending() {
		p.until = time.Time{}
	}
}

// pending reports whether the session is not what the file says.
func (p *peer) pending() bool { return p.has == nil || p.wants == nil || !p.has.Equal(p.wants) }

// Saw takes whether the session of a peer is established.
func (t *Turns) Saw(name string, up bool, now time.Time) {
	if p := t.named[name]; p != nil && p.up != up {
		p.up, p.since = up, now
	}
}

// Next returns what is to be done now, if anything is. Did must follow.
func (t *Turns) Next(now time.Time) (Step, bool) {
	t.look(now)
	for _, due := range []func(*peer, time.Time) bool{t.begins, t.down, t.due} {
		for _, p := range t.peers {
			if due(p, now) {
				return p.step(), true
			}
		}
	}
	return Step{}, false
}

func (p *peer) step() Step {
	switch {
	case p.has == nil:
		return Step{Begin, p.name, p.wants}
	case p.wants == nil:
		return Step{End, p.name, nil}
	}
	return Step{Change, p.name, p.wants}
}

// begins reports whether a new peer may begin; it comes first, for those that leave wait for it.
func (t *Turns) begins(p *peer, _ time.Time) bool { return p.has == nil && t.obstacle(p) == nil }

// down reports whether a session that is down is to be changed or ended; the others may have
// hope of it then.
func (t *Turns) down(p *peer, now time.Time) bool { return p.may(now) && !p.up }

// may reports whether there is something to do to a session.
func (p *peer) may(now time.Time) bool {
	return p.has != nil && p.pending() && !now.Before(p.notBefore)
}

// due reports whether an established session is to be changed or ended now. It begins the dwell,
// and ends it without a change where the session has become the last one meanwhile.
func (t *Turns) due(p *peer, now time.Time) bool {
	switch {
	case !p.may(now):
		return false
	case p.until.IsZero() && t.waitsFor(p, now) == nil:
		p.until = now.Add(t.dwell)
		return t.dwell == 0
	case p.until.IsZero() || now.Before(p.until):
		return false
	case t.last(p, now) != nil:
		p.until, p.notBefore = time.Time{}, now.Add(again)
		return false
	}
	return true
}

// Did takes what became of a step. One of a Change or an End that failed leaves the session as
// it was; a Begin that failed is its caller's to repeat.
func (t *Turns) Did(step Step, err error, now time.Time) {
	p := t.named[step.Name]
	switch {
	case step.Do == Begin:
		p.has, p.fresh, p.up, p.since, p.hope = step.Peer, true, false, now, now
	case err != nil:
		p.until, p.notBefore = time.Time{}, now.Add(again)
	case step.Do == Change:
		if p.up || !p.taken.IsZero() {
			p.taken = now
		}
		p.has, p.up, p.since, p.hope, p.until = step.Peer, false, now, now, time.Time{}
	default:
		t.ended(p, now)
	}
}

// ended forgets a peer.
func (t *Turns) ended(gone *peer, now time.Time) {
	t.peers = slices.DeleteFunc(t.peers, func(p *peer) bool { return p == gone })
	delete(t.named, gone.name)
	if !gone.up && gone.taken.IsZero() {
		return
	}
	for _, p := range t.peers {
		if p.has == nil && p.wants.SameNeighbour(gone.has) {
			p.taken = now // it is the same session by another name
		}
	}
	if t.owed == nil {
		t.owed = map[bgp.Family]bool{}
	}
	for _, f := range gone.has.Families {
		t.owed[f] = true // look knows better where one of the file's carries it
	}
	t.look(now)
}

// look takes note of the sessions that carry routes.
func (t *Turns) look(now time.Time) {
	for _, p := range t.peers {
		if !p.carries(now) {
			continue
		}
		p.fresh, p.taken, p.hope = false, time.Time{}, now
		if p.wants == nil {
			continue
		}
		for _, f := range p.has.Families {
			delete(t.owed, f)
		}
	}
}
