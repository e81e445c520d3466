// Package turns decides when the sessions of peers follow the file: one after another, so that the
// file never takes all of them down at once.
//
// Turns is pure: it takes the states of sessions, and returns what to do next. The caller does it,
// and serialises the calls.
package turns

import (
	"slices"
	"time"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
)

const (
	// Bound is how long others wait for a session that was reset or begun. GoBGP and routers need
	// up to half a minute for an attempt; the rest is for an engineer who changes the router's end
	// by hand.
	Bound = 5 * time.Minute
	// Settle is how long an established session has to carry its routes before it counts. GoBGP
	// queues all of them at once, and FRR and BIRD use them within 0.1 s.
	Settle = 3 * time.Second
	// again is the pause after a failed change, during which other sessions need not wait.
	again = time.Minute
)

// Do is an action on a session.
type Do int

// Actions on sessions.
const (
	// Begin adds a peer.
	Begin Do = iota
	// Change resets the session and begins it with other settings.
	Change
	// End ends the session: the file no longer has the peer.
	End
)

// Step is one action to carry out.
type Step struct {
	Do   Do
	Name string
	// Peer has the settings; nil for End.
	Peer *config.Peer
}

// Turns holds the peers of the file and those that were removed from it. The zero value has none.
type Turns struct {
	peers []*peer // those that leave, then those of the file in its order
	named map[string]*peer
	dwell time.Duration
	// owed are the families of a session that was ended because of the file while no session of the
	// file carried them; a family is removed once one does.
	owed map[route.Family]bool
}

// peer is one session.
type peer struct {
	name string
	// has are the settings of the session, nil before it is begun; wants are those of the file, nil
	// if the file does not have the peer.
	has, wants *config.Peer
	up         bool
	// since is when it came up or went down; hope, when it last carried routes, or was begun or
	// changed.
	since, hope time.Time
	// fresh is set until it has carried routes for the first time.
	fresh bool
	// taken is when it was reset while up; zero once it carries routes again.
	taken time.Time
	// until is the end of its dwell; zero if it is not drained.
	until time.Time
	// notBefore is when it is retried after a failed change.
	notBefore time.Time
}

// Declare takes the peers of a file in its order, each with a unique Name.
func (t *Turns) Declare(file []config.Peer, dwell time.Duration) {
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

// want takes the settings of the file; nil if it has none.
func (p *peer) want(wants *config.Peer) {
	if p.wants == nil || wants == nil || !p.wants.Equal(wants) {
		p.notBefore = time.Time{}
	}
	p.wants = wants
	if p.has != nil && wants != nil { // export settings need no turn
		has := *p.has
		has.SetExport(wants)
		has.Group = wants.Group
		p.has = &has
	}
	if !p.pending() {
		p.until = time.Time{}
	}
}

// pending reports whether the session differs from the file.
func (p *peer) pending() bool { return p.has == nil || p.wants == nil || !p.has.Equal(p.wants) }

// Saw records whether the session of a peer is established.
func (t *Turns) Saw(name string, up bool, now time.Time) {
	if p := t.named[name]; p != nil && p.up != up {
		p.up, p.since = up, now
	}
}

// Next returns the next action, if any is due now. Did must follow.
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

// begins reports whether a new peer may begin. This comes first, because leaving peers wait for it.
func (t *Turns) begins(p *peer, _ time.Time) bool { return p.has == nil && t.obstacle(p) == nil }

// down reports whether a session that is down can be changed or ended, which may bring it back for
// the others.
func (t *Turns) down(p *peer, now time.Time) bool { return p.may(now) && !p.up }

// may reports whether the session has an action pending.
func (p *peer) may(now time.Time) bool {
	return p.has != nil && p.pending() && !now.Before(p.notBefore)
}

// due reports whether an established session is to be changed or ended now. It starts the dwell,
// and ends it without a change if the session has become the last one meanwhile.
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

// Did records the result of a step. A failed Change or End leaves the session as it was; a failed
// Begin is repeated by the caller.
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
			p.taken = now // the same session under another name
		}
	}
	if t.owed == nil {
		t.owed = map[route.Family]bool{}
	}
	for _, f := range gone.has.Families {
		t.owed[f] = true // look removes it if a session of the file carries it
	}
	t.look(now)
}

// look records the sessions that carry routes.
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
