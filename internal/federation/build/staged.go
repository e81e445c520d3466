package build

import (
	"cmp"
	"slices"

	"github.com/nearcast/nearcast/internal/federation"
)

// staged holds the contents of a Store as a Builder knows them, by kind, except
// templates.
type staged struct {
	clusters  map[federation.Ref]*federation.Cluster
	backends  map[federation.Ref]*federation.Backend
	behind    contest[label, *federation.Backend]                // by the first label that they select by
	workloads map[string][]*federation.Workload                  // by namespace, sorted
	labelled  contest[label, *federation.Workload]               // by each label of their pods
	bindings  contest[federation.Ref, *federation.Binding]       // by what they place
	others    contest[federation.Ref, *federation.Binding]       // of workloads of other kinds, by namespace and name
	exposed   map[federation.Ref]*federation.MultiClusterService // by the Service
}

func newStaged() staged {
	// Two bindings of one resource are a mistake, but the choice between them must be
	// stable.
	first := func(_ federation.Ref, a, b *federation.Binding) bool { return a.Ref().Compare(b.Ref()) < 0 }
	places := func(b *federation.Binding, resource federation.Ref) bool {
		bare, of := b.Resource().OfAnyGroup()
		return b.Resource() == resource || of && bare == resource
	}
	before := func(_ label, one, other *federation.Workload) bool { return one.Compare(other.Ref()) < 0 }
	labelled := func(w *federation.Workload, l label) bool {
		return w.Namespace == l.namespace && w.PodLabels.Has(l.Label)
	}
	runs := func(b *federation.Binding, name federation.Ref) bool { return named(b.Resource()) == name }
	ahead := func(_ label, one, other *federation.Backend) bool { return one.Compare(other.Ref()) < 0 }
	selecting := func(s *federation.Backend, l label) bool { return firstLabel(s.Namespace, s.Selector) == l }
	return staged{
		backends: map[federation.Ref]*federation.Backend{}, behind: newContest(selecting, ahead),
		clusters: map[federation.Ref]*federation.Cluster{}, workloads: map[string][]*federation.Workload{}, exposed: map[federation.Ref]*federation.MultiClusterService{}, labelled: newContest(labelled, before),
		bindings: newContest(places, first), others: newContest(runs, first),
	}
}

// stage replaces an object by its new version; either may be nil.
func (b *Builder) stage(was, is federation.Object) {
	if was == is {
		return
	}
	if was != nil {
		b.unstage(was)
	}
	switch o := is.(type) {
	case *federation.Cluster:
		b.in.clusters[o.Ref()] = o
		b.clustersChanged = true
	case *federation.Template:
		b.declare(o)
	case *federation.Backend:
		b.in.backends[o.Ref()] = o
		b.in.behind.enter(firstLabel(o.Namespace, o.Selector), o)
		b.touchUsers(o.Ref())
	case *federation.Workload:
		of := b.in.workloads[o.Namespace]
		i, _ := slices.BinarySearchFunc(of, o.Ref(), compareWorkload)
		b.in.workloads[o.Namespace] = slices.Insert(of, i, o)
		for _, l := range o.PodLabels {
			b.in.labelled.enter(label{o.Namespace, l}, o)
		}
		b.newWorkloads = append(b.newWorkloads, o)
		b.touchUsers(o.Ref())
	case *federation.Binding:
		b.in.bindings.enter(o.Resource(), o)
		b.touchUsers(o.Resource())
		if bare, of := o.Resource().OfAnyGroup(); of {
			b.in.bindings.enter(bare, o)
			b.touchUsers(bare)
		}
		if o.IsOther() {
			b.in.others.enter(named(o.Resource()), o)
			b.touchUsers(named(o.Resource()))
		}
	case *federation.MultiClusterService:
		b.in.exposed[exposedBy(o)] = o
		b.touchUsers(exposedBy(o))
	}
}

// unstage removes the object. A template is withdrawn for good only if no object with its
// Ref is declared again.
func (b *Builder) unstage(was federation.Object) {
	switch o := was.(type) {
	case *federation.Cluster:
		delete(b.in.clusters, o.Ref())
		b.clustersChanged = true
	case *federation.Template:
		b.withdraw(b.entries.Get(o.Ref()))
	case *federation.Backend:
		delete(b.in.backends, o.Ref())
		b.in.behind.leave(firstLabel(o.Namespace, o.Selector), o)
		b.touchUsers(o.Ref())
	case *federation.Workload:
		of := b.in.workloads[o.Namespace]
		if i, found := slices.BinarySearchFunc(of, o.Ref(), compareWorkload); found {
			of = slices.Delete(of, i, i+1)
		}
		if b.in.workloads[o.Namespace] = of; len(of) == 0 {
			delete(b.in.workloads, o.Namespace)
		}
		for _, l := range o.PodLabels {
			b.in.labelled.leave(label{o.Namespace, l}, o)
		}
		b.touchUsers(o.Ref())
	case *federation.Binding:
		b.in.bindings.leave(o.Resource(), o)
		b.touchUsers(o.Resource())
		if bare, of := o.Resource().OfAnyGroup(); of {
			b.in.bindings.leave(bare, o)
			b.touchUsers(bare)
		}
		if o.IsOther() {
			b.in.others.leave(named(o.Resource()), o)
			b.touchUsers(named(o.Resource()))
		}
	case *federation.MultiClusterService:
		delete(b.in.exposed, exposedBy(o))
		b.touchUsers(exposedBy(o))
	}
}

// label is a label of the pods of a workload, with its namespace.
type label struct {
	namespace string
	federation.Label
}

// firstLabel returns the label by which what has the selector is found from a workload.
func firstLabel(namespace string, selector federation.Labels) label {
	return label{namespace, selector[0]}
}

// maxSelected bounds the workloads that are considered for one Service.
const maxSelected = 32

// selected returns the first workloads that a Service's selector matches, sorted.
func (s *staged) selected(namespace string, selector federation.Labels) (refs []federation.Ref) {
	if len(selector) == 0 {
		return nil
	}
	rarest := slices.MinFunc(selector, func(one, other federation.Label) int {
		return s.labelled.count(label{namespace, one}) - s.labelled.count(label{namespace, other})
	})
	for w := range s.labelled.all(label{namespace, rarest}) {
		if len(refs) == maxSelected {
			break
		}
		if w.PodLabels.Match(selector) {
			refs = append(refs, w.Ref())
		}
	}
	return refs
}

// selectsBy returns the label by which the template is found from a workload; false if it
// has no selector.
func selectsBy(t *federation.Template) (label, bool) {
	if t.Workload.Kind != "" || len(t.Selector) == 0 {
		return label{}, false
	}
	return firstLabel(t.Namespace, t.Selector), true
}

// exposedBy returns the Service that the object exposes.
func exposedBy(m *federation.MultiClusterService) federation.Ref {
	return federation.Ref{Kind: "Service", Namespace: m.Namespace, Name: m.Name}
}

// named returns the key of staged.others.
func named(r federation.Ref) federation.Ref {
	return federation.Ref{Namespace: r.Namespace, Name: r.Name}
}

func compareWorkload(w *federation.Workload, ref federation.Ref) int { return w.Compare(ref) }

// sortedClusters returns the clusters sorted by name.
func (s *staged) sortedClusters() []*federation.Cluster {
	all := make([]*federation.Cluster, 0, len(s.clusters))
	for _, c := range s.clusters {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *federation.Cluster) int { return cmp.Compare(a.Name, b.Name) })
	return all
}
