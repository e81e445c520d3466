package build

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/annotation"
)

// probeLabel is the name below a wildcard that a probe sends if the function has no other
// name.
const probeLabel = "nearcast-probe."

// probeOf returns the probe of the function's placements, with its host. If the probe
// would ask for something that belongs to another function, that is a fault, and the
// probe is a TCP connection instead.
func (b *pass) probeOf(f *federation.Function) federation.ProbeSpec {
	plain := federation.ProbeSpec{Kind: federation.ProbeTCP}
	if f.Probe == nil {
		return plain
	}
	spec := *f.Probe
	if spec.Kind == federation.ProbeTCP || spec.Kind == federation.ProbeNone {
		return spec
	}
	host, err := b.hostOf(f, spec.Host)
	if err != nil {
		b.fault(f.Template, annotation.Probe, "%v; probing with a TCP connection instead", err)
		plain.Port = spec.Port
		return plain
	}
	spec.Host = host
	return spec
}

// hostOf returns the host that a probe sends: the annotated one if it is a name of the
// function, else the function's first name.
func (b *pass) hostOf(f *federation.Function, annotated string) (string, error) {
	if annotated == "" {
		annotated = firstName(f.Hostnames)
	}
	name, err := federation.ParseHostname(annotated)
	if err != nil || !b.has(f, name) {
		return "", fmt.Errorf("host %s is not one of the function's hostnames, and its probe may use no other", annotated)
	}
	return strings.TrimSuffix(name, "."), nil
}

// firstName returns the first hostname that is not a wildcard, else a name below the
// first.
func firstName(hostnames []string) string {
	for _, name := range hostnames {
		if name[0] != '*' {
			return name
		}
	}
	return probeLabel + strings.TrimPrefix(hostnames[0], "*.")
}

// has reports whether the name belongs to the function being built: it is one of its
// names, or one that its wildcard covers by RFC 4592, where the closest existing name
// decides. It records that the function depends on the names in between.
func (b *pass) has(f *federation.Function, name string) bool {
	if slices.Contains(f.Hostnames, name) {
		return true
	}
	covers := func(wildcard string) bool {
		base, is := strings.CutPrefix(wildcard, "*.")
		return is && name != base && federation.IsAtOrBelow(name, base)
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

// touchProbers touches the entries whose probes ask for the hostname, or for a name to
// which the hostname may be closer than their wildcard.
func (b *Builder) touchProbers(hostname string) {
	for _, e := range b.probers[strings.TrimPrefix(hostname, "*.")] {
		b.touch(e)
	}
}

// useHosts records the names on which the entry's probe now depends.
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
