package bgp

import (
	"cmp"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// viewEvery is how often the status is made at most, and only where somebody asks for it.
	viewEvery = 100 * time.Millisecond
	// viewWait is how long who asks waits for the loop; then the status before must do. It lacks
	// what has changed since the loop is busy, and within beatEvery before.
	viewWait = 2 * viewEvery
)

// view is the speaker as others see it. The loop makes it for those who ask, and waits for
// nobody who reads.
type view struct {
	published atomic.Pointer[Status] // immutable; without what shown adds
	asked     chan chan struct{}     // each is closed when the status is new

	// What follows is the loop's.

	waiting  []chan struct{}
	timer    *time.Timer // when to publish for those who wait
	last     time.Time
	outdated bool // something has changed since

	sessions sessions
}

// ask returns when the status is that of now, or after viewWait.
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

// take has the loop publish, at once or soon, for somebody who waits.
func (v *view) take(made chan struct{}, now time.Time) {
	v.waiting = append(v.waiting, made)
	if len(v.waiting) == 1 {
		v.timer.Reset(max(0, v.last.Add(viewEvery).Sub(now)))
	}
}

// publish makes the status what others see.
func (v *view) publish(st *Status, now time.Time) {
	v.last, v.outdated = now, false
	v.published.Store(st)
	for _, made := range v.waiting {
		close(made)
	}
	v.waiting = nil
}

// sessions are the announcer's, asked for at most once in viewEvery: it answers where
// it also withdraws.
type sessions struct {
	mu   sync.Mutex
	last []PeerStatus
	at   time.Time
}

func (s *sessions) get(ask func() []PeerStatus) []PeerStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at.IsZero() || time.Since(s.at) >= viewEvery {
		s.last, s.at = ask(), time.Now()
	}
	return s.last
}

// Status returns the speaker as it is, or where its loop is busy, as it was. It may be called at
// any time, and the loop never waits for it.
func (s *speaker) Status() Status {
	s.view.ask(s.done)
	return s.shown()
}

// shown is the status that was made last.
func (s *speaker) shown() Status {
	st := *s.view.published.Load()
	st.Peers = withLacking(s.view.sessions.get(s.Announcer.Peers), *s.lacking.Load())
	st.DrainsUnsaved = s.drains.unsaved()
	if s.drains.lost != nil {
		st.DrainsLost = s.drains.lost.Error()
	}
	return st
}

// refresh publishes what has changed, for those who ask while the loop is busy: nobody may have
// asked since.
func (s *speaker) refresh(now time.Time) {
	if s.view.outdated {
		s.publish(now)
	}
}

// publish shows the speaker as it is.
func (s *speaker) publish(now time.Time) {
	st := &Status{
		ASN: s.Config.ASN, RouterID: s.Config.RouterID.String(),
		VIPs: s.controller.Status(now), Aggregates: s.controller.Aggregates(now), Drains: s.drains.now(now), Refused: s.refused, RefusedInAll: s.refusedInAll,
		IgnoredHints: s.controller.IgnoredHints(now), Fault: s.fault,
	}
	announced := make(map[string]*Route, len(s.announced))
	for _, r := range s.announced {
		announced[r.Prefix.String()] = &r
	}
	for i := range st.VIPs {
		v := &st.VIPs[i]
		if r := announced[cmp.Or(v.Aggregate, host(v.addr).String())]; r != nil {
			v.Announced, v.Attributes, v.Peers, v.OwnPreference = true, &r.Attributes, r.To, r.OwnPreference
		}
		v.Bound = v.Bound && s.addresses.known
		if s.addresses.unseen[v.addr] && v.Announced {
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
