package build

import (
	"slices"
	"unique"

	"github.com/nearcast/nearcast/internal/base/brief"
	"github.com/nearcast/nearcast/internal/federation"
)

// place sets f's placements and refusals from the bindings of its template and workload.
func (b *pass) place(f *federation.Function) {
	template := b.binding(f.Ref)
	if template == nil {
		f.Unplaced = noBinding(f.Ref)
		return
	}
	work := b.workload(f.Template)
	healthy := false
	clusters := clustersOf(template)
	if len(clusters) == 0 {
		f.Unplaced = unplaced(template)
	}
	f.Placements = make([]*federation.Placement, 0, len(clusters))
	for _, cluster := range clusters {
		p, refusal := b.placement(f.Template, template, work, cluster, "")
		if refusal != "" {
			f.Refused = append(f.Refused, federation.Refusal{Cluster: cluster, Reason: refusal, Leaving: p.Leaving})
			continue
		}
		f.Placements = append(f.Placements, b.share(p))
		healthy = healthy || p.Serving() && !p.Outdated
	}
	if !healthy && placedAnywhere(template) && (work == nil || slices.ContainsFunc(work.bindings, placedAnywhere)) {
		b.handOver(f, template, work)
	}
	f.Placements = b.lists.share(f.Placements)
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
func (b *pass) handOver(f *federation.Function, template *federation.Binding, work *workload) {
	for _, member := range template.Members {
		cluster := member.Cluster()
		isPlacement := func(p *federation.Placement) bool { return b.state.Clusters[p.Cluster].Name == cluster }
		if !member.Observed().Applied || slices.ContainsFunc(f.Placements, isPlacement) {
			continue
		}
		p, refusal := b.placement(f.Template, template, work, cluster, "moved to other clusters, where it is not healthy yet")
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
	if m := b.in.exposed[t.Ref]; m != nil && len(m.Providers) > 0 && !slices.Contains(m.Providers, cluster) {
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
