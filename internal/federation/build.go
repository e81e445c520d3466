package federation

import (
	"maps"
	"net/netip"
	"slices"
)

// Options are what the operator decides about building a State.
type Options struct {
	// Zones are canonical. A function without a hostname annotation is named
	// <name>.<namespace> in each of them.
	Zones  []string
	Claims Claims
	// Resolve returns the addresses of a load balancer's name, as last seen; false
	// where there are none. It may be nil.
	Resolve func(name string) (Endpoint, bool)
}

// maxClusters is what an order of clusters can number, with two bytes each.
const maxClusters = 1 << 16

// Build makes a State of what the store holds.
func Build(s *Store, opts Options) *State { return new(Memory).Build(s, opts) }

// Build makes a State of what the store holds, and takes what did not change from
// the last one that m made.
func (m *Memory) Build(s *Store, opts Options) *State {
	b := &builder{Options: opts, in: s.snapshot(), lookups: map[string]bool{}, made: make(map[Ref]*remembered, len(m.functions))}
	b.state.Faults = b.in.faults
	for i, c := range b.in.clusters {
		if i == maxClusters {
			b.state.Faults = append(b.state.Faults, c.fault("", "is more than the %d clusters that a federation may have, and so are all after it", maxClusters))
			break
		}
		b.state.Clusters = append(b.state.Clusters, *c)
	}
	templates := b.admit(b.in.templates)
	m.begin(b)
	names := b.assignNames(templates)
	for _, t := range templates {
		if len(names[t.Ref]) > 0 {
			b.state.Functions = append(b.state.Functions, b.function(t, names[t.Ref]))
		}
	}
	slices.SortFunc(b.state.Faults, compareFaults)
	b.state.Lookups = slices.Sorted(maps.Keys(b.lookups))
	m.end(b)
	return &b.state
}

type builder struct {
	Options
	in   *staged
	vips map[netip.Addr]bool
	// lookups are the names that Resolve was, or would have been, asked for.
	lookups map[string]bool
	state   State

	memory    *Memory
	sameWorld bool
	// otherWork are the namespaces whose workloads are not the last build's.
	otherWork map[string]bool
	made      map[Ref]*remembered
	making    *remembered
}

func compareFaults(a, b Fault) int {
	for _, c := range [...]int{
		compareStrings(a.File, b.File), a.Line - b.Line,
		compareStrings(a.Object, b.Object), compareStrings(a.Key, b.Key),
	} {
		if c != 0 {
			return c
		}
	}
	return compareStrings(a.Reason, b.Reason)
}

// admit returns the templates whose annotations stay within the claims, and
// collects their VIPs.
func (b *builder) admit(templates []*Template) []*Template {
	b.vips = map[netip.Addr]bool{}
	var admitted []*Template
	for _, t := range templates {
		if faults := b.trespasses(t); len(faults) > 0 {
			b.state.Faults = append(b.state.Faults, faults...)
			continue
		}
		for _, vip := range t.VIPs {
			b.vips[vip] = true
		}
		admitted = append(admitted, t)
	}
	return admitted
}

// trespasses returns a fault for each address of t's annotations that it may not use.
func (b *builder) trespasses(t *Template) []Fault {
	var faults []Fault
	check := func(key string, a netip.Addr) {
		if err := b.Claims.allowAnnotated(t.Namespace, a); err != nil {
			faults = append(faults, t.fault(key, "%v", err))
		}
	}
	for _, vip := range t.VIPs {
		check(keyVIP, vip)
	}
	for horizon, byCluster := range t.Fixed {
		key := keyAddress
		if horizon != "" {
			key += "." + horizon
		}
		for _, e := range byCluster {
			for _, a := range slices.Concat(e.V4, e.V6) {
				check(key, a)
			}
		}
	}
	return faults
}

// function makes the template's function, or finds it made.
func (b *builder) function(t *Template, hostnames []string) *Function {
	if r := b.recall(t, hostnames); r != nil {
		b.made[t.Ref] = r
		b.state.Faults = append(b.state.Faults, r.faults...)
		return r.function
	}
	r := b.made[t.Ref]
	r.names, r.exposed, r.bindings = hostnames, b.in.exposed[t.Ref], map[Ref]*Binding{}
	b.making = r
	before := len(b.state.Faults)
	r.function = b.make(t, hostnames)
	r.faults = slices.Clone(b.state.Faults[before:])
	return r.function
}

func (b *builder) make(t *Template, hostnames []string) *Function {
	f := &Function{
		Meta: t.Meta, Hostnames: hostnames, Policy: t.Policy,
		Weights: t.Weights, TTL: t.TTL, VIPs: t.VIPs, Private: t.Private,
		Ports: t.Ports, ALPN: t.ALPN, Texts: t.Texts,
	}
	for _, w := range t.Weights {
		if b.state.ClusterIndex(w.Cluster) < 0 {
			b.state.Faults = append(b.state.Faults, t.fault(keyWeights,
				"cluster %q is not in the federation; its weight is ignored", w.Cluster))
		}
	}
	b.place(f, t)
	return f
}
