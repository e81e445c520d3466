package federation

import (
	"fmt"
	"slices"
	"strings"
)

// kind is a kind of workload that Nearcast knows by name.
type kind struct {
	name, group string
	// replicated is set where Karmada counts the replicas of its bindings, so that a
	// count of zero says that none is wanted.
	replicated bool
	// named is set where a workload of the template's name is taken for what is
	// behind it before those of other kinds are.
	named bool
	// counted is set where its status has counts, so that those that are absent are zero.
	counted bool
}

// kinds are in the order in which a workload of the template's name is looked for. Of two
// of one name the first is meant where no group is named.
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

// kindOf returns the known kind of the name.
func kindOf(name string) (kind, bool) {
	for _, k := range kinds {
		if k.name == name {
			return k, true
		}
	}
	return kind{}, false
}

// kind returns the known kind that the reference is of.
func (r Ref) kind() (kind, bool) {
	for _, k := range kinds {
		if k.name == r.Kind && k.group == r.Group {
			return k, true
		}
	}
	return kind{}, false
}

// replicated reports whether Karmada counts the replicas of the resource.
func (r Ref) replicated() bool {
	k, _ := r.kind()
	return k.replicated
}

// IsCounted reports whether a status of the resource has counts of replicas, so that those
// that are absent are zero.
func (r Ref) IsCounted() bool {
	k, _ := r.kind()
	return k.counted
}

// IsRead reports whether the resource is of a kind that Nearcast knows: one that declares
// functions, or a workload's.
func (r Ref) IsRead() bool {
	_, known := r.kind()
	return known || r.Declares()
}

// IsKnative reports whether the reference is of a Knative Service.
func (r Ref) IsKnative() bool { return r.Group == knativeGroup && r.Kind == "Service" }

// anyGroup is the group of a workload that is annotated by a kind alone that is not known.
const anyGroup = "*"

// Declares reports whether the reference is of a kind that declares functions.
func (r Ref) Declares() bool {
	return r.Group == "" && r.Kind == "Service" || r.Group == "networking.k8s.io" && r.Kind == "Ingress"
}

// parseWorkload parses "Kind/name" or "Kind.group/name".
func parseWorkload(v, namespace string) (Ref, error) {
	resource, name, ok := strings.Cut(v, "/")
	kindName, group, grouped := strings.Cut(resource, ".")
	if !ok || kindName == "" || name == "" || strings.Contains(name, "/") || grouped && group == "" {
		return Ref{}, fmt.Errorf("%q is not Kind/name or Kind.group/name, such as Deployment/web or Rollout.argoproj.io/web", v)
	}
	if !grouped {
		k, known := kindOf(kindName)
		if group = k.group; !known {
			group = anyGroup
			if near := nearestKind(kindName); near != "" {
				return Ref{}, fmt.Errorf("%q: kind %s is not known; did you mean %s? Otherwise write %s.group/%s", v, kindName, near, kindName, name)
			}
		}
	}
	return Ref{Group: group, Kind: kindName, Namespace: namespace, Name: name}, nil
}

// nearestKind returns the known kind that may be meant by a name that is none, or "".
func nearestKind(name string) string {
	all := make([]string, len(kinds))
	for i, k := range kinds {
		all[i] = k.name
	}
	return nearestWord(name, all)
}

// ofAnyGroup returns the reference by which a workload is looked for whose annotation
// names no group, and false for kinds whose group is known.
func (r Ref) ofAnyGroup() (Ref, bool) {
	_, known := kindOf(r.Kind)
	r.Group = anyGroup
	return r, !known
}

// isOther reports whether what is bound is a workload of a kind that is not looked for
// by itself: one that is known, or that has replicas. Those of a Job run to completion.
func (b *Binding) isOther() bool {
	if k, known := b.Resource.kind(); known {
		return !k.named
	}
	if b.Resource.Declares() || b.Resource.Group == "batch" {
		return false
	}
	return slices.ContainsFunc(b.Members, func(m Member) bool {
		return m.Replicas > 0 || m.seen != nil && m.seen.Capacity != nil
	})
}
