package bgp

import (
	"slices"
	"time"

	"github.com/nearcast/nearcast/bgp/vip"
)

func (s *speaker) observe(r result) {
	s.metrics.checked(r.failure, r.took)
	changed := s.controller.Observe(r.id, r.failure, time.Now())
	s.log(changed)
	if slices.ContainsFunc(changed, withdraws) {
		s.withdrawn = append(s.withdrawn, r.at)
	}
}

// withdraws reports whether a route is withdrawn because a check failed.
func withdraws(t vip.Transition) bool {
	return t.To == vip.Down && t.Reason.Code == vip.CheckFailed && (t.From == vip.Up || t.From == vip.Degraded || t.From == vip.Draining)
}

// apply makes the machine and the sessions match what the controller wants, and returns when to
// call it again.
func (s *speaker) apply(now time.Time) time.Duration {
	s.log(s.controller.Advance(now)) // the loop may have woken for another reason than the time
	if s.outdated(now) {
		s.applyDesired(now)
	}
	version := s.controller.Version()
	if version.Granted != s.version.Granted {
		s.assign()
	}
	for _, addr := range s.controller.Forgotten() {
		s.metrics.forget(addr)
	}
	if version.Checks != s.version.Checks {
		// Start checks only now: another site would answer for an address that is not bound yet.
		s.runner.set(s.controller.Checks(now))
	}
	s.version.Granted, s.version.Checks = version.Granted, version.Checks
	switch next := s.controller.Next(now); {
	case version.Desired != s.version.Desired, s.more: // for an address that was lost meanwhile
		return 0
	case s.dirty && (next.IsZero() || s.retryAt.Before(next)):
		return s.retryAt.Sub(now)
	case next.IsZero():
		return time.Hour
	default:
		return next.Sub(now)
	}
}

func (s *speaker) outdated(now time.Time) bool {
	return s.more || s.dirty && !now.Before(s.retryAt) || s.addresses.stale || s.controller.Version().Desired != s.version.Desired
}

func (s *speaker) applyDesired(now time.Time) {
	before, withdrawn := uint64(0), s.withdrawn
	sample := len(withdrawn) > 0 && s.sampling.CompareAndSwap(false, true)
	if sample {
		before = s.Announcer.UpdatesSent()
	}
	s.version.Desired = s.controller.Version().Desired
	want, look := s.controller.Desired(now), s.controller.Elsewhere()
	if s.more || s.dirty || s.addresses.stale || !want.Equal(s.applied) || !slices.Equal(look, s.addresses.looked) {
		s.more, s.dirty = false, false
		s.applied = s.change(want, look, now)
	}
	s.withdrawn = nil
	if !s.dirty {
		for _, at := range withdrawn {
			s.metrics.withdrawals.WithLabelValues("deleted").Observe(time.Since(at).Seconds())
		}
	}
	if !sample {
		return
	}
	s.background.Go(func() {
		defer s.sampling.Store(false)
		s.metrics.sent(s.around, withdrawn[0], before, s.Announcer.UpdatesSent)
	})
}
