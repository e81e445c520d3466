package bgp

import (
	"net/netip"
	"slices"
	"time"

	"github.com/nearcast/nearcast/bgp/vip"
	"github.com/nearcast/nearcast/internal/base/admin/hint"
)

// count is how often an address failed, as far as that is known.
type count struct {
	local, upstream []span
	unknown         bool
}

// span is when a failure was, at the earliest and at the latest.
type span struct{ from, to time.Time }

// counting returns how many of the failures count at the least, and at the most.
func counting(all []span, now time.Time) (least, most int) {
	for _, s := range all {
		if now.Before(s.from.Add(flapWindow)) {
			least++
		}
		if now.Before(s.to.Add(flapWindow)) {
			most++
		}
	}
	return least, most
}

func contains(states []vip.State, one vip.State) bool { return slices.Contains(states, one) }

// owner is whose the address is, the file's or a namespace's; "" where nobody wants it.
func (n *station) owner(a netip.Addr) string {
	if _, is := n.force.entries[a]; is {
		return "the file"
	}
	if i := n.serviceOf(a); i >= 0 {
		return refs[i].Namespace
	}
	return ""
}

// serviceOf is the oldest Service that wants the address; -1 for none.
func (n *station) serviceOf(a netip.Addr) int {
	return slices.IndexFunc([]int{0, 1, 2}, func(i int) bool { return n.services[i].is && slices.Contains(wantedBy[i], a) })
}

// Why an address is as it is, where that counts as a failure.
const (
	noEndpoints   = "no endpoint is ready"
	localFails    = "a local check fails"
	upstreamFails = "the upstream fails"
)

// outlook returns the states in which the address may be announced once all has settled, "" for
// none, and why.
func (n *station) outlook(a netip.Addr) (states []vip.State, why string) {
	now := time.Now()
	switch n.owner(a) {
	case "":
		return []vip.State{""}, "nobody requests it"
	case "the file":
		if n.force.entries[a].disabled {
			return []vip.State{""}, "disabled"
		}
	default:
		switch s := n.services[n.serviceOf(a)]; {
		case s.untaken:
			return []vip.State{""}, "no data path"
		case s.endpoints == "none":
			return []vip.State{""}, noEndpoints
		case s.endpoints != "ready":
			return []vip.State{""}, "endpoints are terminating"
		}
	}
	if n.taint != "" {
		return []vip.State{""}, "the node is drained"
	}
	leaving, open := n.leaving(a, now)
	local, sure := n.worst(a, vip.Local)
	switch {
	case leaving:
		return []vip.State{""}, "drained or hinted"
	case local == refuses:
		return []vip.State{""}, localFails
	case n.lost(a) == surely:
		return []vip.State{""}, "it is not present"
	}
	states, why = n.working(a, now)
	if open || !sure || n.lost(a) == perhaps {
		states = append(states, "")
	}
	return states, why
}

// leaving reports whether a drain or a hint moves the address, and whether one did a moment ago.
func (n *station) leaving(a netip.Addr, now time.Time) (is, open bool) {
	for _, d := range n.wantDrains {
		switch {
		case !d.Covers(a):
		case !d.Ended(now):
			is = true
		case now.Before(d.Until.Add(unsure)):
			open = true
		}
	}
	for _, h := range n.hints {
		if h.VIP != a || !n.follows(h) {
			continue
		}
		is = is || now.Before(n.hintsEnd)
		open = open || now.Before(n.hintsEnd.Add(unsure))
	}
	return is, open
}

// returned reports whether a drain or a hint of the address may have ended since all had settled.
func (n *station) returned(a netip.Addr) bool {
	since := n.settled.Add(-unsure)
	for _, d := range n.wantDrains {
		if d.Covers(a) && d.Ended(time.Now()) && d.Until.After(since) {
			return true
		}
	}
	return slices.ContainsFunc(n.hints, func(h hint.Hint) bool {
		return h.VIP == a && n.follows(h) && n.hintsEnd.After(since) && !n.hintsEnd.After(time.Now())
	})
}

// follows reports whether the hint drains its VIP, which is requested.
func (n *station) follows(h hint.Hint) bool {
	if e, is := n.force.entries[h.VIP]; is {
		return e.hints
	}
	return h.Namespace == n.owner(h.VIP)
}

// worst is what the checks of the scope come to, and whether that is sure.
func (n *station) worst(a netip.Addr, scope vip.Scope) (kind answerKind, sure bool) {
	kind, sure = passes, true
	for _, at := range n.asks(a, scope) {
		switch n.answer(at) {
		case refuses, vanishes:
			kind = refuses
		case unsteady:
			sure = false
		}
	}
	return kind, sure || kind == refuses
}

// asks are what the checks of the scope ask.
func (n *station) asks(a netip.Addr, scope vip.Scope) []netip.AddrPort {
	e, file := n.force.entries[a]
	switch {
	case scope == vip.Upstream && e.upstream:
		return []netip.AddrPort{sharedUpstream}
	case scope == vip.Upstream:
	case file:
		return e.local
	case n.services[n.serviceOf(a)].probed:
		return []netip.AddrPort{n.endpoint(n.serviceOf(a))}
	}
	return nil
}

// lost reports whether the machine lacks the address, which keeps it from being announced.
func (n *station) lost(a netip.Addr) sight {
	n.machine.mu.Lock()
	there := n.there[a]
	n.machine.mu.Unlock()
	switch a {
	case bound4, bound6:
		switch {
		case n.blinds:
			return perhaps
		case !there:
			return surely
		}
	case given:
		switch {
		case n.blinds:
			return perhaps
		case !there:
			return n.sight
		}
	}
	return never
}

// working are the states of an address that works here.
func (n *station) working(a netip.Addr, now time.Time) ([]vip.State, string) {
	kind, sure := n.worst(a, vip.Upstream)
	if kind == refuses {
		return []vip.State{vip.Degraded}, upstreamFails
	}
	if !sure {
		return []vip.State{vip.Up, vip.Degraded}, "the upstream is unsteady"
	}
	c := n.counts[a]
	if c == nil {
		c = &count{}
	}
	if c.unknown {
		return []vip.State{vip.Up, vip.Degraded}, "it works, but its number of flaps is unknown"
	}
	least, most := counting(c.local, now)
	leastUp, mostUp := counting(c.upstream, now)
	switch least, most = max(least, leastUp), max(most, mostUp); {
	case most <= n.force.budget:
		return []vip.State{vip.Up}, "it works"
	case least > n.force.budget && n.before[a].State != vip.Up:
		return []vip.State{vip.Degraded}, "it works, but has failed too often"
	}
	return []vip.State{vip.Up, vip.Degraded}, "it works, but may have failed too often"
}

// recount counts what has failed since all had settled.
func (n *station) recount() {
	for _, a := range allVIPs {
		owner := n.owner(a)
		if owner != n.owners[a] || owner == "" {
			delete(n.counts, a)
		}
		if owner == "" {
			continue
		}
		_, localSure := n.worst(a, vip.Local)
		upstream, upstreamSure := n.worst(a, vip.Upstream)
		if !localSure || !upstreamSure || owner != n.owners[a] && !n.calm {
			n.count(a).unknown = true
		}
		if n.returned(a) {
			n.count(a).unknown = true // it may have failed after it came back
		}
		before, within := n.before[a].State, span{n.settled, time.Now()}
		if owner != n.owners[a] || before != vip.Up && before != vip.Degraded {
			continue
		}
		switch _, why := n.outlook(a); {
		case why == noEndpoints || why == localFails:
			n.count(a).local = append(n.count(a).local, within)
			n.count(a).unknown = n.count(a).unknown || before == vip.Up && upstream == refuses // it may have failed first
		case before == vip.Up && why == upstreamFails:
			n.count(a).upstream = append(n.count(a).upstream, within)
		}
	}
}

func (n *station) count(a netip.Addr) *count {
	if n.counts[a] == nil {
		n.counts[a] = &count{}
	}
	return n.counts[a]
}

// loseCount is for events that come before all has settled.
func (n *station) loseCount() {
	for _, a := range allVIPs {
		n.count(a).unknown = true
	}
	if n.sight == never {
		n.sight = perhaps
	}
}

// remember keeps how the site stands, now that it has settled.
func (n *station) remember() {
	n.before, n.owners, n.settled = map[netip.Addr]vip.Status{}, map[netip.Addr]string{}, time.Now()
	for _, v := range n.speaker.Status().VIPs {
		n.before[netip.MustParseAddr(v.Address)] = v
	}
	for _, a := range allVIPs {
		n.owners[a] = n.owner(a)
	}
	n.machine.mu.Lock()
	defer n.machine.mu.Unlock()
	switch _, looked := n.force.entries[given]; {
	case !looked:
		n.sight = never
	case n.there[given] && !n.blind:
		n.sight = surely
	case n.there[given] && n.sight == never:
		n.sight = perhaps
	}
	n.blinds, n.wasHere = n.blind, n.sight == surely
}
