package build

import (
	"slices"

	"github.com/nearcast/nearcast/internal/base/brief"
	"github.com/nearcast/nearcast/internal/federation"
)

// workload holds the bindings of what runs behind a template. There are several if a
// Service selects more than one Deployment: then one that is placed is enough.
type workload struct {
	first    federation.Ref // named in messages
	bindings []*federation.Binding
	runtimes map[federation.Ref]federation.Runtime
}

// workload returns nil if the template does not depend on a workload.
func (b *pass) workload(t *federation.Template) *workload {
	if t.Workload.Kind != "" {
		return b.bound(t.Workload)
	}
	selected := b.in.selected(t)
	for _, ref := range slices.Clone(selected) {
		// A Rollout may run the Deployment's pods (workloadRef); the Deployment then has
		// none.
		if rollout := ref.Rollout(); b.binding(rollout) != nil {
			selected = append(selected, rollout)
		}
	}
	if len(selected) > 0 {
		return b.bound(selected...)
	}
	for ref := range federation.WorkloadsNamed(t.Namespace, t.Name) {
		if b.binding(ref) != nil {
			return b.bound(ref)
		}
	}
	if other := b.in.others.holder.Get(named(t.Ref)); other != nil {
		return b.bound(other.Resource())
	}
	return nil
}

func (b *pass) bound(refs ...federation.Ref) *workload {
	w := &workload{first: refs[0], runtimes: map[federation.Ref]federation.Runtime{}}
	for _, ref := range refs {
		binding := b.binding(ref)
		if binding == nil {
			continue
		}
		w.bindings = append(w.bindings, binding)
		w.runtimes[binding.Resource()] = b.runtime(binding.Resource())
	}
	return w
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

// selects reports whether the workload is behind the template because its selector says
// so, without an annotation.
func selects(t *federation.Template, w *federation.Workload) bool {
	return t.Workload.Kind == "" && len(t.Selector) > 0 && w.PodLabels.Match(t.Selector)
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

// in sums up the workload in one cluster, or says why it does not run there. Work that
// was never applied does not run: Karmada places it, but the cluster may lack its kind.
func (w *workload) in(cluster, handOver string) (r running, refusal string) {
	runs := false
	for _, b := range w.bindings {
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
			r = running{leaving: leaving, health: seen.Health, runtime: w.runtimes[b.Resource()]}
		}
		r.add(member, b.Resource(), leaving)
		if w.runtimes[b.Resource()].Kind() == federation.RuntimeWasm {
			r.runtime = w.runtimes[b.Resource()] // the one that starts first takes the call
		}
	}
	switch {
	case runs:
		return r, ""
	case refusal != "":
		return r, refusal
	}
	return r, brief.Text("its workload " + w.first.KindName() + " is not placed here" + w.unplaced())
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

// unplaced says why no part of the workload is placed anywhere; "" if any is.
func (w *workload) unplaced() string {
	if len(w.bindings) == 0 {
		return ": " + noBinding(w.first)
	}
	for _, b := range w.bindings {
		if why := unplaced(b); why == "" || placedAnywhere(b) {
			return ""
		}
	}
	return ": " + unplaced(w.bindings[0])
}
