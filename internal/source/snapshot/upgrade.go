package snapshot

import (
	"slices"

	"github.com/nearcast/nearcast/internal/federation"
)

// upgrade2 adds what format 2 does not contain.
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

// isBalanced reports whether the bound resource has a load balancer: one that reports an
// address, or whose missing address makes Karmada call it Unhealthy.
func isBalanced(b *federation.Binding) bool {
	return b.Resource.Declares() && slices.ContainsFunc(b.Members, func(m federation.Member) bool {
		o := m.Observed()
		return o.Health == federation.Unhealthy || o.Balanced()
	})
}

// idle records which workloads have no replica: their counts are missing, as are those of
// Knative Services always. Probes must not wake any of them.
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

// portsOf gives a Service from an older version, which has no port numbers, the ports on
// which it was probed: it cannot be seen whether they are its own, so probing continues.
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
