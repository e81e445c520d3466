package build

import (
	"slices"

	"github.com/nearcast/nearcast/internal/federation"
)

// alike holds what a pass decided for functions that have in common everything that their
// placements depend on. Most functions do, and the first of them does the work for all.
type alike map[likeFunction][]*family

// likeFunction is the key of alike. Functions with the same key may still differ.
type likeFunction struct {
	namespace           string // "" if no rule distinguishes namespaces
	kind                string
	probe               federation.ProbeSpec
	expect              federation.Expect
	tcpPort             uint16
	balanced, announced bool
}

// family is a set of functions whose placements differ only by what bindings say.
type family struct {
	first      *federation.Template // any of them
	lists      map[likeBindings]federation.Placements
	placements map[likeMembers]*federation.Placement
}

// likeBindings identifies what the bindings of a function and of its workload say: bindings
// that say the same mostly share it.
type likeBindings struct {
	template, workload *federation.Placing // nil if there is none
	work               work
}

// likeMembers is what the same bindings say of one cluster.
type likeMembers struct {
	template, workload federation.Member
	work               work
}

// work is what a placement depends on of its workload, apart from the binding.
type work struct {
	bound, replicated bool
	runtime           federation.Runtime
}

// familyOf returns the functions that are like f, and the key of its bindings; nil if
// f's placements depend on more than families have in common.
func (b *pass) familyOf(f *federation.Function, template *federation.Binding, behind *workload) (*family, likeBindings) {
	like := likeBindings{}
	if b.alike == nil || !isPlain(template) || len(f.Fixed) > 0 || b.probe.Host != "" || b.in.exposed[f.Ref()] != nil {
		return nil, like
	}
	like.template = template.Placing
	if behind != nil {
		if !behind.isPlain() {
			return nil, like
		}
		p := behind.parts[0]
		bound := p.bindings[0]
		like.workload = bound.Placing
		like.work = work{true, bound.Resource().Replicated(), p.runtimes[bound.Resource()]}
	}
	return b.family(f.Template), like
}

// isPlain reports whether only the binding's members decide about placements.
func isPlain(b *federation.Binding) bool { return len(b.Members) > 0 && len(b.Evictions) == 0 }

// isPlain reports whether one binding says where all of the workload runs.
func (w *workload) isPlain() bool {
	return len(w.parts) == 1 && w.parts[0].service == nil && len(w.parts[0].bindings) == 1 && isPlain(w.parts[0].bindings[0])
}

// family returns the family of the template's function.
func (b *pass) family(t *federation.Template) *family {
	like := likeFunction{kind: t.Kind, probe: b.probe, expect: t.Expect, tcpPort: t.TCPPort, balanced: t.Balanced, announced: t.Announced}
	if len(b.Claims) > 0 || len(b.vips.in) > 0 {
		like.namespace = t.Namespace
	}
	for _, one := range b.alike[like] {
		if one.includes(t) {
			return one
		}
	}
	one := &family{first: t, lists: map[likeBindings]federation.Placements{}, placements: map[likeMembers]*federation.Placement{}}
	b.alike[like] = append(b.alike[like], one)
	return one
}

// includes reports whether the template, which has the same key, belongs to the family.
func (f *family) includes(t *federation.Template) bool {
	o := f.first
	sameProbe := o.Probe == t.Probe || o.Probe != nil && t.Probe != nil && *o.Probe == *t.Probe
	return sameProbe && o.OwnPorts == t.OwnPorts && slices.Equal(o.Numbers, t.Numbers) &&
		slices.Equal(o.Ports, t.Ports) && slices.Equal(o.ByGateway, t.ByGateway)
}

// membersIn returns what the function's bindings say of the cluster.
func (b *placing) membersIn(cluster string) likeMembers {
	like := likeMembers{template: b.template.In(cluster), work: b.like.work}
	if b.like.work.bound {
		like.workload = b.work.parts[0].bindings[0].In(cluster)
	}
	return like
}

// noted counts what was recorded for the function being built. What a decision records, it
// has to record for every function.
func (b *pass) noted() int {
	return len(b.making.faults) + len(b.needs.lookups) + len(b.needs.occupied)
}
