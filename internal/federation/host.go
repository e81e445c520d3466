package federation

import (
	"fmt"
	"slices"
	"strings"
)

// probeLabel is the name below a wildcard that a probe sends where the function has no
// other name.
const probeLabel = "nearcast-probe."

// probeOf returns what the function's placements are asked, with its host. A probe that
// would ask for what is another's is a fault, and a TCP connection made in its place.
func (b *pass) probeOf(f *Function) ProbeSpec {
	plain := ProbeSpec{Kind: ProbeTCP}
	if f.Probe == nil {
		return plain
	}
	spec := *f.Probe
	if spec.Kind == ProbeTCP || spec.Kind == ProbeNone {
		return spec
	}
	host, err := b.hostOf(f, spec.Host)
	if err != nil {
		b.fault(f.Template, keyProbe, "%v; a TCP connection is made in its place", err)
		plain.Port = spec.Port
		return plain
	}
	spec.Host = host
	return spec
}

// hostOf returns the host that a probe sends: the annotated one if it is a name of the
// function's own, or else its first.
func (b *pass) hostOf(f *Function, annotated string) (string, error) {
	if annotated == "" {
		annotated = firstName(f.Hostnames)
	}
	name, err := ParseHostname(annotated)
	if err != nil || !b.has(f, name) {
		return "", fmt.Errorf("host %s is none of the function's hostnames, and its probe may ask for no other", annotated)
	}
	return strings.TrimSuffix(name, "."), nil
}

// firstName is the first hostname that is not a wildcard, or else a name below the first.
func firstName(hostnames []string) string {
	for _, name := range hostnames {
		if name[0] != '*' {
			return name
		}
	}
	return probeLabel + strings.TrimPrefix(hostnames[0], "*.")
}

// has reports whether the name is the function's that is being made: one that it has, or
// that a wildcard of its own stands for, as RFC 4592 finds it: the closest name that
// exists decides. It notes that the function depends on the names between.
func (b *pass) has(f *Function, name string) bool {
	if slices.Contains(f.Hostnames, name) {
		return true
	}
	covers := func(wildcard string) bool {
		base, is := strings.CutPrefix(wildcard, "*.")
		return is && name != base && isAtOrBelow(name, base)
	}
	if !slices.ContainsFunc(f.Hostnames, covers) {
		return false
	}
	for name != "" {
		b.needs.hosts = append(b.needs.hosts, name)
		if b.owner(name) != nil {
			return false
		}
		_, parent, _ := strings.Cut(name, ".")
		if owner := b.owner("*." + parent); owner != nil {
			b.needs.hosts = append(b.needs.hosts, parent)
			return owner == b.making
		}
		name = parent
	}
	return false
}

// touchProbers touches the entries whose probes ask for the hostname, or for one that it
// may be closer to than their wildcard.
func (b *Builder) touchProbers(hostname string) {
	for _, e := range b.probers[strings.TrimPrefix(hostname, "*.")] {
		b.touch(e)
	}
}

// useHosts notes which names the entry's probe depends on now.
func (b *Builder) useHosts(e *entry, before, now []string) {
	for _, name := range before {
		if b.probers[name] = without(b.probers[name], e); len(b.probers[name]) == 0 {
			delete(b.probers, name)
		}
	}
	for _, name := range now {
		if b.probers == nil {
			b.probers = map[string][]*entry{}
		}
		b.probers[name] = append(b.probers[name], e)
	}
}
