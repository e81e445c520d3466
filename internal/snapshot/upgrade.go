package snapshot

import (
	"slices"

	"github.com/nearcast/nearcast/internal/federation"
)

// upgrade2 adds to what format 2 had what it does not say.
func (c *Contents) upgrade2() {
	balanced := map[federation.Ref]bool{}
	for _, o := range c.Objects {
		if b, ok := o.(*federation.Binding); ok {
			balanced[b.Resource] = isBalanced(b)
			idle(b)
		}
	}
	for _, o := range c.Objects {
		if t, ok := o.(*federation.Template); ok {
			t.Balanced = t.Kind == "Ingress" || balanced[t.Ref]
		}
	}
}

// isBalanced reports whether what is bound has a load balancer: one that reports an
// address, or whose lack of one Karmada calls Unhealthy.
func isBalanced(b *federation.Binding) bool {
	return b.Resource.Declares() && slices.ContainsFunc(b.Members, func(m federation.Member) bool {
		o := m.Observed()
		return o.Health == federation.Unhealthy || o.Balanced()
	})
}

// idle notes which workloads have no replica: their counts were absent, and those of
// Knative Services always are. None may be woken.
func idle(b *federation.Binding) {
	if !b.Resource.IsCounted() && !b.Resource.IsKnative() {
		return
	}
	for _, m := range slices.Clone(b.Members) {
		if o := m.Observed(); o.Applied && o.Capacity == nil && o.Health != federation.Unhealthy {
			o.Idle = true
			b.Observe(m.Cluster(), o)
		}
	}
}
