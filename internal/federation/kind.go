package federation

import (
	"iter"
	"slices"
)

// kind is a kind of workload that Nearcast knows.
type kind struct {
	name, group string
	// replicated is set if Karmada counts the replicas of its bindings, so that a count
	// of zero means that none is wanted.
	replicated bool
	// named is set if a workload of this kind with the template's name is assumed to run
	// behind it before workloads of other kinds are considered.
	named bool
	// counted is set if its status has counts, so that absent counts are zero.
	counted bool
}

// kinds are in the order in which a workload with the template's name is looked up. If
// two kinds have one name, the first applies unless a group is given.
var kinds = []kind{
	{"Deployment", "apps", true, true, true},
	{"StatefulSet", "apps", true, true, true},
	{"DaemonSet", "apps", false, true, true},
	{"SpinApp", "core.spinkube.dev", true, true, true},
	{"Service", knativeGroup, false, true, false},
	{"ReplicaSet", "apps", false, false, true},
	{"Pod", "", false, false, false},
	{"CloneSet", "apps.kruise.io", true, false, true},
	{"StatefulSet", "apps.kruise.io", true, false, true},
	{"DaemonSet", "apps.kruise.io", false, false, true},
	{"Rollout", argoGroup, false, false, true},
}

const (
	knativeGroup = "serving.knative.dev"
	argoGroup    = "argoproj.io"
)

// KindNames returns the names of the known kinds of workloads; kinds of two groups may
// have one name.
func KindNames() []string {
	all := make([]string, len(kinds))
	for i, k := range kinds {
		all[i] = k.name
	}
	return all
}

// GroupOf returns the API group of the first known kind of workloads with the name; false
// if there is none.
func GroupOf(kind string) (group string, known bool) {
	for _, k := range kinds {
		if k.name == kind {
			return k.group, true
		}
	}
	return "", false
}

// kind returns the known kind of the reference.
func (r Ref) kind() (kind, bool) {
	for _, k := range kinds {
		if k.name == r.Kind && k.group == r.Group {
			return k, true
		}
	}
	return kind{}, false
}

// Replicated reports whether Karmada counts the replicas of the resource.
func (r Ref) Replicated() bool {
	k, _ := r.kind()
	return k.replicated
}

// IsCounted reports whether a status of the resource has replica counts, so that absent
// counts are zero.
func (r Ref) IsCounted() bool {
	k, _ := r.kind()
	return k.counted
}

// IsRead reports whether Nearcast reads objects of this kind: kinds that declare
// functions, and known workloads.
func (r Ref) IsRead() bool {
	_, known := r.kind()
	return known || r.Declares()
}

// IsKnative reports whether the reference is of a Knative Service.
func (r Ref) IsKnative() bool { return r.Group == knativeGroup && r.Kind == "Service" }

// AnyGroup is the group of a workload whose annotation gives only a kind that is not
// known.
const AnyGroup = "*"

// Declares reports whether the reference is of a kind that declares functions.
func (r Ref) Declares() bool {
	return r.Group == "" && r.Kind == "Service" || r.Group == "networking.k8s.io" && r.Kind == "Ingress"
}

// Rollout returns the Argo Rollout with the name of the workload.
func (r Ref) Rollout() Ref {
	return Ref{Group: argoGroup, Kind: "Rollout", Namespace: r.Namespace, Name: r.Name}
}

// WorkloadsNamed yields the workloads that are assumed to run behind a template with the
// name, in the order in which they are looked up.
func WorkloadsNamed(namespace, name string) iter.Seq[Ref] {
	return func(yield func(Ref) bool) {
		for _, k := range kinds {
			if k.named && !yield(Ref{Group: k.group, Kind: k.name, Namespace: namespace, Name: name}) {
				return
			}
		}
	}
}

// OfAnyGroup returns the reference by which to look up a workload whose annotation names
// no group; it returns false for kinds whose group is known.
func (r Ref) OfAnyGroup() (Ref, bool) {
	_, known := GroupOf(r.Kind)
	r.Group = AnyGroup
	return r, !known
}

// IsOther reports whether the bound resource is a workload of a kind that is not looked
// up on its own: a known kind, or one with replicas. The replicas of a Job run to
// completion.
func (b *Binding) IsOther() bool {
	if k, known := b.Resource().kind(); known {
		return !k.named
	}
	if b.Resource().Declares() || b.Resource().Group == "batch" {
		return false
	}
	return slices.ContainsFunc(b.Members, func(m Member) bool {
		return m.Replicas > 0 || m.seen != nil && m.seen.Capacity != nil
	})
}
