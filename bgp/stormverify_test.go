package bgp

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"time"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/vip"
)

// verify compares a site that has settled with what it must be.
func (n *station) verify() {
	st, table := n.glance()
	shown := map[netip.Addr]vip.Status{}
	for _, v := range st.VIPs {
		shown[netip.MustParseAddr(v.Address)] = v
	}
	for _, a := range allVIPs {
		v, is := shown[a]
		if (n.owner(a) != "") != is {
			n.Errorf("site %d: %s is in the status: %v, but requested by %q", n.number, a, is, n.owner(a))
			continue
		}
		if is {
			n.verifyVIP(a, v, table)
		}
		n.verifyBound(a, v)
	}
	n.verifyRoutes(st, table)
	n.verifyDiscarded(table)
	n.verifyDrains(st)
	n.verifyDeclared(st, shown)
	n.verifyMetrics()
	if (st.Fault != "") != (n.sheet.fault != "") {
		n.Errorf("site %d: the file has fault %q, but the status says %q", n.number, n.sheet.fault, st.Fault)
	}
}

// glance returns the status and what the router has at the same time: a check that is unsteady
// may change both at any moment.
func (n *station) glance() (Status, map[netip.Prefix]route.Attributes) {
	for {
		before := n.routesNow()
		st := n.speaker.Status()
		if after := n.routesNow(); maps.EqualFunc(before, after, route.Attributes.Equal) {
			return st, after
		}
	}
}

// as is the state that a VIP is announced as.
func as(v vip.Status) vip.State {
	if v.State == vip.Up || v.State == vip.Degraded || v.State == vip.Draining {
		return v.State
	}
	return ""
}

// verifyVIP checks that the VIP is in a state that it may be in, and that the router has what
// goes with it.
func (n *station) verifyVIP(a netip.Addr, v vip.Status, table map[netip.Prefix]route.Attributes) {
	states, why := n.outlook(a)
	if !contains(states, as(v)) {
		n.Errorf("site %d: %s: got announced as %q, want one of %q: %s\n%+v", n.number, a, as(v), states, why, v)
		return
	}
	n.seen[cmp.Or(string(as(v)), "none")] = true
	n.verifyCount(a, v)
	attributes, is := table[route.Host(a)]
	want := n.attributesFor(as(v))
	if !n.force.hosts(a) {
		want = nil
	}
	if n.stuck[route.Host(a)] {
		return
	}
	if is != (want != nil) || is && !attributes.Equal(*want) {
		n.Errorf("site %d: %s is %s, but the router has %v with %+v, want %+v", n.number, a, v.State, is, attributes, want)
	}
}

// attributesFor are what the file in force has for a state; nil for none.
func (n *station) attributesFor(as vip.State) *route.Attributes {
	switch as {
	case vip.Up:
		return &n.config.States.Up
	case vip.Degraded:
		return &n.config.States.Degraded.Attributes
	}
	return nil
}

// verifyCount checks that as many failures count as there were.
func (n *station) verifyCount(a netip.Addr, v vip.Status) {
	c := n.counts[a]
	if c == nil {
		c = &count{}
	}
	if v.State == vip.Degraded && v.Reason.Code == vip.Held {
		n.seen[string(vip.Held)] = true
		if max(v.Flaps, v.UpstreamFlaps) <= n.force.budget {
			n.Errorf("site %d: %s is held after %d and %d failures, of which the budget allows %d", n.number, a, v.Flaps, v.UpstreamFlaps, n.force.budget)
		}
	}
	if c.unknown {
		return
	}
	for _, kind := range []struct {
		what string
		all  []span
		got  int
	}{{"local", c.local, v.Flaps}, {"upstream", c.upstream, v.UpstreamFlaps}} {
		if least, most := counting(kind.all, time.Now()); kind.got < least || kind.got > most {
			n.Errorf("site %d: %s: got %d counted %s failures, want %d to %d", n.number, a, kind.got, kind.what, least, most)
		}
	}
}

// verifyBound checks that the machine has the addresses that it must have, and no others from
// the speaker.
func (n *station) verifyBound(a netip.Addr, v vip.Status) {
	if a != bound4 && a != bound6 || n.blinds || n.stuck[route.Host(a)] {
		return
	}
	e, is := n.force.entries[a]
	leaving, open := false, false
	if is {
		leaving, open = n.leaving(a, time.Now())
	}
	want := is && !e.disabled && n.taint == "" && !leaving
	n.machine.mu.Lock()
	defer n.machine.mu.Unlock()
	if n.there[a] && !want && n.ours[a] && !open || !n.there[a] && want && !n.broken[a] && !open {
		n.Errorf("site %d: the machine has %s: %v, by the speaker: got %v, want %v", n.number, a, n.there[a], n.ours[a], want)
	}
	if v.Bound && !n.there[a] {
		n.Errorf("site %d: %s is shown as bound but is not present", n.number, a)
	}
}

// verifyRoutes checks that the status says of every route what the router has of it, and that
// aggregates are announced as enough of their VIPs are.
func (n *station) verifyRoutes(st Status, table map[netip.Prefix]route.Attributes) {
	known := map[netip.Prefix]bool{}
	same := func(what string, p netip.Prefix, announced bool, shown *route.Attributes) {
		known[p] = true
		has, is := table[p]
		if is != announced || is != (shown != nil) || is && !has.Equal(*shown) {
			n.Errorf("site %d: %s is shown as announced: %v, with %+v, but the router has %v, with %+v", n.number, what, announced, shown, is, has)
		}
	}
	for _, v := range st.VIPs {
		p := route.Host(netip.MustParseAddr(v.Address))
		if v.Aggregate != "" {
			p = netip.MustParsePrefix(v.Aggregate)
		}
		same(v.Address, p, v.Announced, v.Attributes)
	}
	for _, g := range st.Aggregates {
		p := netip.MustParsePrefix(g.Prefix)
		same(g.Prefix, p, g.Announced, g.Attributes)
		if !n.stuck[p] {
			n.verifyAggregate(p, g, st, table)
		}
	}
	for p := range table {
		if !known[p] && !n.stuck[p] {
			n.Errorf("site %d: the router has %s, which the status lacks", n.number, p)
		}
	}
}

func (n *station) verifyAggregate(p netip.Prefix, g vip.AggregateStatus, st Status, table map[netip.Prefix]route.Attributes) {
	up, all, all2 := 0, 0, 0
	for _, v := range st.VIPs {
		if a := netip.MustParseAddr(v.Address); p.Contains(a) {
			if !n.force.entries[a].disabled {
				all++
			}
			switch as(v) {
			case vip.Up:
				up++
				fallthrough
			case vip.Degraded:
				all2++
			}
		}
	}
	need := n.config.Aggregates[slices.IndexFunc(n.config.Aggregates, func(c config.Aggregate) bool { return c.Prefix == p })].Least
	if need == 0 {
		need = max(all, 1)
	}
	want := vip.State("")
	switch {
	case up >= need:
		want = vip.Up
	case all2 >= need:
		want = vip.Degraded
	}
	if n.loops && table[p].Prepend == 0 {
		return // it may be announced from before, or not
	}
	attributes, is := table[p]
	if wanted := n.attributesFor(want); is != (wanted != nil) || is && !attributes.Equal(*wanted) {
		n.Errorf("site %d: %s is announced: %v, with %+v; %d of its %d VIPs are up and %d announced, it needs %d", n.number, p, is, attributes, up, all, all2, need)
	}
}

// verifyDrains checks that the drains are those that were requested, and that they are reported as saved on
// disk where they are.
func (n *station) verifyDrains(st Status) {
	now := time.Now()
	if !sameDrains(st.Drains, n.wantDrains, now) {
		n.Errorf("site %d: got drains %v, want %v", n.number, st.Drains, n.wantDrains)
	}
	raw, _ := os.ReadFile(filepath.Join(n.state(), "bgp-drains.json")) // none is an empty one
	var saved []vip.Drain
	failed := len(raw) > 0 && json.Unmarshal(raw, &saved) != nil
	are := !failed && sameDrains(saved, st.Drains, now)
	if st.DrainsUnsaved == "" && !are && !n.disk.damaged {
		n.Errorf("site %d: drains %v are reported as saved, but the disk has %s", n.number, st.Drains, raw)
	}
	if st.DrainsUnsaved == "" && !n.disk.damaged {
		n.disk.kept = [][]vip.Drain{st.Drains}
	}
	if st.DrainsUnsaved != "" && n.disk.is == takesAll && len(raw) > 0 {
		n.Errorf("site %d: the disk accepts writes, but the status says %s", n.number, st.DrainsUnsaved)
	}
}

// verifyDiscarded checks that this machine drops what nobody has of what is announced, and nothing
// else.
func (n *station) verifyDiscarded(table map[netip.Prefix]route.Attributes) {
	n.machine.mu.Lock()
	defer n.machine.mu.Unlock()
	for p := range table {
		if !p.IsSingleIP() && !slices.Contains(n.discarded, p) {
			n.Errorf("site %d: %s is announced but not discarded", n.number, p)
		}
	}
	for _, p := range n.discarded {
		if _, is := table[p]; !is && !n.loops && !n.stuck[p] || p.IsSingleIP() && (p != route.Host(given) || n.there[given] && !n.blind) {
			n.Errorf("site %d: %s is discarded, announced are %v", n.number, p, table)
		}
	}
}

// verifyDeclared compares what the file, the cluster and the resolver said.
func (n *station) verifyDeclared(st Status, shown map[netip.Addr]vip.Status) {
	var want, got []string
	for i := range n.force.peers {
		want = append(want, fmt.Sprintf("192.0.2.%d", 1+i))
	}
	for _, p := range st.Peers {
		got = append(got, p.Address)
	}
	if !slices.Equal(got, want) {
		n.Errorf("site %d: got peers %v, want %v", n.number, got, want)
	}
	refused := 0
	for i, s := range n.services {
		for _, a := range wantedBy[i] {
			if s.is && (n.owner(a) != refs[i].Namespace || n.serviceOf(a) != i) {
				refused++
			}
		}
	}
	ignored := 0
	for _, h := range n.hints {
		if _, is := shown[h.VIP]; is && time.Now().Before(n.hintsEnd) && !n.follows(h) {
			ignored++
		}
	}
	if st.RefusedInAll != refused || len(st.IgnoredHints) != ignored {
		n.Errorf("site %d: got refused %v, want %d; ignored hints %v, want %d", n.number, st.Refused, refused, st.IgnoredHints, ignored)
	}
	granted := map[vip.ServiceRef][]netip.Addr{}
	for _, a := range []netip.Addr{shared80, shared81} {
		if i := n.serviceOf(a); i >= 0 && n.owner(a) != "the file" {
			granted[refs[i]] = append(granted[refs[i]], a)
		}
	}
	n.machine.mu.Lock()
	defer n.machine.mu.Unlock()
	if len(granted)+len(n.granted) > 0 && !reflect.DeepEqual(granted, n.granted) {
		n.Errorf("site %d: got Service addresses %v, want %v", n.number, n.granted, granted)
	}
}
