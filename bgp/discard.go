package bgp

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// discards are the aggregates of which this machine drops what nobody has here.
type discards struct {
	known bool // whether those of an earlier run are removed
	given []netip.Prefix
	fault string // what was last said of them
}

// discard has this machine drop what nobody has of the prefixes, and returns those of which it
// cannot. Where nothing changed, and all is well, it asks nobody.
func (s *speaker) discard(prefixes []netip.Prefix, look bool, now time.Time) map[netip.Prefix]error {
	d := &s.discards
	if d.known && d.fault == "" && !look && slices.Equal(prefixes, d.given) || len(prefixes)+len(d.given) == 0 && d.known {
		return nil
	}
	failed := s.Binder.Discard(prefixes)
	d.known, d.given = true, prefixes
	var errs []error
	for _, p := range slices.SortedFunc(maps.Keys(failed), func(a, b netip.Prefix) int { return strings.Compare(a.String(), b.String()) }) {
		errs = append(errs, fmt.Errorf("%s: %w", p, failed[p]))
	}
	err := errors.Join(errs...)
	d.fault = s.once(d.fault, "this machine would send back to the router what comes for addresses that nobody has here, so that no aggregate of them is announced; it is tried again", err)
	if err != nil {
		s.failed(now)
	}
	return failed
}

// announceable are the routes but for aggregates that would be a loop. A VIP that was never
// here is announced all the same: NAT or eBPF may take its packets.
func announceable(routes []Route, failed map[netip.Prefix]error) []Route {
	if len(failed) == 0 {
		return routes
	}
	return slices.DeleteFunc(slices.Clone(routes), func(r Route) bool { return failed[r.Prefix] != nil && !r.Prefix.IsSingleIP() })
}
