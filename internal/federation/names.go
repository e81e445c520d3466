package federation

import (
	"slices"
	"strings"
)

// A hostname is one template's: a default name beats an annotated one, then the
// older template (one without a date is the youngest), then the first by namespace
// and name. Losers are reported.
func beats(e, o *entry) bool {
	mine, theirs := e.template, o.template
	switch {
	case mine.takesDefault() != theirs.takesDefault():
		return mine.takesDefault()
	case mine.Created.Equal(theirs.Created):
		return mine.compare(theirs.Ref) < 0
	case mine.Created.IsZero() || theirs.Created.IsZero():
		return theirs.Created.IsZero()
	}
	return mine.Created.Before(theirs.Created)
}

func (t *Template) takesDefault() bool { return len(t.Hostnames) == 0 }

// declare has the template take part.
func (m *Memory) declare(t *Template) {
	e := m.entries[t.Ref]
	if e == nil {
		e = &entry{index: -1}
		m.entries[t.Ref] = e
	}
	m.touch(e)
	e.template, e.gone = t, false
	if e.barred = m.trespasses(t); len(e.barred) > 0 {
		return
	}
	for _, vip := range t.VIPs {
		if m.in.vips[vip]++; m.in.vips[vip] == 1 {
			m.otherVIPs[vip] = true
		}
	}
	m.ask(e)
	for _, name := range e.asked {
		m.hostnames.enter(name, e)
		m.touchAskers(name)
	}
}

// withdraw takes away what the entry's template takes part in.
func (m *Memory) withdraw(e *entry) {
	m.touch(e)
	for _, name := range e.asked {
		m.hostnames.leave(name, e)
		m.touchAskers(name)
	}
	if len(m.trespasses(e.template)) == 0 {
		for _, vip := range e.template.VIPs {
			if m.in.vips[vip]--; m.in.vips[vip] == 0 {
				delete(m.in.vips, vip)
				m.otherVIPs[vip] = true
			}
		}
	}
	e.gone, e.asked, e.barred = true, nil, nil
}

// touchAskers touches all that ask for the hostname.
func (m *Memory) touchAskers(hostname string) {
	m.touch(m.hostnames.holder[hostname])
	for _, e := range m.hostnames.losers[hostname] {
		m.touch(e)
	}
}

// ask finds the hostnames that the entry's template asks for and may have.
func (m *Memory) ask(e *entry) {
	t := e.template
	if t.takesDefault() {
		for _, zone := range m.Zones {
			if IsReverse(zone) {
				continue
			}
			name, err := defaultName(t, zone)
			if err != nil {
				e.barred = append(e.barred, t.fault("", "default hostname: %v", err))
				continue
			}
			e.asked = append(e.asked, name)
		}
		return
	}
	for _, name := range t.Hostnames {
		if err := m.Claims.allowName(t.Namespace, name); err != nil {
			e.barred = append(e.barred, t.fault(keyHostname, "%v", err))
			continue
		}
		if !m.inZone(name) {
			e.barred = append(e.barred,
				t.fault(keyHostname, "%s is not below any zone served here (%s)", name, strings.Join(m.Zones, " ")))
			continue
		}
		e.asked = append(e.asked, name)
	}
}

// names returns the hostnames that the entry has of those that it asked for.
func (b *builder) names(e *entry) []string {
	another := func(name string) bool { return b.hostnames.holder[name] != e }
	if !slices.ContainsFunc(e.asked, another) {
		return e.asked
	}
	var names []string
	for _, name := range e.asked {
		if !another(name) {
			names = append(names, name)
			continue
		}
		key := keyHostname
		if e.template.takesDefault() {
			key = ""
		}
		b.fault(e.template, key, "hostname %s already belongs to %s", name, b.hostnames.holder[name].template.Ref)
	}
	return names
}

// defaultName is the name of a template that asks for none.
func defaultName(t *Template, zone string) (string, error) {
	return ParseHostname(t.Name + "." + t.Namespace + "." + strings.TrimPrefix(zone, "."))
}

// inZone reports whether the hostname is below one of the zones; an apex belongs
// to the operator.
func (m *Memory) inZone(hostname string) bool {
	return !slices.Contains(m.Zones, hostname) && slices.ContainsFunc(m.Zones, func(zone string) bool {
		return !IsReverse(zone) && isAtOrBelow(strings.TrimPrefix(hostname, "*."), zone)
	})
}

// IsReverse reports whether the zone is one of addresses, where functions have no
// names.
func IsReverse(zone string) bool {
	return isAtOrBelow(zone, "in-addr.arpa.") || isAtOrBelow(zone, "ip6.arpa.")
}
