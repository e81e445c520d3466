package federation

import (
	"net/netip"
	"slices"
)

// touch has the entry, which may be nil, made anew.
func (b *Builder) touch(e *entry) {
	if e != nil && !e.stale {
		e.stale = true
		b.stale = append(b.stale, e)
	}
}

// touchUsers touches the entries that looked at the resource's binding, or at the
// workload: templates of its own name look without being told to.
func (b *Builder) touchUsers(resource Ref) {
	b.touch(b.entries[resource])
	b.touch(b.entries[Ref{Kind: "Service", Namespace: resource.Namespace, Name: resource.Name}])
	b.touch(b.entries[Ref{Group: "networking.k8s.io", Kind: "Ingress", Namespace: resource.Namespace, Name: resource.Name}])
	for e := range b.users[resource].all() {
		b.touch(e)
	}
}

// touchAll touches every entry where moved says so, or else those that may answer with
// a VIP that came or is gone; it then looks at all of them, which allocates nothing and
// takes about a hundred milliseconds for a hundred thousand functions in eight clusters.
func (b *Builder) touchAll(moved bool) {
	if len(b.otherVIPs) == 0 && !moved {
		return
	}
	other := func(a netip.Addr) bool { return b.otherVIPs[a] }
	for _, e := range b.entries {
		if moved || b.mayAnswer(e, other) {
			b.touch(e)
		}
	}
}

// mayAnswer reports whether one of the entry's own addresses, beside gateways, is such.
func (b *Builder) mayAnswer(e *entry, such func(netip.Addr) bool) bool {
	if e.gone {
		return false
	}
	for _, byCluster := range e.template.Fixed {
		for _, fixed := range byCluster {
			if fixed.any(such) {
				return true
			}
		}
	}
	if binding := b.in.bindings.holder[e.template.Ref]; binding != nil {
		for _, member := range binding.Members {
			if member.Observed().LoadBalancer.any(such) {
				return true
			}
		}
	}
	return e.needs != nil && slices.ContainsFunc(e.needs.lookups, func(name string) bool { return b.lookups[name].endpoint.any(such) })
}

// touchSelectors touches the entries whose selectors may match workloads that are new.
func (b *Builder) touchSelectors() {
	seen := map[label]bool{}
	for _, w := range b.otherWork {
		for k, v := range w.PodLabels {
			l := label{w.Namespace, k, v}
			if seen[l] {
				continue
			}
			seen[l] = true
			for e := range b.selecting[l].all() {
				b.touch(e)
			}
		}
	}
}

// touchResolved touches the entries for which a load balancer's name has other
// addresses now.
func (b *Builder) touchResolved() {
	if b.Resolve == nil {
		return
	}
	for name, l := range b.lookups {
		e, _ := b.Resolve(name)
		if !e.equal(l.endpoint) {
			l.endpoint = e
			for user := range l.users {
				b.touch(user)
			}
		}
	}
}
