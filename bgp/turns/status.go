package turns

import (
	"fmt"
	"strings"
	"time"

	"github.com/nearcast/nearcast/bgp/session"
)

// Drained reports whether the peer's router is asked to move its traffic.
func (t *Turns) Drained(name string) bool {
	p := t.named[name]
	return p != nil && !p.until.IsZero()
}

// Status returns the pending change of a session; nil for none.
func (t *Turns) Status(name string, now time.Time) *session.Change {
	p := t.named[name]
	switch {
	case p == nil:
		return nil
	case p.has == nil:
		return t.obstructed(p)
	case !p.until.IsZero():
		text := "draining; will be reset with the file's settings"
		if p.wants == nil {
			text = "draining; will be removed, because the file no longer has it"
		}
		return &session.Change{Phase: session.Drains, Leaving: p.wants == nil, Until: p.until, Text: text}
	case p.pending() && p.up:
		return t.waiting(p, now)
	case !p.taken.IsZero():
		return p.returning(now)
	}
	return nil
}

func (t *Turns) obstructed(p *peer) *session.Change {
	o := t.obstacle(p)
	if o == nil {
		return nil
	}
	text := fmt.Sprintf("begins after %s, which is the same neighbor and is being removed", o.name)
	return &session.Change{Phase: session.Waits, After: []string{o.name}, Text: text}
}

// returning describes a session after its reset.
func (p *peer) returning(now time.Time) *session.Change {
	c := &session.Change{Phase: session.Returns, Until: p.taken.Add(Bound)}
	c.Text = "was reset with new settings and is not established again; other sessions wait for it"
	if !now.Before(c.Until) {
		c.Phase, c.Until = session.Overdue, time.Time{}
		c.Text = "was reset with new settings and is not established again; other sessions no longer wait for it"
	}
	if p.up {
		c.Text = "was reset with new settings and is established; waiting a moment until its routes are in use"
	}
	return c
}

// waiting describes a session before its dwell.
func (t *Turns) waiting(p *peer, now time.Time) *session.Change {
	c := &session.Change{Phase: session.Waits, Leaving: p.wants == nil}
	does := map[bool]string{false: "changes", true: "is removed"}[c.Leaving]
	w := t.waitsFor(p, now)
	if w == nil {
		w = &wait{why: retry, until: p.notBefore}
	}
	c.After, c.Until = w.after, w.until
	names := list(w.after)
	switch w.why {
	case turn:
		c.Text = fmt.Sprintf("%s after %s, whose session is being changed", does, names)
	case replacement:
		c.Text = fmt.Sprintf("%s when its replacements are established: %s", does, names)
	case last:
		kind := string(w.family) + " session"
		if w.alike {
			kind += " that is sent these routes"
		}
		c.Text = fmt.Sprintf("%s when another session is established: this is the last %s; waiting for: %s", does, kind, names)
	case retry:
		c.Text = does + " when retried; see the log for why it failed"
	}
	return c
}

// most is the maximum number of names in a text.
const most = 3

// list formats names for people: a site may have fifty peers.
func list(names []string) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
