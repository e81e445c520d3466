package federation

import (
	"maps"
	"net/netip"
	"reflect"
	"slices"
)

// Memory is what one build hands to the next: of ten thousand functions a change
// touches one, and the others are as they were. It belongs to one Store with one
// set of Options. The zero Memory remembers nothing.
type Memory struct {
	clusters  []*Cluster
	vips      map[netip.Addr]bool
	workloads map[string][]*Workload
	functions map[Ref]*remembered
}

// remembered is one function with everything that it was made of. What is staged
// is immutable, so the same pointer is the same content.
type remembered struct {
	template *Template
	claims   claims

	names   []string
	exposed *MultiClusterService
	// bindings are those that were looked for; nil where there was none.
	bindings map[Ref]*Binding
	// open is set where more was asked than is remembered: addresses of names.
	open     bool
	function *Function
	faults   []Fault
}

// begin compares what all functions depend on with the last build's.
func (m *Memory) begin(b *builder) {
	b.memory = m
	b.sameWorld = maps.Equal(m.vips, b.vips) && slices.EqualFunc(m.clusters, b.in.clusters, samePlace)
	b.otherWork = map[string]bool{}
	for namespace, now := range b.in.workloads {
		b.otherWork[namespace] = !slices.Equal(m.workloads[namespace], now)
	}
	for namespace := range m.workloads {
		b.otherWork[namespace] = b.otherWork[namespace] || b.in.workloads[namespace] == nil
	}
}

// samePlace reports whether placements in the two are the same.
func samePlace(a, b *Cluster) bool {
	return a == b || a.Name == b.Name && reflect.DeepEqual(a.Gateways, b.Gateways)
}

// end keeps what was built for the next build.
func (m *Memory) end(b *builder) {
	m.clusters, m.vips, m.workloads, m.functions = b.in.clusters, b.vips, b.in.workloads, b.made
}

// claimsOf returns what the template asks for, from memory if it can.
func (b *builder) claimsOf(t *Template) claims {
	if r := b.memory.functions[t.Ref]; r != nil && r.template == t {
		return r.claims
	}
	return b.claimants(t)
}

// recall returns the function as it was last made, if nothing of it has changed.
func (b *builder) recall(t *Template, names []string) *remembered {
	r := b.memory.functions[t.Ref]
	if r == nil || r.function == nil || r.open || r.template != t || !b.sameWorld || r.exposed != b.in.exposed[t.Ref] ||
		b.otherWork[t.Namespace] || !slices.Equal(r.names, names) {
		return nil
	}
	for ref, binding := range r.bindings {
		if b.in.bindings[ref] != binding {
			return nil
		}
	}
	return r
}

// binding returns the resource's binding, or nil, and notes that the function
// that is being made depends on it.
func (b *builder) binding(ref Ref) *Binding {
	found := b.in.bindings[ref]
	b.making.bindings[ref] = found
	return found
}
