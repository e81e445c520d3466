package feed

import (
	"maps"
	"slices"
	"sync"

	"github.com/nearcast/nearcast/internal/base/vector"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/site"
	"github.com/nearcast/nearcast/internal/steering/steer"
)

// writtenZone is one scope of one apex, with the state of its writer.
type writtenZone struct {
	Scope
	// head does not change: those who transfer the zone read it.
	head *head
	book *Book

	// current is the head with the operator's records as they are now.
	current *head
	from    *steer.Vantage // as of the View
	// base is the history that the entries made; nil if they made none.
	base    *history
	entries []*entry // by the View's functions; nil for those that are not in the zone
	// gone and come are the nodes of changed functions, before and after.
	gone, come []*Node
}

// entry is one function in a zone. Regions that see it alike share one.
type entry struct {
	reach *reach
	nodes []*Node
}

// shows reports whether the function is in the zone.
func (z *writtenZone) shows(f *federation.Function, r *rules) bool {
	if f.Private && f.Namespace != z.Tenant {
		return false
	}
	return slices.ContainsFunc(f.Hostnames, func(h string) bool { return r.owns(&z.head.apex, h) })
}

// reread takes the operator's records into the zone's head if they have changed. They may also take names from
// functions.
func (z *writtenZone) reread() {
	now := z.head.apex.records()
	if now == z.current.records {
		return
	}
	h := *z.head
	h.records = now
	z.current, z.entries, z.base, z.gone, z.come = &h, nil, nil, nil, nil
}

// content is all nodes of the entries, sorted.
func (z *writtenZone) content() []*Node {
	var all []*Node
	for _, e := range z.entries {
		if e != nil {
			all = append(all, e.nodes...)
		}
	}
	slices.SortFunc(all, compareNodes)
	return all
}

// publish updates the Book to the entries, and reports whether that changed it.
func (z *writtenZone) publish(set *Set) bool {
	gone, come := z.gone, z.come
	z.gone, z.come = nil, nil
	if z.base != nil {
		changes := swaps(gone, come)
		if len(changes) == 0 && z.book.now.Load() == z.base {
			return false
		}
		if h := z.book.amend(set, z.base, changes); h != nil && len(changes) > 0 {
			z.base = h
			return true
		}
	}
	h, changed := z.book.replace(set, z.current, z.content())
	z.base = h
	return changed
}

// writer makes zones from Views. It belongs to one goroutine.
type writer struct {
	rules
	reaches
	last *site.View
	// taken are, by tenant, the names of functions that look like the name of a service.
	taken map[string]map[string]bool
}

// write updates the zones to the View, and returns those that changed.
func (w *writer) write(set *Set, v *site.View, zones []*writtenZone) []*writtenZone {
	if w.take(v, zones) {
		w.last = nil // a function's names may depend on another function
	}
	if w.last == nil {
		for _, z := range zones {
			z.entries, z.base, z.gone = nil, nil, nil
		}
	}
	w.follow(v, zones)
	w.last = v
	return publish(set, zones)
}

// publish publishes all zones together, so that it waits for the disk only once, and returns the zones that
// changed.
func publish(set *Set, zones []*writtenZone) []*writtenZone {
	changed := make([]bool, len(zones))
	var all sync.WaitGroup
	for at, z := range zones {
		all.Go(func() { changed[at] = z.publish(set) })
	}
	all.Wait()
	var which []*writtenZone
	for at, z := range zones {
		if changed[at] {
			which = append(which, z)
		}
	}
	return which
}

// follow updates the zones' entries to the View. It looks at all functions, and remakes the entries of those that
// changed or may be reached elsewhere.
func (w *writer) follow(v *site.View, zones []*writtenZone) {
	var before vector.Vector[*federation.Function]
	sameRanking, sameSite := false, false
	if w.last != nil {
		before = w.last.State.Functions
		sameRanking = v.SameRanking(w.last.Table)
		sameSite = sameRanking && v.Standing.SameSite(w.last.Standing)
	}
	isNew := make([]bool, len(zones))
	for at, z := range zones {
		isNew[at] = z.entries == nil
		z.entries = append(z.entries, make([]*entry, max(0, v.State.Functions.Len()-len(z.entries)))...)
	}
	for i, f := range v.State.Functions.All() {
		was := before.Get(i)
		same := sameRanking && f != nil && f == was && v.Standing.Same(w.last.Standing, i)
		var made []made
		for at, z := range zones {
			old := z.entries[i]
			switch {
			case f != was && old != nil:
				z.gone = append(z.gone, old.nodes...)
				fallthrough
			case f != was || isNew[at]:
				z.entries[i] = w.enter(&made, v, i, f, z)
			case old == nil || same && (sameSite || !z.from.Local()):
			default:
				z.entries[i] = w.change(&made, v, i, z, old)
			}
		}
	}
}

// enter makes the entry of a function that is new to the zone; nil if it has none.
func (w *writer) enter(all *[]made, v *site.View, function int, f *federation.Function, z *writtenZone) *entry {
	if f == nil || !z.shows(f, &w.rules) {
		return nil
	}
	return w.change(all, v, function, z, &entry{})
}

// change returns the entry for where the function is reached now.
func (w *writer) change(all *[]made, v *site.View, function int, z *writtenZone, old *entry) *entry {
	r := w.reachOf(v, function, z.from)
	if r == old.reach {
		return old
	}
	e := w.make(all, v, function, z, r)
	z.gone, z.come = append(z.gone, old.nodes...), append(z.come, e.nodes...)
	return e
}

// made is an entry and what it was made for.
type made struct {
	apex, taken string
	*entry
}

// make makes an entry, or returns an existing one of another region that sees the function alike.
func (w *writer) make(all *[]made, v *site.View, function int, z *writtenZone, r *reach) *entry {
	m := made{apex: z.head.apex.Zone}
	if len(w.taken[z.Tenant]) > 0 {
		m.taken = z.Tenant
	}
	for _, o := range *all {
		if o.apex == m.apex && o.taken == m.taken && o.reach == r {
			return o.entry
		}
	}
	m.entry = &entry{r, w.nodesOf(&z.head.apex, v.State.Functions.At(function), r.endpoints(v, function), r.alias(), w.taken[z.Tenant])}
	*all = append(*all, m)
	return m.entry
}

// take finds the names that functions took from services, and reports whether they changed.
func (w *writer) take(v *site.View, zones []*writtenZone) bool {
	before := w.taken
	w.taken = map[string]map[string]bool{}
	for _, z := range zones {
		w.taken[z.Tenant] = map[string]bool{}
	}
	for _, f := range v.State.All() {
		for _, h := range f.Hostnames {
			if h[0] != '_' {
				continue
			}
			for tenant := range w.taken {
				if !f.Private || f.Namespace == tenant {
					w.taken[tenant][h] = true
				}
			}
		}
	}
	return !equalSets(before, w.taken)
}

func equalSets(a, b map[string]map[string]bool) bool {
	return maps.EqualFunc(a, b, maps.Equal[map[string]bool, map[string]bool])
}
