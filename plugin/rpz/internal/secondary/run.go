package secondary

import (
	"context"
	"net/netip"
	"slices"
	"time"
)

// notification is an accepted NOTIFY.
type notification struct {
	from      netip.Addr
	serial    uint32
	hasSerial bool
}

// Accepts reports whether a NOTIFY from the address comes from a primary. It ignores the port: a NOTIFY may come
// from any.
func (s *Secondary) Accepts(from netip.Addr) bool {
	return slices.ContainsFunc(s.config.Primaries, func(p netip.AddrPort) bool { return sameHost(p.Addr(), from) })
}

func sameHost(a, b netip.Addr) bool { return a.Unmap().WithZone("") == b.Unmap().WithZone("") }

// Notify requests a refresh now, from that primary first. The serial is that of the SOA in the NOTIFY, if it has
// one. Notify ignores a serial that is not newer, and a NOTIFY that Accepts would refuse. Notifications that come
// faster than one a second, or during a refresh, cause one refresh after it.
func (s *Secondary) Notify(from netip.Addr, serial uint32, hasSerial bool) {
	n := notification{from, serial, hasSerial}
	if !s.Accepts(from) || !n.news(s.Status()) {
		return
	}
	select {
	case s.notified <- n:
	default: // one waits already
	}
}

// news reports whether the notification is about a generation that is not held.
func (n notification) news(st Status) bool {
	return !n.hasSerial || !st.Held || st.Expired || newer(n.serial, st.Serial)
}

// Refresh asks the primaries now, after an attempt that is in progress, and returns the result: AXFR, IXFR or
// Current, or the failure of the last primary with the errors of all. The error is that of ctx if it ends first;
// the attempt then goes on.
func (s *Secondary) Refresh(ctx context.Context) (Result, error) {
	t, err := s.demands.Make(ctx)
	if err != nil {
		return "", err
	}
	return t.result, t.err
}

// run refreshes when it is time, and withdraws an expired zone, even during a refresh.
func (s *Secondary) run(ctx context.Context) {
	var (
		done      chan outcome // of the refresh in progress
		last      time.Time    // when the last one began
		demanded  []chan<- tried
		primaries = s.config.Primaries
		due       = time.NewTimer(0)
		expiry    = time.NewTimer(s.untilExpiry())
	)
	copying := time.NewTicker(failedDiskPause)
	defer copying.Stop()
	defer due.Stop()
	defer expiry.Stop()
	for {
		notified, demands := s.notified, s.demands
		if done != nil {
			notified, demands = nil, nil
		}
		select {
		case <-ctx.Done():
			if done != nil {
				<-done
			}
			return
		case <-expiry.C:
			if s.held != nil && !s.expired && !time.Now().Before(s.expires()) {
				s.expire()
			}
			expiry.Reset(s.untilExpiry())
		case n := <-notified:
			if n.news(s.Status()) {
				primaries = s.from(n.from)
				due.Reset(time.Until(last.Add(notifyGap)))
			}
		case reply := <-demands:
			demanded = append(demanded, reply)
			due.Reset(0)
		case <-due.C:
			last = time.Now()
			s.plan(time.Time{})
			done = s.begin(ctx, primaries)
			primaries = s.config.Primaries
		case <-copying.C:
			if s.held != nil && s.disk.Failing() != nil {
				s.tellCopy(s.copy.write(s.held, s.confirmed))
			}
		case o := <-done:
			done = nil
			if ctx.Err() != nil {
				return
			}
			s.finish(o)
			wait := s.wait()
			due.Reset(wait)
			s.plan(time.Now().Add(wait))
			for _, reply := range demanded {
				reply <- s.last
			}
			demanded = nil
			expiry.Reset(s.untilExpiry())
		}
	}
}

// plan makes Status show when the next attempt begins; zero for one in progress.
func (s *Secondary) plan(next time.Time) {
	s.next = next
	s.stand()
}

// begin starts a refresh.
func (s *Secondary) begin(ctx context.Context, primaries []netip.AddrPort) chan outcome {
	done, held, expired := make(chan outcome, 1), s.held, s.expired
	go func() { done <- s.attempt(ctx, held, expired, primaries) }()
	return done
}

// from returns the primaries in the order to try if that one has news.
func (s *Secondary) from(addr netip.Addr) []netip.AddrPort {
	order := slices.Clone(s.config.Primaries)
	slices.SortStableFunc(order, func(a, b netip.AddrPort) int {
		switch first, then := sameHost(a.Addr(), addr), sameHost(b.Addr(), addr); {
		case first == then:
			return 0
		case first:
			return -1
		}
		return 1
	})
	return order
}

// wait returns the time until the next refresh.
func (s *Secondary) wait() time.Duration {
	switch {
	case s.held == nil:
		return jittered(firstRetryAfter(s.failures))
	case s.failures > 0:
		return jittered(retryAfter(s.held.SOA()))
	}
	return jittered(refreshAfter(s.held.SOA()))
}

// never is for a timer that has nothing to wait for.
const never = 1 << 62

// untilExpiry returns how long until the published generation must be withdrawn.
func (s *Secondary) untilExpiry() time.Duration {
	if s.held == nil || s.expired {
		return never
	}
	return time.Until(s.expires())
}
