package bgp

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/nearcast/nearcast/bgp/route"
)

// discards are the aggregates for which this machine drops packets to addresses that nobody has.
type discards struct {
	known bool // whether those of an earlier run were removed
	given []netip.Prefix
	fault string // last logged fault
}

// discard makes this machine drop packets to unassigned addresses in the prefixes, and returns the
// prefixes for which it cannot. If nothing changed and all is well, it does not ask the kernel.
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
	d.fault = s.once(d.fault, "cannot drop packets to unused addresses, which would loop to the router; not announcing aggregates that contain them; retrying", err)
	if err != nil {
		s.failed(now)
	}
	return failed
}

// announceable returns the routes except aggregates that would cause a loop. A VIP that was never
// present is still announced: NAT or eBPF may take its packets.
func announceable(routes []route.Route, failed map[netip.Prefix]error) []route.Route {
	if len(failed) == 0 {
		return routes
	}
	return slices.DeleteFunc(slices.Clone(routes), func(r route.Route) bool { return failed[r.Prefix] != nil && !r.Prefix.IsSingleIP() })
}
