package build

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/nearcast/nearcast/internal/federation"
)

// needs is what an entry depends on, in addition to objects with its template's name.
type needs struct {
	workloads []federation.Ref // keys of Builder.users
	lookups   []string         // keys of Builder.lookups
	hosts     []string         // keys of Builder.probers
	occupied  []netip.Addr     // addresses of its own that are VIPs of others
}

func (n *needs) nothing() bool {
	return n.workloads == nil && n.lookups == nil && n.hosts == nil && n.occupied == nil
}

// lookup is the name of a load balancer.
type lookup struct {
	endpoint federation.Endpoint
	users    map[*entry]bool
}

// use records what the entry now needs.
func (b *Builder) use(e *entry, now needs) {
	before := e.needs
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
	b.lookupsChanged = b.lookupsChanged || !slices.Equal(before.lookups, now.lookups)
	for _, name := range before.lookups {
		if len(b.lookups[name].users) == 0 {
			delete(b.lookups, name)
			b.lookupsChanged = true
		}
	}
	b.useHosts(e, before.hosts, now.hosts)
	b.vacate(e, before.occupied, now.occupied)
	e.needs = now
	b.occupy(e, before.occupied, now.occupied)
}

func without[T comparable](all []T, one T) []T {
	return slices.DeleteFunc(all, func(o T) bool { return o == one })
}

// addressesOf returns the addresses that the name of a load balancer resolved to.
func (b *Builder) addressesOf(name string) federation.Endpoint {
	l := b.lookups[name]
	if l == nil {
		l = &lookup{users: map[*entry]bool{}}
		if b.Resolve != nil {
			l.endpoint, _ = b.Resolve(name)
		}
		b.lookups[name], b.lookupsChanged = l, true
	}
	return l.endpoint
}

// needed returns the load balancers' names that are needed, sorted.
func (b *Builder) needed() []federation.Lookup {
	var all []federation.Lookup
	for name, l := range b.lookups {
		in := map[string]bool{}
		for e := range l.users {
			in[e.template.Namespace] = true
		}
		all = append(all, federation.Lookup{Name: name, Namespaces: slices.Sorted(maps.Keys(in))})
	}
	slices.SortFunc(all, func(one, other federation.Lookup) int { return one.Compare(other.Name) })
	return all
}
