package build

import (
	"cmp"
	"slices"

	"github.com/nearcast/nearcast/internal/base/brief"
	"github.com/nearcast/nearcast/internal/federation"
)

// workload is what runs behind a template: one part for a Service, and one for each backend of
// an Ingress.
type workload struct {
	parts []part
	// most is how many of them run in the same of the clusters where the template is placed:
	// a cluster with fewer lacks what another has.
	most int
}

// part is a Service and what it selects.
type part struct {
	// service is the binding of a backend; nil if there is none, or if the Service is the
	// template itself.
	service *federation.Binding
	// first is the first resource behind the Service, named in messages.
	first federation.Ref
	// bindings are those of what the Service selects. There are several if it selects more
	// than one Deployment: then one that is placed is enough.
	bindings []*federation.Binding
	runtimes map[federation.Ref]federation.Runtime
}

// workload returns nil if the template does not depend on a workload.
func (b *pass) workload(t *federation.Template, template *federation.Binding) *workload {
	if t.Workload.Kind != "" {
		return &workload{parts: []part{b.bound(t.Workload)}, most: 1}
	}
	if len(t.Backends) > 0 {
		return b.backends(t, template)
	}
	if own, known := b.behind(t.Ref(), t.Selector); known {
		return &workload{parts: []part{own}, most: 1}
	}
	return nil
}

// behind returns what runs behind the Service or Ingress with the selector, or false if nothing is
// known to.
func (b *pass) behind(ref federation.Ref, selector federation.Labels) (part, bool) {
	selected := b.in.selected(ref.Namespace, selector)
	for _, ref := range slices.Clone(selected) {
		// A Rollout may run the Deployment's pods (workloadRef); the Deployment then has
		// none.
		if rollout := ref.Rollout(); b.binding(rollout) != nil {
			selected = append(selected, rollout)
		}
	}
	if len(selected) > 0 {
		return b.bound(selected...), true
	}
	for ref := range federation.WorkloadsNamed(ref.Namespace, ref.Name) {
		if b.binding(ref) != nil {
			return b.bound(ref), true
		}
	}
	b.look(named(ref))
	if other := b.in.others.holder.Get(named(ref)); other != nil {
		return b.bound(other.Resource()), true
	}
	return part{}, false
}

func (b *pass) bound(refs ...federation.Ref) part {
	p := part{first: refs[0], runtimes: map[federation.Ref]federation.Runtime{}}
	for _, ref := range refs {
		binding := b.binding(ref)
		if binding == nil {
			continue
		}
		p.bindings = append(p.bindings, binding)
		p.runtimes[binding.Resource()] = b.runtime(binding.Resource())
	}
	return p
}

func (b *pass) runtime(ref federation.Ref) federation.Runtime {
	if ref.Kind == "SpinApp" {
		return federation.Runtime{Spin: true}
	}
	b.look(ref)
	of := b.in.workloads[ref.Namespace]
	i, found := slices.BinarySearchFunc(of, ref, compareWorkload)
	if !found {
		return federation.Runtime{}
	}
	return federation.Runtime{Class: of[i].RuntimeClass}
}

// running describes a workload in one cluster.
type running struct {
	replicas int32
	capacity *federation.Capacity
	runtime  federation.Runtime
	health   federation.Health
	leaving  string
	// warm is set if any part of it has a replica, or always will.
	warm bool
}

// in sums up the workload in one cluster, or says why it does not run there.
func (w *workload) in(cluster, handOver string) (all running, refusal string) {
	n := 0
	for _, p := range w.parts {
		r, why := p.in(cluster, handOver)
		switch {
		case why != "":
			refusal = cmp.Or(refusal, why)
		case n == 0:
			all, n = r, 1
		default:
			all.join(r)
			n++
		}
	}
	if n < max(w.most, 1) {
		return running{}, refusal
	}
	return all, ""
}

// placedAnywhere reports whether any cluster currently runs each part that has a binding.
func (w *workload) placedAnywhere() bool {
	return !slices.ContainsFunc(w.parts, func(p part) bool {
		return p.first.Kind != "" && !slices.ContainsFunc(p.bindings, placedAnywhere)
	})
}

// in sums up the part in one cluster, or says why it does not run there. Work that was never
// applied does not run: Karmada places it, but the cluster may lack its kind.
func (p *part) in(cluster, handOver string) (r running, refusal string) {
	r, refusal = p.serviceIn(cluster, handOver)
	if refusal != "" || p.first.Kind == "" {
		return r, refusal
	}
	runs, alone := false, r.leaving
	for _, b := range p.bindings {
		here, leaving := places(b, cluster, handOver)
		if !here {
			continue
		}
		member := b.In(cluster)
		seen := member.Observed()
		if !seen.EverApplied() {
			refusal = brief.Text("its workload " + b.Resource().KindName() + " is " + seen.Unapplied())
			continue
		}
		if !runs {
			runs = true
			r = running{leaving: leaving, health: seen.Health, runtime: p.runtimes[b.Resource()]}
		}
		r.add(member, b.Resource(), leaving)
		if p.runtimes[b.Resource()].Kind() == federation.RuntimeWasm {
			r.runtime = p.runtimes[b.Resource()] // the one that starts first takes the call
		}
	}
	switch {
	case runs:
		r.leaving = cmp.Or(alone, r.leaving)
		return r, ""
	case refusal != "":
		return r, refusal
	}
	return r, brief.Text("its workload " + p.first.KindName() + " is not placed here" + p.unplaced())
}

// serviceIn describes the backend's Service in the cluster, or says why it is not there.
func (p *part) serviceIn(cluster, handOver string) (r running, refusal string) {
	r = running{health: federation.Healthy, warm: true}
	if p.service == nil {
		return r, ""
	}
	here, leaving := places(p.service, cluster, handOver)
	seen := p.service.In(cluster).Observed()
	switch {
	case !here:
		return r, brief.Text("its backend " + p.service.Resource().KindName() + " is not placed here")
	case !seen.EverApplied():
		return r, brief.Text("its backend " + p.service.Resource().KindName() + " is " + seen.Unapplied())
	}
	r.leaving = leaving
	return r, ""
}

// join adds another part, which calls need as well.
func (r *running) join(o running) {
	r.replicas += o.replicas
	r.leaving = cmp.Or(r.leaving, o.leaving)
	r.warm = r.warm && o.warm
	if o.health == federation.Unhealthy || r.health == federation.Healthy {
		r.health = o.health
	}
	if o.capacity.Below(r.capacity) {
		r.capacity = o.capacity
	}
}

// add adds what runs because of one of the bindings.
func (r *running) add(member federation.Member, resource federation.Ref, leaving string) {
	seen := member.Observed()
	r.replicas += member.Replicas
	if c := seen.Capacity; c != nil {
		if r.capacity == nil {
			r.capacity = &federation.Capacity{}
		}
		r.capacity = new(r.capacity.Plus(*c))
	}
	if leaving == "" {
		r.leaving = ""
	}
	if seen.Health == federation.Healthy {
		r.health = federation.Healthy
	}
	// Karmada no longer counts replicas in a cluster that is being left.
	zero := member.Placed && member.Replicas == 0 && resource.Replicated() && (seen.Capacity == nil || seen.Capacity.Ready == 0)
	r.warm = r.warm || !zero && !seen.Idle
}

// unplaced says why nothing of the part is placed anywhere; "" if anything is.
func (p *part) unplaced() string {
	if len(p.bindings) == 0 {
		return ": " + noBinding(p.first)
	}
	for _, b := range p.bindings {
		if why := unplaced(b); why == "" || placedAnywhere(b) {
			return ""
		}
	}
	return ": " + unplaced(p.bindings[0])
}
