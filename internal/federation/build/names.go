package build

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/annotation"
)

// beats decides who gets a hostname. A default name beats a name below the namespace's
// own domain, which beats any other name; a default name of a zone further up comes last.
// Among equals the older template wins (see older). Losers are reported.
func (b *Builder) beats(name string, e, o *entry) bool {
	if mine, theirs := b.title(name, e), b.title(name, o); mine != theirs {
		return mine > theirs
	}
	return older(e, o)
}

// title ranks the entry's claim to the name.
func (b *Builder) title(name string, e *entry) int {
	switch {
	case b.isDefault(name, e):
		return 2
	case b.isOwn(strings.TrimPrefix(name, "*."), e.template.Namespace):
		return 1
	case takesDefault(e.template):
		return -1
	}
	return 0
}

// older reports whether e was declared before o: by its template's creation date, where a
// missing date is the latest, then by namespace and name.
func older(e, o *entry) bool {
	mine, theirs := e.template, o.template
	switch {
	case mine.Created == theirs.Created:
		return mine.Compare(theirs.Ref()) < 0
	case mine.Created == 0 || theirs.Created == 0:
		return theirs.Created == 0
	}
	return mine.Created < theirs.Created
}

func takesDefault(t *federation.Template) bool { return len(t.Hostnames) == 0 && len(t.Hosts) == 0 }

// keyOf returns the key of the template that gives it the name; "" for its default name.
func keyOf(t *federation.Template, name string) string {
	switch {
	case slices.Contains(t.Hostnames, name):
		return annotation.Hostname
	case slices.Contains(t.Hosts, name):
		return "spec.rules"
	}
	return ""
}

// declare adds the template to the build.
func (b *Builder) declare(t *federation.Template) {
	e := b.entries.Get(t.Ref())
	if e == nil {
		e = &entry{template: t, index: -1, rare: none}
		b.entries.Put(t.Ref(), e)
	}
	b.touch(e)
	b.touchUsers(t.Ref()) // it may be behind an Ingress
	b.open(e)
	defer b.close(e)
	e.template, e.gone = t, false
	b.settleIn(t.Namespace)
	if l, ok := selectsBy(t); ok {
		b.selecting.Put(l, b.selecting.Get(l).with(e))
	}
	if e.barred = b.trespasses(t); len(e.barred) > 0 {
		return
	}
	b.declareVIPs(e)
	b.ask(e)
	for _, name := range e.asked {
		b.hostnames.enter(name, e)
		b.touchAskers(name, e)
		b.watch(name, e)
	}
}

// withdraw removes the entry's template from everything it takes part in.
func (b *Builder) withdraw(e *entry) {
	b.touchUsers(e.template.Ref())
	b.open(e)
	defer b.close(e)
	b.moveOut(e.template.Namespace)
	if l, ok := selectsBy(e.template); ok {
		all := b.selecting.Get(l)
		b.selecting.Delete(l) // which finds them by one of them: before it leaves
		if left := all.without(e); left != (askers{}) {
			b.selecting.Put(l, left)
		}
	}
	for _, name := range e.asked {
		b.touchAskers(name, e)
		b.hostnames.leave(name, e)
		b.unwatch(name, e)
	}
	b.withdrawVIPs(e)
	b.vacate(e, e.needs.occupied, nil) // the next version may have another date
	e.needs.occupied = nil
	e.gone, e.asked, e.barred = true, nil, nil
}

// touchAskers touches every entry that asks for the hostname or for a name below it, unless
// adding or removing e changes nothing for them, because another entry has the hostname and
// takes precedence. Once for all additions and removals is enough.
func (b *Builder) touchAskers(hostname string, e *entry) {
	holder := b.hostnames.holder.Get(hostname)
	if holder != e && holder.function != nil && slices.Contains(holder.function.Hostnames, hostname) || b.touchedNames[hostname] {
		return
	}
	b.touchedNames[hostname] = true
	for e := range b.hostnames.all(hostname) {
		b.touch(e)
	}
	for e := range b.below[strings.TrimPrefix(hostname, "*.")].all() {
		b.touch(e)
	}
	b.touchProbers(hostname)
}

// ask determines the hostnames that the entry's template asks for and may have.
func (b *Builder) ask(e *entry) {
	t := e.template
	if takesDefault(t) {
		for _, zone := range b.Zones {
			if federation.IsReverse(zone) {
				continue
			}
			name, err := defaultName(t, zone)
			if err != nil {
				e.barred = append(e.barred, t.Fault("", "default hostname: %v", err))
				continue
			}
			if b.zoneOf(name) != zone {
				err = b.Claims.AllowName(t.Namespace, name)
			}
			if err := cmp.Or(err, b.unfitName(name, t.Namespace)); err != nil {
				e.barred = append(e.barred, t.Fault("", "default hostname: %v", err))
				continue
			}
			e.asked = append(e.asked, name)
		}
		return
	}
	for _, why := range t.Unfit {
		e.barred = append(e.barred, t.Fault(annotation.Hostname, "%s", why))
	}
	for _, name := range slices.Concat(t.Hostnames, t.Hosts) {
		if slices.Contains(e.asked, name) {
			continue
		}
		if err := cmp.Or(b.Claims.AllowName(t.Namespace, name), b.unfitName(name, t.Namespace)); err != nil {
			e.barred = append(e.barred, t.Fault(keyOf(t, name), "%v", err))
			continue
		}
		e.asked = append(e.asked, name)
	}
}

// names returns the hostnames that the entry got of those that it asked for.
func (b *pass) names(e *entry) []string {
	lost := func(name string) bool { return b.owner(name) != e }
	if !slices.ContainsFunc(e.asked, lost) {
		return e.asked
	}
	var names []string
	for _, name := range e.asked {
		if !lost(name) {
			names = append(names, name)
			continue
		}
		b.faultOf(e.template, keyOf(e.template, name), func() error {
			if why := b.foreign(name, e); why != nil {
				return why
			}
			return fmt.Errorf("hostname %s already belongs to %s", name, b.owner(name).template.Ref())
		})
	}
	return names
}

// defaultName returns the name of a template that asks for none.
func defaultName(t *federation.Template, zone string) (string, error) {
	return federation.ParseHostname(t.Name + "." + t.Namespace + "." + strings.TrimPrefix(zone, "."))
}

// unfitName returns an error if no function may have the name, or only one of another
// namespace.
func (b *Builder) unfitName(name, namespace string) error {
	switch {
	case slices.Contains(b.Zones, name) && !b.Claims.Names(namespace, name):
		return fmt.Errorf("%s is the apex of a zone; give the function a name below it, or have the operator add `claim %s %[1]s`", name, namespace)
	case slices.Contains(b.Servers, name):
		return fmt.Errorf("%s is a name server of its zone; give the function another name", name)
	case !b.inZone(name):
		return fmt.Errorf("%s is not below any zone served here (%s)", name, strings.Join(b.Zones, " "))
	}
	return nil
}

// inZone reports whether the hostname is at or below one of the zones.
func (b *Builder) inZone(hostname string) bool {
	return slices.ContainsFunc(b.Zones, func(zone string) bool {
		return !federation.IsReverse(zone) && federation.IsAtOrBelow(strings.TrimPrefix(hostname, "*."), zone)
	})
}
