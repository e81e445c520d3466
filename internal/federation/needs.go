package federation

import (
	"maps"
	"net/netip"
	"slices"
)

// needs are what an entry depends on, beside what has its template's name.
type needs struct {
	workloads []Ref        // that are in Builder.users
	lookups   []string     // that are in Builder.lookups
	hosts     []string     // that are in Builder.probers
	occupied  []netip.Addr // VIPs of others that are addresses of its own
}

// lookup is one name of load balancers.
type lookup struct {
	endpoint Endpoint
	users    map[*entry]bool
}

// use notes what the entry needs now.
func (b *Builder) use(e *entry, now needs) {
	var before needs
	if e.needs != nil {
		before = *e.needs
	}
	if !slices.Equal(before.workloads, now.workloads) {
		for _, ref := range before.workloads {
			leave(b.users, ref, e)
		}
		for _, ref := range now.workloads {
			b.users[ref] = b.users[ref].with(e)
		}
	}
	for _, name := range before.lookups {
		delete(b.lookups[name].users, e)
	}
	for _, name := range now.lookups {
		b.lookups[name].users[e] = true
	}
	b.otherLookups = b.otherLookups || !slices.Equal(before.lookups, now.lookups)
	for _, name := range before.lookups {
		if len(b.lookups[name].users) == 0 {
			delete(b.lookups, name)
			b.otherLookups = true
		}
	}
	b.useHosts(e, before.hosts, now.hosts)
	b.occupy(e, before.occupied, now.occupied)
	if e.needs = nil; now.workloads != nil || now.lookups != nil || now.hosts != nil || now.occupied != nil {
		e.needs = new(now) // only here, as it is seldom needed
	}
}

func without[T comparable](all []T, one T) []T {
	return slices.DeleteFunc(all, func(o T) bool { return o == one })
}

// addressesOf returns what the name of a load balancer is resolved to.
func (b *Builder) addressesOf(name string) Endpoint {
	l := b.lookups[name]
	if l == nil {
		l = &lookup{users: map[*entry]bool{}}
		if b.Resolve != nil {
			l.endpoint, _ = b.Resolve(name)
		}
		b.lookups[name], b.otherLookups = l, true
	}
	return l.endpoint
}

// needed returns the names of load balancers, sorted.
func (b *Builder) needed() []Lookup {
	var all []Lookup
	for name, l := range b.lookups {
		in := map[string]bool{}
		for e := range l.users {
			in[e.template.Namespace] = true
		}
		all = append(all, Lookup{name, slices.Sorted(maps.Keys(in))})
	}
	slices.SortFunc(all, func(one, other Lookup) int { return one.Compare(other.Name) })
	return all
}
