package federation

import (
	"fmt"
	"slices"
	"strings"
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

// kindOf returns the known kind with the name.
func kindOf(name string) (kind, bool) {
	for _, k := range kinds {
		if k.name == name {
			return k, true
		}
	}
	return kind{}, false
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

// replicated reports whether Karmada counts the replicas of the resource.
func (r Ref) replicated() bool {
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

// anyGroup is the group of a workload whose annotation gives only a kind that is not
// known.
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

// nearestKind returns the known kind that an unknown name probably means, or "".
func nearestKind(name string) string {
	all := make([]string, len(kinds))
	for i, k := range kinds {
		all[i] = k.name
	}
	return nearestWord(name, all)
}

// ofAnyGroup returns the reference by which to look up a workload whose annotation names
// no group; it returns false for kinds whose group is known.
func (r Ref) ofAnyGroup() (Ref, bool) {
	_, known := kindOf(r.Kind)
	r.Group = anyGroup
	return r, !known
}

// isOther reports whether the bound resource is a workload of a kind that is not looked
// up on its own: a known kind, or one with replicas. The replicas of a Job run to
// completion.
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
