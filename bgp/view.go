package bgp

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// viewEvery is how often the status is published at most. Who reads it sees it so
// late, and costs the loop nothing.
const viewEvery = 100 * time.Millisecond

// view is the speaker as others see it. The loop publishes to it, and waits for
// nobody who reads.
type view struct {
	published atomic.Pointer[Status] // immutable; without what Status adds
	timer     *time.Timer            // the loop's: when to publish next
	due       bool                   // something has changed since
	last      time.Time

	sessions sessions
}

// touch has the loop publish soon, for something may have changed.
func (v *view) touch(now time.Time) {
	if !v.due {
		v.due = true
		v.timer.Reset(max(0, v.last.Add(viewEvery).Sub(now)))
	}
}

// publish makes the status what others see.
func (v *view) publish(st *Status, now time.Time) {
	v.due, v.last = false, now
	v.published.Store(st)
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

// Status returns the speaker as it was a moment ago. It may be called at any time, and
// the loop never waits for it.
func (s *speaker) Status() Status {
	st := *s.view.published.Load()
	st.Peers = s.view.sessions.get(s.Announcer.Peers)
	st.DrainsUnsaved = s.drains.unsaved()
	if s.drains.lost != nil {
		st.DrainsLost = s.drains.lost.Error()
	}
	return st
}

// publish shows the speaker as it is.
func (s *speaker) publish(now time.Time) {
	st := &Status{
		ASN: s.Config.ASN, RouterID: s.Config.RouterID.String(),
		VIPs: s.controller.Status(now), Drains: s.drains.now(now), Refused: s.refused, RefusedInAll: s.refusedInAll,
		IgnoredHints: s.controller.IgnoredHints(now), Fault: s.fault,
	}
	for i := range st.VIPs {
		v := &st.VIPs[i]
		v.Announced = slices.ContainsFunc(s.announced, func(r Route) bool { return r.Prefix.Addr() == v.addr })
		v.Bound = slices.Contains(s.bound, v.addr)
	}
	s.view.publish(st, now)
}
