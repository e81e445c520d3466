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

// portsOf gives a Service that an older version kept, which has no numbers of its ports,
// those that it was probed on: it cannot be seen whether they are its own, and it goes on.
func portsOf(t *federation.Template) {
	if t.Kind != "Service" || t.TCPPort == 0 || len(t.Numbers) > 0 {
		return
	}
	add := func(port uint16) {
		if n := (federation.PortNumbers{Port: port}); port != 0 && !slices.Contains(t.Numbers, n) {
			t.Numbers = append(t.Numbers, n)
		}
	}
	add(t.TCPPort)
	if t.Probe != nil {
		add(t.Probe.Port)
	}
	for _, byCluster := range t.Fixed {
		for _, e := range byCluster {
			add(e.Port)
		}
	}
}
