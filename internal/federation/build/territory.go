package build

import (
	"fmt"
	"iter"
	"strings"

	"github.com/nearcast/nearcast/internal/federation"
)

// Without claims, a namespace may use every hostname that does not belong to others. To
// others belong: all names at and below <namespace>.<zone> of another namespace, names
// below the name of another namespace's older function, and names of the zone itself,
// which a wildcard at its apex would take. A claim line overrides this.

// isOwn reports whether the name is at or below the namespace's own domain in its zone.
func (b *Builder) isOwn(name, namespace string) bool {
	zone := b.zoneOf(name)
	return zone != "" && lastLabel(name, zone) == namespace
}

// isDefault reports whether the name is the entry's default name in its zone. A default name
// from a zone further up counts as an annotated name, because it may belong to another
// function: bank.fn.example.org. is the default of Service fn/bank in example.org., but if
// fn.example.org. is also served, it may be another's there.
func (b *Builder) isDefault(name string, e *entry) bool {
	return takesDefault(e.template) && b.isOwn(name, e.template.Namespace)
}

// foreign returns an error if the entry's namespace may not use the name.
func (b *Builder) foreign(name string, e *entry) error {
	if len(b.Claims) > 0 || b.isDefault(name, e) {
		return nil // a claim allows it
	}
	base, wildcard := strings.CutPrefix(name, "*.")
	above := b.above(base)
	if len(above) == 0 {
		return fmt.Errorf("%s would match every free name of the zone; the operator's claim lines can allow it", name)
	}
	if own, err := b.ofANamespace(base, e.template.Namespace); own || err != nil {
		return err
	}
	return b.ofAnother(above, wildcard, e)
}

// ofANamespace reports whether the name is at or below the namespace's own domain; it
// returns an error if it is another namespace's or the zone's own. If zones are nested,
// the longest one decides.
func (b *Builder) ofANamespace(name, namespace string) (own bool, err error) {
	for zone := b.zoneOf(name); zone != ""; zone = b.zoneAbove(name, zone) {
		first := lastLabel(name, zone)
		domain := first + "." + strings.TrimPrefix(zone, ".")
		switch {
		case first == namespace:
			return true, nil
		case b.namespaces[first] > 0:
			return false, fmt.Errorf("%s is at or below %s, which belongs to namespace %s; the operator's claim lines can allow it", name, domain, first)
		case strings.HasPrefix(first, "_"):
			return false, fmt.Errorf("%s is at or below %s, which is reserved for the zone; the operator's claim lines can allow it", name, domain)
		}
	}
	return false, nil
}

// zoneOf returns the longest zone that contains the name; "" if there is none.
func (b *Builder) zoneOf(name string) string { return b.zoneBelow(name, len(name)+1) }

// zoneAbove returns the longest zone of the name that is shorter than the zone.
func (b *Builder) zoneAbove(name, zone string) string { return b.zoneBelow(name, len(zone)) }

// zoneBelow returns the longest zone of the name that is shorter than the length.
func (b *Builder) zoneBelow(name string, length int) (zone string) {
	for _, z := range b.Zones {
		if !federation.IsReverse(z) && federation.IsAtOrBelow(name, z) && len(z) < length && len(z) > len(zone) {
			zone = z
		}
	}
	return zone
}

// ofAnother returns an error if another namespace has a name above the first of these
// names or, for a wildcard, the first name itself. If the requested name says something
// about that name, as _acme-challenge does (RFC 8552), this always applies; otherwise
// only if the other entry is older.
func (b *Builder) ofAnother(names []string, wildcard bool, e *entry) error {
	underscored := false
	for i, name := range names {
		owners := []*entry{nil, nil}
		if i > 0 || wildcard {
			owners[0] = b.owner(name)
		}
		if i > 0 {
			owners[1] = b.owner("*." + name)
		}
		for _, owner := range owners {
			switch {
			case owner == nil:
			case owner.template.Namespace == e.template.Namespace:
				return nil
			case underscored || older(owner, e):
				return fmt.Errorf("%s is below %s, which is a name of %s; the operator's claim lines can allow it", names[0], name, owner.template.Ref())
			}
		}
		underscored = underscored || name[0] == '_'
	}
	return nil
}

// above returns the name and the names above it, without the apex of its longest zone.
func (b *Builder) above(name string) (names []string) {
	zone := b.zoneOf(name)
	for zone != "" && len(name) > len(zone) {
		names = append(names, name)
		_, name, _ = strings.Cut(name, ".")
	}
	return names
}

// owner returns the entry that owns the name: the first of those that ask for it and to
// which it is not foreign; nil if there is none.
func (b *Builder) owner(name string) *entry {
	holder := b.hostnames.holder.Get(name)
	if holder == nil || len(b.Claims) > 0 || b.isDefault(name, holder) {
		return holder
	}
	owner, known := b.owners[name]
	if known {
		return owner
	}
	refused := map[string]bool{} // a name foreign to one entry is foreign to later ones of its namespace
	for e := range b.hostnames.all(name) {
		if refused[e.template.Namespace] && !takesDefault(e.template) {
			continue
		}
		if b.foreign(name, e) == nil {
			owner = e
			break
		}
		refused[e.template.Namespace] = true
	}
	b.owners[name] = owner
	return owner
}

// lastLabel returns the name's label directly below the zone.
func lastLabel(name, zone string) string {
	rest := strings.TrimSuffix(strings.TrimSuffix(name, zone), ".")
	return rest[strings.LastIndexByte(rest, '.')+1:]
}

// askers is a set of entries. It mostly has one member, for which a map would be large,
// and there are as many sets as names have labels.
type askers struct {
	one  *entry
	more *map[*entry]bool // nil for one member
}

func (a askers) with(e *entry) askers {
	switch {
	case a.more != nil:
		(*a.more)[e] = true
	case a.one == nil || a.one == e:
		a.one = e
	default:
		a = askers{more: &map[*entry]bool{a.one: true, e: true}}
	}
	return a
}

func (a askers) without(e *entry) askers {
	switch {
	case a.one == e:
		return askers{}
	case a.more == nil:
	default:
		if delete(*a.more, e); len(*a.more) == 0 {
			return askers{}
		}
	}
	return a
}

// selectBy reports whether the entries are those that select workloads by the label.
func (a askers) selectBy(l label) bool {
	for e := range a.all() {
		by, _ := selectsBy(e.template)
		return by == l
	}
	return false
}

// leave removes the entry from the set of the key.
func leave[K comparable](all map[K]askers, key K, e *entry) {
	if left := all[key].without(e); left != (askers{}) {
		all[key] = left
	} else {
		delete(all, key)
	}
}

func (a askers) all() iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		if a.one != nil && !yield(a.one) || a.more == nil {
			return
		}
		for e := range *a.more {
			if !yield(e) {
				return
			}
		}
	}
}

// watch records that the entry's claim to the name depends on who owns the names above
// it, and on whether there are namespaces with these names.
func (b *Builder) watch(name string, e *entry) {
	for _, above := range b.watched(name, e) {
		b.below[above] = b.below[above].with(e)
	}
}

func (b *Builder) unwatch(name string, e *entry) {
	for _, above := range b.watched(name, e) {
		leave(b.below, above, e)
	}
}

func (b *Builder) watched(name string, e *entry) []string {
	if len(b.Claims) > 0 || b.isDefault(name, e) {
		return nil
	}
	name = strings.TrimPrefix(name, "*.")
	all, zone := b.above(name), b.zoneOf(name)
	for zone = b.zoneAbove(name, zone); zone != ""; zone = b.zoneAbove(name, zone) {
		all = append(all, lastLabel(name, zone)+"."+strings.TrimPrefix(zone, "."))
	}
	return all
}

// settleIn counts one more template in the namespace.
func (b *Builder) settleIn(namespace string) {
	if b.namespaces[namespace]++; b.namespaces[namespace] == 1 {
		b.touchDomain(namespace)
	}
}

// moveOut counts one template fewer in the namespace.
func (b *Builder) moveOut(namespace string) {
	if b.namespaces[namespace]--; b.namespaces[namespace] == 0 {
		delete(b.namespaces, namespace)
		b.touchDomain(namespace)
	}
}

// touchDomain touches the entries that ask for names at or below the namespace's domain.
func (b *Builder) touchDomain(namespace string) {
	for _, zone := range b.Zones {
		for e := range b.below[namespace+"."+strings.TrimPrefix(zone, ".")].all() {
			b.touch(e)
		}
	}
}
