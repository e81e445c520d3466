package federation

import (
	"slices"
	"strings"
)

// What a new version of an object does not say, because Karmada forgets it or because it
// cannot be read, is carried over from the one before.

// remember has the cluster keep, of each annotation that is refused now, the value of
// before, if that was good.
func (c *Cluster) remember(before *Cluster, faults []Fault) *Cluster {
	if before == nil || before.UID != c.UID {
		return c
	}
	kept := slices.DeleteFunc(slices.Clone(before.Annotations), func(a Annotation) bool {
		return !slices.ContainsFunc(faults, func(f Fault) bool { return f.Key == a.Key })
	})
	if len(kept) == 0 {
		return c
	}
	merged := *c
	merged.Annotations = append(slices.Clone(c.Annotations), kept...)
	slices.SortFunc(merged.Annotations, func(a, b Annotation) int { return strings.Compare(a.Key, b.Key) })
	merged.Gateways = nil // are parsed again, with all others
	ParseCluster(&merged)
	return &merged
}

// remember carries over from before what Karmada forgets when an update fails
// to apply, or a member's API cannot be reached: that the resource was applied
// once, and its address; and what cannot be read now. It is kept for as long as
// Karmada names the cluster. Most bindings have nothing to carry over, and stay what
// they are.
func (b *Binding) remember(before *Binding) *Binding {
	if before == nil || before.UID != b.UID {
		return b
	}
	merged := b
	for i, m := range b.Members {
		was := before.In(m.Cluster())
		if m.complete(was) {
			continue // as most are
		}
		if !was.Observed().everApplied() || m.seen == nil && !was.Placed {
			continue
		}
		if merged == b {
			merged = new(*b)
			merged.Members = slices.Clone(b.Members)
		}
		merged.Members[i].seen = m.Observed().remember(was.Observed()).shared()
	}
	if merged != b {
		merged.share()
	}
	return merged
}

// complete reports whether what is seen in the cluster, or that nothing is where nothing is
// placed, says all by itself.
func (m Member) complete(was Member) bool {
	if m.seen == nil {
		return !m.Placed
	}
	o := m.seen
	silent := o.Capacity == nil || o.Capacity.none()
	return o.Applied && o.Unread == "" && !o.Capacity.scarce() && (!silent || o.Idle || !was.Observed().Idle)
}

func (o Observed) remember(before Observed) Observed {
	o.WasApplied = !o.Applied
	unknown := !o.Applied || o.Unread != ""
	if unknown && !o.Balanced() {
		o.LoadBalancer, o.LoadBalancerNames = before.LoadBalancer, before.LoadBalancerNames
	}
	if o.Unread != "" && o.Capacity == nil {
		o.Capacity = before.Capacity
	}
	if o.Capacity.scarce() && before.Capacity != nil {
		o.Capacity = new(o.Capacity.since(*before.Capacity))
	}
	if !before.Idle || o.Capacity != nil && !o.Capacity.none() {
		return o
	}
	// What had no replica, and shows none, still has none: a probe would start it. Karmada
	// calls it Unhealthy until an update is seen, in all clusters at once.
	if o.Idle = true; o.Health == Unhealthy && o.Capacity != nil {
		o.Health = before.Health
	}
	return o
}
