package site

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/gaissmai/bart"

	"github.com/nearcast/nearcast/internal/federation"
)

// Tenant says which clients see the private functions of a namespace.
type Tenant struct {
	Namespace string
	Prefixes  []netip.Prefix
}

// tenants maps a source address to the private names that it sees: those of every tenant
// with a prefix that contains it. It is immutable.
type tenants struct {
	*bart.Table[*Names]
	groups []group
}

// group is a set of prefixes whose clients see the same names.
type group struct {
	prefixes []netip.Prefix
	names    *Names
}

// newTenants returns the tenants without functions.
func newTenants(all []Tenant, zones []string) *tenants {
	namespaces := new(bart.Table[[]string])
	for _, t := range all {
		for _, p := range t.Prefixes {
			of, _ := namespaces.Get(p)
			namespaces.Insert(p, append(slices.Clip(of), t.Namespace))
		}
	}
	groups := map[string]*group{}
	for p := range namespaces.All() {
		seen := map[string]bool{}
		for _, of := range namespaces.Supernets(p) {
			for _, namespace := range of {
				seen[namespace] = true
			}
		}
		key := strings.Join(slices.Sorted(maps.Keys(seen)), " ")
		if groups[key] == nil {
			groups[key] = &group{names: newNames(zones, func(f *federation.Function) bool { return f.Private && seen[f.Namespace] })}
		}
		groups[key].prefixes = append(groups[key].prefixes, p)
	}
	t := &tenants{}
	for _, g := range groups {
		t.groups = append(t.groups, *g)
	}
	t.index()
	return t
}

// index builds the lookup table of the groups.
func (t *tenants) index() {
	t.Table = new(bart.Table[*Names])
	for _, g := range t.groups {
		for _, p := range g.prefixes {
			t.Insert(p, g.names)
		}
	}
}

// follow returns the tenants after updating them from the functions before to the
// functions after.
func (t *tenants) follow(before, after functions) *tenants {
	next, other := &tenants{groups: slices.Clone(t.groups)}, false
	for i := range next.groups {
		g := &next.groups[i]
		was := g.names
		g.names = was.follow(before, after)
		other = other || g.names != was
	}
	if !other {
		return t
	}
	next.index()
	return next
}
