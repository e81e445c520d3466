package build

import (
	"slices"
	"unique"

	"github.com/nearcast/nearcast/internal/base/brief"
	"github.com/nearcast/nearcast/internal/federation"
)

// place sets f's placements and refusals from the bindings of its template and workload.
func (b *pass) place(f *federation.Function) {
	template := b.binding(f.Ref())
	if template == nil {
		f.Unplaced = noBinding(f.Ref())
		return
	}
	p := placing{pass: b, f: f, template: template, work: b.workload(f.Template, template)}
	p.family, p.like = b.familyOf(f, template, p.work)
	p.place()
}

// placing places one function.
type placing struct {
	*pass
	f        *federation.Function
	template *federation.Binding
	work     *workload
	family   *family // nil if no function is like it
	like     likeBindings
}

func (b *placing) place() {
	if b.family != nil {
		if list, known := b.family.lists[b.like]; known {
			b.f.Placements = list
			return
		}
	}
	noted := b.noted()
	clusters := clustersOf(b.template)
	if len(clusters) == 0 {
		b.f.Unplaced = unplaced(b.template)
	}
	b.f.Placements = make([]*federation.Placement, 0, len(clusters))
	healthy := false
	for _, cluster := range clusters {
		if p := b.decide(cluster, noted); p != nil {
			b.f.Placements = append(b.f.Placements, p)
			healthy = healthy || p.Serving() && !p.Outdated
		}
	}
	if !healthy && placedAnywhere(b.template) && (b.work == nil || b.work.placedAnywhere()) {
		b.handOver()
	}
	if b.probe.Host == "" {
		b.f.Placements = b.lists.share(b.f.Placements)
	}
	if b.family != nil && b.f.Refused == nil && b.f.Unplaced == "" && b.noted() == noted {
		b.family.lists[b.like] = b.f.Placements
	}
}

// decide returns the placement in the cluster; if there is none, it adds a refusal.
func (b *placing) decide(cluster string, noted int) *federation.Placement {
	var like likeMembers
	if b.family != nil {
		like = b.membersIn(cluster)
		if p := b.family.placements[like]; p != nil {
			return p
		}
	}
	p, refusal := b.placement(b.f.Template, b.template, b.work, cluster, "")
	if refusal != "" {
		b.f.Refused = append(b.f.Refused, federation.Refusal{Cluster: cluster, Reason: refusal, Leaving: p.Leaving})
		return nil
	}
	one := b.share(p)
	if b.family != nil && b.noted() == noted {
		b.family.placements[like] = one
	}
	return one
}

// noBinding says why a resource without a binding runs nowhere.
func noBinding(of federation.Ref) string {
	return brief.Text("no ResourceBinding of " + of.String() + ": it is not propagated")
}

// unplaced says why the binding names no cluster.
func unplaced(b *federation.Binding) string {
	if b.Unscheduled != "" {
		return brief.Text("Karmada could not schedule " + b.Resource().String() + ": " + b.Unscheduled)
	}
	return brief.Text("the ResourceBinding of " + b.Resource().String() + " names no cluster")
}

func placedAnywhere(b *federation.Binding) bool {
	return slices.ContainsFunc(b.Members, func(m federation.Member) bool { return m.Placed })
}

// handOver keeps the clusters from which Karmada has just removed the function but that
// it still reports as running it, until the new placements are healthy. Karmada itself
// waits for that only during an eviction, and not when a policy changes.
func (b *placing) handOver() {
	f := b.f
	for _, member := range b.template.Members {
		cluster := member.Cluster()
		isPlacement := func(p *federation.Placement) bool { return b.state.Clusters[p.Cluster].Name == cluster }
		if !member.Observed().Applied || slices.ContainsFunc(f.Placements, isPlacement) {
			continue
		}
		p, refusal := b.placement(f.Template, b.template, b.work, cluster, "moved to other clusters, where it is not healthy yet")
		if refusal != "" {
			continue
		}
		f.Placements = append(f.Placements, b.share(p))
		f.Refused = slices.DeleteFunc(f.Refused, func(r federation.Refusal) bool { return r.Cluster == cluster })
	}
	slices.SortFunc(f.Placements, func(a, b *federation.Placement) int { return a.Cluster - b.Cluster })
}

// clustersOf returns the clusters that the binding names, sorted: clusters where the
// resource is placed, or from which a task evicts it while the work still runs.
func clustersOf(b *federation.Binding) []string {
	var names []string
	for _, m := range b.Members {
		if m.Placed {
			names = append(names, m.Cluster())
		}
	}
	for _, e := range b.Evictions {
		if !e.Purged {
			names = append(names, e.Cluster)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// places reports whether the binding's resource runs in the cluster, and why it is
// leaving if it is. If handOver is not empty, it is the reason to leave, and a resource
// that is no longer placed but still runs counts too.
func places(b *federation.Binding, cluster, handOver string) (placed bool, leaving string) {
	here := b.In(cluster)
	if here.Placed {
		return true, ""
	}
	if handOver != "" {
		return here.Observed().Applied, handOver
	}
	for _, e := range b.Evictions {
		// Once Karmada no longer reports the work, it is gone.
		if e.Cluster == cluster && !e.Purged && here.Observed().EverApplied() {
			return true, "evicted by Karmada"
		}
	}
	return false, ""
}

// placement decides about one cluster: it returns a placement, or the reason why there is
// none. handOver is as in places.
func (b *pass) placement(t *federation.Template, template *federation.Binding, work *workload, cluster, handOver string) (federation.Placement, string) {
	index := b.state.ClusterIndex(cluster)
	if index < 0 {
		return federation.Placement{}, "no Cluster has this name, or it was refused"
	}
	if m := b.in.exposed[t.Ref()]; m != nil && len(m.Providers) > 0 && !slices.Contains(m.Providers, cluster) {
		return federation.Placement{}, "its MultiClusterService has no provider here"
	}
	placed, leaving := places(template, cluster, handOver)
	if !placed {
		return federation.Placement{}, "evicted by Karmada, and its Work is deleted"
	}
	seen := template.In(cluster).Observed()
	if !seen.EverApplied() {
		return federation.Placement{}, seen.Unapplied()
	}
	p := federation.Placement{Cluster: index, Health: seen.Health, Outdated: !seen.Applied, Leaving: leaving}
	if t.Balanced && p.Health == federation.Unhealthy {
		p.Health = federation.HealthUnknown // only says that the load balancer has no address yet
	}
	if work != nil {
		r, refusal := work.in(cluster, handOver)
		if refusal != "" {
			return federation.Placement{}, refusal
		}
		p.Replicas, p.Cold, p.Health = r.replicas, !r.warm, r.health
		p.Runtime, p.Capacity = r.runtime, r.capacity
		if p.Leaving == "" {
			p.Leaving = r.leaving
		}
	}
	var refusal string
	if p.Endpoints, refusal = b.endpoints(t, &b.state.Clusters[index], seen); refusal != "" {
		return federation.Placement{Leaving: p.Leaving}, refusal
	}
	p.Endpoints = b.atNodePort(t, p.Endpoints)
	p.Target = unique.Make(b.target(t, &p))
	return p, ""
}
