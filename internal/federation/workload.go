package federation

import "slices"

// workload are the bindings of what runs behind a template. Several match where
// a Service selects more than one Deployment: one that is placed is enough.
type workload struct {
	label    string // as messages name it
	bindings []*Binding
	runtimes map[Ref]Runtime
}

// workload returns nil where the template has no workload to agree with.
func (b *builder) workload(t *Template) *workload {
	if t.Workload.Kind != "" {
		return b.bound(t.Workload)
	}
	var selected []Ref
	for _, w := range b.in.workloads[t.Namespace] {
		if t.selects(w) {
			selected = append(selected, w.Ref)
		}
	}
	if len(selected) > 0 {
		return b.bound(selected...)
	}
	for _, kind := range [...]string{"Deployment", "StatefulSet", "SpinApp", "Service"} {
		ref := Ref{Group: workloadGroups[kind], Kind: kind, Namespace: t.Namespace, Name: t.Name}
		if b.binding(ref) != nil {
			return b.bound(ref)
		}
	}
	return nil
}

func (b *builder) bound(refs ...Ref) *workload {
	w := &workload{label: refs[0].Kind + "/" + refs[0].Name, runtimes: map[Ref]Runtime{}}
	for _, ref := range refs {
		w.runtimes[ref] = b.runtime(ref)
		if binding := b.binding(ref); binding != nil {
			w.bindings = append(w.bindings, binding)
		}
	}
	return w
}

func (b *builder) runtime(ref Ref) Runtime {
	if ref.Kind == "SpinApp" {
		return Runtime{Spin: true}
	}
	b.look(ref)
	of := b.in.workloads[ref.Namespace]
	i, found := slices.BinarySearchFunc(of, ref, compareWorkload)
	if !found {
		return Runtime{}
	}
	return Runtime{Class: of[i].RuntimeClass}
}

// selects reports whether the template's selector, and no annotation, says that the
// workload is behind it.
func (t *Template) selects(w *Workload) bool {
	return t.Workload.Kind == "" && len(t.Selector) > 0 && contains(w.PodLabels, t.Selector)
}

func contains(labels, selector map[string]string) bool {
	for k, v := range selector {
		if labels[k] != v {
			return false
		}
	}
	return true
}

// running is a workload in one cluster.
type running struct {
	placed   bool
	replicas int32
	capacity *Capacity
	runtime  Runtime
	health   Health
	leaving  string
}

// in sums up the workload in one cluster.
func (w *workload) in(cluster, handOver string) running {
	var r running
	for _, b := range w.bindings {
		here, leaving := b.places(cluster, handOver)
		if !here {
			continue
		}
		member := b.In(cluster)
		seen := member.Observed()
		if !r.placed {
			r = running{placed: true, leaving: leaving, health: seen.Health, runtime: w.runtimes[b.Resource]}
		}
		r.replicas += member.Replicas
		if c := seen.Capacity; c != nil {
			if r.capacity == nil {
				r.capacity = &Capacity{}
			}
			r.capacity.Desired += c.Desired
			r.capacity.Ready += c.Ready
		}
		if leaving == "" {
			r.leaving = ""
		}
		if seen.Health == Healthy {
			r.health = Healthy
		}
		if w.runtimes[b.Resource].Kind() == RuntimeWasm {
			r.runtime = w.runtimes[b.Resource] // the one that starts sooner takes the call
		}
	}
	return r
}
