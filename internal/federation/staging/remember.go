package staging

import (
	"slices"
	"strings"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/annotation"
)

// Values that a new version of an object lacks, because Karmada drops them or because
// they cannot be read, are carried over from the previous version.

// remember returns the object of the reading with what it lacks of its last version, which
// may be nil.
func remember(r Reading, last federation.Object) federation.Object {
	switch is := r.Object.(type) {
	case *federation.Binding:
		before, _ := last.(*federation.Binding)
		return rememberBinding(is, before)
	case *federation.Cluster:
		before, _ := last.(*federation.Cluster)
		return rememberCluster(is, before, r.Faults)
	}
	return r.Object
}

// rememberCluster keeps, for each annotation that is now refused, the cluster's previous value
// if that was good.
func rememberCluster(c, before *federation.Cluster, faults []federation.Fault) *federation.Cluster {
	if before == nil || before.UID != c.UID {
		return c
	}
	kept := slices.DeleteFunc(slices.Clone(before.Annotations), func(a federation.Annotation) bool {
		return !slices.ContainsFunc(faults, func(f federation.Fault) bool { return f.Key == a.Key })
	})
	if len(kept) == 0 {
		return c
	}
	merged := *c
	merged.Annotations = append(slices.Clone(c.Annotations), kept...)
	slices.SortFunc(merged.Annotations, func(a, b federation.Annotation) int { return strings.Compare(a.Key, b.Key) })
	merged.Gateways = nil // all annotations are parsed again
	annotation.Parse(&merged)
	return &merged
}

// rememberBinding carries over what Karmada drops when an update cannot be applied or a member's
// API cannot be reached: that the resource was applied once, and its address. It also
// carries over what cannot be read now. It keeps these values for as long as Karmada
// names the cluster. Most bindings need nothing and stay unchanged.
func rememberBinding(b, before *federation.Binding) *federation.Binding {
	if before == nil || before.UID() != b.UID() {
		return b
	}
	merged := b
	for _, m := range b.Members {
		was := before.In(m.Cluster())
		if complete(m, was) {
			continue // as most are
		}
		if !was.Observed().EverApplied() || !m.IsSeen() && !was.Placed {
			continue
		}
		if merged == b {
			merged = b.Clone()
		}
		merged.Observe(m.Cluster(), remembered(m.Observed(), was.Observed()))
	}
	if merged != b {
		federation.Share(merged)
	}
	return merged
}

// complete reports whether the member needs nothing from its previous version: Karmada sees
// everything in the cluster, or nothing is placed there and nothing is seen.
func complete(m, was federation.Member) bool {
	if !m.IsSeen() {
		return !m.Placed
	}
	o := m.Observed()
	silent := o.Capacity == nil || o.Capacity.None()
	return o.Applied && o.Unread == "" && !o.Capacity.Scarce() && (!silent || o.Idle || !was.Observed().Idle)
}

func remembered(o, before federation.Observed) federation.Observed {
	o.WasApplied = !o.Applied
	unknown := !o.Applied || o.Unread != ""
	if unknown && !o.Balanced() {
		o.LoadBalancer, o.LoadBalancerNames = before.LoadBalancer, before.LoadBalancerNames
	}
	if o.Unread != "" && o.Capacity == nil {
		o.Capacity = before.Capacity
	}
	if o.Capacity.Scarce() && before.Capacity != nil {
		o.Capacity = new(o.Capacity.Since(*before.Capacity))
	}
	if !before.Idle || o.Capacity != nil && !o.Capacity.None() {
		return o
	}
	// A workload that had no replica, and shows none, still has none; a probe would start
	// it. Karmada calls it Unhealthy until it sees an update, in all clusters at once.
	if o.Idle = true; o.Health == federation.Unhealthy && o.Capacity != nil {
		o.Health = before.Health
	}
	return o
}
