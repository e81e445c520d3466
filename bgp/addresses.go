package bgp

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/nearcast/nearcast/bgp/judge"
	"github.com/nearcast/nearcast/bgp/route"
)

// addresses is the loop's view of the addresses of this machine.
type addresses struct {
	given, looked []netip.Addr // last bound, and last looked for
	stale         bool         // they may have changed
	known         bool         // whether the kernel has reported what is missing
	listed        []netip.Addr // those of given that the kernel listed
	missing       map[netip.Addr]string
	// seen holds addresses given by others that were present at some time, unseen those that never
	// were.
	seen, unseen map[netip.Addr]bool
	fault        string // last logged fault
	// restored counts the addresses that were removed and given back since the last log entry.
	restored int
	saidAt   time.Time
}

const (
	// watchPause is how long the loop waits after a change before it looks at the addresses.
	// Whoever removes all addresses removes them one by one, and repeated changes must not occupy
	// the loop.
	watchPause = 50 * time.Millisecond
	// restoredEvery is the minimum time between log entries about restored addresses.
	restoredEvery = time.Minute
)

// followAddresses makes the loop look at the addresses whenever they may have changed.
func (s *speaker) followAddresses(ctx context.Context) {
	moved := make(chan struct{}, 1)
	s.background.Go(func() { s.watchAddresses(ctx, moved) })
	for {
		select {
		case <-ctx.Done():
			return
		case <-moved:
			pause(ctx, watchPause)
			s.do(ctx, func() { s.addresses.stale = true })
		}
	}
}

// watchAddresses signals moved whenever the addresses may have changed, and every second while it
// cannot watch them.
func (s *speaker) watchAddresses(ctx context.Context, moved chan<- struct{}) {
	said := ""
	for ctx.Err() == nil {
		err := s.Binder.Watch(ctx, func() { kick(moved) })
		if err != nil && err.Error() != said {
			said = err.Error()
			s.Log.Error("cannot watch the addresses; reading them every second instead", "error", err)
		}
		pause(ctx, retry)
		kick(moved)
	}
}

// kick puts a value into ch unless it already holds one.
func kick(ch chan<- struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// change applies what the controller wants: it binds before it announces, and unbinds after it has
// withdrawn. If a route cannot be withdrawn, its address stays bound, and no other. It returns what
// the controller wanted once it was known which addresses are present.
func (s *speaker) change(want judge.Desired, look []netip.Addr, now time.Time) judge.Desired {
	moved := s.addresses.stale
	// Keep the previous order, so that neither call asks the kernel if nothing is to be added, and
	// a withdrawal does not wait for it.
	s.bind(union(s.addresses.given, want.Bound), look, now)
	s.version.Desired = s.controller.Version().Desired
	want = s.controller.Desired(now)
	routes := announceable(want.Routes, s.discard(union(s.discards.given, s.dropped(want)), moved, now))
	announced, err := s.Announcer.Set(routes)
	s.announced, s.view.outdated = announced, true
	if errors.Is(err, ErrMore) {
		s.more = true // first check what must be withdrawn
		return want
	}
	s.announceFault = s.once(s.announceFault, "cannot announce; retrying", err)
	give, drop := want.Bound, s.dropped(want)
	if err != nil {
		s.failed(now)
		stale := beyond(announced, routes)
		give, drop = union(give, covered(s.addresses.given, stale)), union(drop, both(s.discards.given, stale))
	}
	s.bind(give, look, now)
	s.discard(drop, false, now)
	return want
}

// beyond returns the prefixes that are announced but not wanted.
func beyond(announced, wanted []route.Route) (all []netip.Prefix) {
	want := make(map[netip.Prefix]bool, len(wanted))
	for _, r := range wanted {
		want[r.Prefix] = true
	}
	for _, r := range announced {
		if !want[r.Prefix] {
			all = append(all, r.Prefix)
		}
	}
	return all
}

// covered returns the addresses that are in one of the prefixes.
func covered(addrs []netip.Addr, prefixes []netip.Prefix) []netip.Addr {
	return slices.DeleteFunc(slices.Clone(addrs), func(a netip.Addr) bool {
		return !slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
	})
}

// both returns the prefixes that are in both a and b.
func both(a, b []netip.Prefix) []netip.Prefix {
	return slices.DeleteFunc(slices.Clone(a), func(p netip.Prefix) bool { return !slices.Contains(b, p) })
}

// failed schedules a retry.
func (s *speaker) failed(now time.Time) { s.dirty, s.retryAt = true, now.Add(retry) }

// bind gives this machine the addresses, removes all others that it gave earlier, looks for those
// that others give, and tells the controller which ones are missing.
func (s *speaker) bind(give, look []netip.Addr, now time.Time) {
	a := &s.addresses
	if !a.stale && a.fault == "" && slices.Equal(give, a.given) && slices.Equal(look, a.looked) {
		return // the watch would have reported a change
	}
	a.stale = false
	bound, err := s.Binder.Bind(give, look)
	s.countRestored(bound.Given, now)
	a.given, a.looked = give, look
	for _, addr := range give { // those that others give are watched; retrying does not help
		if why := bound.Missing[addr]; why != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", addr, why))
		}
	}
	switch {
	case bound.Missing != nil:
		s.sortOut(bound.Missing, look)
		a.missing, a.known, a.listed = reasons(bound.Missing, give), true, give
	default:
		a.unlisted(give, err)
	}
	a.fault = s.once(a.fault, "cannot bind addresses; retrying", err)
	s.log(s.controller.SetMissing(a.missing, now))
	if err != nil {
		s.failed(now)
	}
}

// sortOut removes from missing the addresses that others give and that have not been present since
// the start: NAT or eBPF may take their packets, which the kernel's tables do not show. They are
// announced with a warning. An address that was present and is lost is not announced.
func (s *speaker) sortOut(missing map[netip.Addr]error, look []netip.Addr) {
	a := &s.addresses
	seen, unseen := make(map[netip.Addr]bool, len(look)), map[netip.Addr]bool{}
	for _, addr := range look {
		switch why := missing[addr]; {
		case why == nil || a.seen[addr]:
			seen[addr] = true
		default:
			unseen[addr] = true
			delete(missing, addr)
			if !a.unseen[addr] {
				s.Log.Warn("VIP announced with a warning", "vip", addr, "warning", warnUnseen)
			}
		}
	}
	a.seen, a.unseen = seen, unseen
}

// warnUnseen is the warning for a VIP that was never present.
const warnUnseen = "this machine has never had the address, so packets to it are only accepted if NAT, IPVS or eBPF forwards them: then set forwarded: true; " +
	"otherwise set bind: lo, or assign the address to the machine. Until then, this machine drops packets that nothing accepts, to prevent a routing loop"

// dropped returns the prefixes for which this machine drops packets to addresses that nobody has:
// those of aggregates, and VIPs that are announced but were never present.
func (s *speaker) dropped(want judge.Desired) []netip.Prefix {
	all := slices.Clone(want.Discarded)
	for _, r := range want.Routes {
		if r.Prefix.IsSingleIP() && s.addresses.unseen[r.Prefix.Addr()] {
			all = append(all, r.Prefix)
		}
	}
	return all
}

// reasons returns the reasons that the controller shows.
func reasons(missing map[netip.Addr]error, give []netip.Addr) map[netip.Addr]string {
	all := make(map[netip.Addr]string, len(missing))
	for addr, why := range missing {
		all[addr] = fmt.Sprintf("this machine does not accept packets to it: %v; set bind: lo, or forwarded: true if NAT, IPVS or eBPF forwards them", why)
	}
	for _, addr := range give {
		if why := missing[addr]; why != nil {
			all[addr] = fmt.Sprintf("this machine does not accept packets to it: %v", why)
		}
	}
	return all
}

// unlisted records addresses to give as missing if nothing is known of them. What is known of
// others stays.
func (a *addresses) unlisted(give []netip.Addr, err error) {
	was := make(map[netip.Addr]bool, len(a.listed))
	for _, addr := range a.listed {
		was[addr] = true
	}
	missing := make(map[netip.Addr]string, len(a.missing))
	maps.Copy(missing, a.missing)
	a.listed, a.missing = nil, missing
	for _, addr := range give {
		if was[addr] {
			a.listed = append(a.listed, addr)
			continue
		}
		missing[addr] = fmt.Sprintf("cannot determine whether this machine accepts packets to it: %v", err)
	}
}

// countRestored counts and occasionally logs addresses that were restored because somebody removed
// them while they were wanted.
func (s *speaker) countRestored(given []netip.Addr, now time.Time) {
	a := &s.addresses
	var back []netip.Addr
	for _, addr := range given {
		if a.bound(addr) {
			back = append(back, addr)
		}
	}
	if len(back) == 0 {
		return
	}
	s.metrics.restored.Add(float64(len(back)))
	if a.restored += len(back); now.Sub(a.saidAt) >= restoredEvery {
		s.Log.Warn("another program removed addresses from lo; restored them", "addresses", back, "count", a.restored)
		a.restored, a.saidAt = 0, now
	}
}

// once logs an error that differs from the last one logged, and when the error ends. It returns
// what was logged.
func (s *speaker) once(said, what string, err error) string {
	text := ""
	if err != nil {
		text = err.Error()
	}
	switch {
	case text == said:
	case err != nil:
		s.Log.Error(what, "error", err)
	default:
		s.Log.Info("recovered from an earlier error", "error", said)
	}
	return text
}

func union[T comparable](a, b []T) []T {
	all := slices.Clone(a)
	have := make(map[T]bool, len(a))
	for _, one := range a {
		have[one] = true
	}
	for _, one := range b {
		if !have[one] {
			all = append(all, one)
		}
	}
	return all
}

// bound reports whether the address was given to this machine and is present.
func (a *addresses) bound(addr netip.Addr) bool {
	return slices.Contains(a.given, addr) && a.known && a.missing[addr] == ""
}
