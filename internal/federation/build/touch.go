package build

import (
	"net/netip"
	"slices"

	"github.com/nearcast/nearcast/internal/federation"
)

// touch marks the entry, which may be nil, to be rebuilt.
func (b *Builder) touch(e *entry) {
	if e != nil && !e.stale {
		e.stale = true
		b.stale = append(b.stale, e)
	}
}

// touchUsers touches the entries that looked at the resource's binding, or at the
// workload. Templates with its name always look at it without being recorded. While
// everything is staged, declare touches every entry.
func (b *Builder) touchUsers(resource federation.Ref) {
	if b.first {
		return
	}
	b.touch(b.entries.Get(resource))
	b.touch(b.entries.Get(federation.Ref{Kind: "Service", Namespace: resource.Namespace, Name: resource.Name}))
	b.touch(b.entries.Get(federation.Ref{Group: "networking.k8s.io", Kind: "Ingress", Namespace: resource.Namespace, Name: resource.Name}))
	for e := range b.users[resource].all() {
		b.touch(e)
	}
}

// touchAll touches every entry if moved is set; otherwise only those that may answer with
// a VIP that was added or removed. For that it checks all entries, which allocates
// nothing and takes about a hundred milliseconds for a hundred thousand functions in
// eight clusters.
func (b *Builder) touchAll(moved bool) {
	if len(b.changedVIPs) == 0 && !moved {
		return
	}
	other := func(a netip.Addr) bool { return b.changedVIPs[a] }
	for e := range b.entries.All() {
		if moved || b.mayAnswer(e, other) {
			b.touch(e)
		}
	}
}

// mayAnswer reports whether any address of the entry's own, not of a gateway, satisfies
// pred.
func (b *Builder) mayAnswer(e *entry, pred func(netip.Addr) bool) bool {
	if e.gone {
		return false
	}
	for _, byCluster := range e.template.Fixed {
		for _, fixed := range byCluster {
			if fixed.Any(pred) {
				return true
			}
		}
	}
	if binding := b.in.bindings.holder.Get(e.template.Ref()); binding != nil {
		for _, member := range binding.Members {
			if member.Observed().LoadBalancer.Any(pred) {
				return true
			}
		}
	}
	return slices.ContainsFunc(e.needs.lookups, func(name string) bool { return b.lookups[name].endpoint.Any(pred) })
}

// touchSelectors touches the entries whose selectors may match new workloads.
func (b *Builder) touchSelectors() {
	seen := map[label]bool{}
	for _, w := range b.newWorkloads {
		for _, of := range w.PodLabels {
			l := label{w.Namespace, of}
			if seen[l] {
				continue
			}
			seen[l] = true
			for e := range b.selecting.Get(l).all() {
				b.touchUsers(e.template.Ref())
			}
			for s := range b.in.behind.all(l) {
				b.touchUsers(s.Ref())
			}
		}
	}
}

// touchResolved touches the entries for which the addresses of a load balancer's name
// changed.
func (b *Builder) touchResolved() {
	if b.Resolve == nil {
		return
	}
	for name, l := range b.lookups {
		e, _ := b.Resolve(name)
		if !e.Equal(l.endpoint) {
			l.endpoint = e
			for user := range l.users {
				b.touch(user)
			}
		}
	}
}
