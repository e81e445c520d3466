package bgp

import (
	"cmp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/session"
)

const (
	// viewEvery is the minimum time between two status updates, which are made only on request.
	viewEvery = 100 * time.Millisecond
	// viewWait is how long a request waits for the loop before it uses the previous status. That
	// lacks changes since the loop has been busy, and up to beatEvery before.
	viewWait = 2 * viewEvery
)

// view is the speaker's status for others. The loop updates it on request, and never waits for a
// reader.
type view struct {
	published atomic.Pointer[Status] // immutable; without what shown adds
	asked     chan chan struct{}     // each is closed when the status is updated

	// Only the loop uses the following fields.

	waiting  []chan struct{}
	timer    *time.Timer // when to publish for waiting requests
	last     time.Time
	outdated bool // something has changed since the last status

	sessions sessions
}

// ask returns when the status is current, or after viewWait.
func (v *view) ask(ended <-chan struct{}) {
	enough := time.NewTimer(viewWait)
	defer enough.Stop()
	made := make(chan struct{})
	select {
	case v.asked <- made:
	case <-ended:
		return
	case <-enough.C:
		return
	}
	select {
	case <-made:
	case <-ended:
	case <-enough.C:
	}
}

// take makes the loop publish, at once or soon, for a waiting request.
func (v *view) take(made chan struct{}, now time.Time) {
	v.waiting = append(v.waiting, made)
	if len(v.waiting) == 1 {
		v.timer.Reset(max(0, v.last.Add(viewEvery).Sub(now)))
	}
}

// publish makes the status visible to others.
func (v *view) publish(st *Status, now time.Time) {
	v.last, v.outdated = now, false
	v.published.Store(st)
	for _, made := range v.waiting {
		close(made)
	}
	v.waiting = nil
}

// sessions are the announcer's, requested at most once per viewEvery, because they are read where
// routes are also withdrawn.
type sessions struct {
	mu   sync.Mutex
	last []session.Status
	at   time.Time
}

func (s *sessions) get(ask func() []session.Status) []session.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at.IsZero() || time.Since(s.at) >= viewEvery {
		s.last, s.at = ask(), time.Now()
	}
	return s.last
}

// Status returns the current status, or the previous one if the loop is busy. It may be called at
// any time, and never blocks the loop.
func (s *speaker) Status() Status {
	s.view.ask(s.done)
	return s.shown()
}

// shown returns the last published status.
func (s *speaker) shown() Status {
	st := *s.view.published.Load()
	st.Peers = withLacking(s.view.sessions.get(s.Announcer.Peers), *s.lacking.Load())
	st.DrainsUnsaved = s.drains.unsaved()
	if s.drains.lost != nil {
		st.DrainsLost = s.drains.lost.Error()
	}
	return st
}

// refresh publishes the changes, for requests while the loop is busy: there may have been no
// request since.
func (s *speaker) refresh(now time.Time) {
	if s.view.outdated {
		s.publish(now)
	}
}

// publish publishes the current status.
func (s *speaker) publish(now time.Time) {
	st := &Status{
		ASN: s.Config.ASN, RouterID: s.Config.RouterID.String(),
		VIPs: s.controller.Status(now), Aggregates: s.controller.Aggregates(now), Drains: s.drains.now(now), Refused: s.refused, RefusedInAll: s.refusedInAll,
		IgnoredHints: s.controller.IgnoredHints(now), Fault: s.fault,
	}
	announced := make(map[string]*route.Route, len(s.announced))
	for _, r := range s.announced {
		announced[r.Prefix.String()] = &r
	}
	for i := range st.VIPs {
		v := &st.VIPs[i]
		if r := announced[cmp.Or(v.Aggregate, route.Host(v.Addr).String())]; r != nil {
			v.Announced, v.Attributes, v.Peers, v.OwnPreference = true, &r.Attributes, r.To, r.OwnPreference
		}
		v.Bound = v.Bound && s.addresses.known
		if s.addresses.unseen[v.Addr] && v.Announced {
			v.Warning = warnUnseen
		}
	}
	for i := range st.Aggregates {
		g := &st.Aggregates[i]
		if r := announced[g.Prefix]; r != nil {
			g.Announced, g.Attributes, g.Peers, g.OwnPreference = true, &r.Attributes, r.To, r.OwnPreference
		}
	}
	s.view.publish(st, now)
}
