package federation

import (
	"slices"
	"strings"
	"unique"

	"github.com/nearcast/nearcast/internal/base/brief"
)

// Binding is a Karmada ResourceBinding: what runs in which cluster, and in what state. There
// are as many as functions and workloads, so it is kept small. Make it with NewBinding.
type Binding struct {
	name     string
	resource string // the name of what it places
	uid      UID
	line     int32
	common   unique.Handle[boundCommon]
	// Placing is never nil. Other bindings may share it; see Share.
	*Placing
}

// boundCommon is what bindings have in common: kinds, their own and those of what they place, and
// where they are.
type boundCommon struct{ group, kind, resourceGroup, resourceKind, namespace, file string }

// Placing is what a binding says of its resource.
type Placing struct {
	// Members are the clusters that Karmada names, sorted by name. There is one for each
	// function in each cluster, so they are kept small.
	Members   []Member
	Evictions []Eviction
	// Unscheduled is the scheduler's reason for finding no cluster or too few; "" if it
	// found enough.
	Unscheduled string
}

// NewBinding returns a binding of the resource, which is in its own namespace, to no cluster. It
// keeps neither annotations nor the time of creation, which nobody reads.
func NewBinding(m Meta, resource Ref) *Binding {
	return &Binding{
		name: m.Name, resource: resource.Name, uid: m.UID, line: m.Line,
		common:  unique.Make(boundCommon{m.Group, m.Kind, resource.Group, resource.Kind, m.Namespace, m.File}),
		Placing: &Placing{},
	}
}

// Ref returns the binding's own reference.
func (b *Binding) Ref() Ref {
	of := b.common.Value()
	return Ref{of.group, of.kind, of.namespace, b.name}
}

// Resource returns what the binding places. Bindings are indexed by it and never by their
// own name, which omits the group.
func (b *Binding) Resource() Ref {
	of := b.common.Value()
	return Ref{of.resourceGroup, of.resourceKind, of.namespace, b.resource}
}

// UID returns the binding's UID.
func (b *Binding) UID() UID { return b.uid }

func (b *Binding) ref() Ref { return b.Ref() }

func (b *Binding) meta() *Meta {
	m := MetaAt(b.Ref(), Origin{File: b.common.Value().file, Line: int(b.line)})
	m.UID = b.uid
	return &m
}

// Clone returns a copy that may be changed.
func (b *Binding) Clone() *Binding {
	c := *b
	c.Placing = &Placing{slices.Clone(b.Members), slices.Clone(b.Evictions), b.Unscheduled}
	return &c
}

// Member is what a binding says of one cluster.
type Member struct {
	cluster unique.Handle[string]
	// Placed is set if the cluster currently runs the resource, with this many replicas.
	Placed   bool
	Replicas int32
	// seen is nil if Karmada reports nothing. Other Members may share it.
	seen *Observed
}

// Cluster returns the cluster's name; "" for the zero Member.
func (m Member) Cluster() string {
	if m.cluster == (unique.Handle[string]{}) {
		return ""
	}
	return m.cluster.Value()
}

// Observed returns what Karmada last saw in the cluster; zero if it reports nothing.
func (m Member) Observed() Observed {
	if m.seen == nil {
		return Observed{}
	}
	return *m.seen
}

// IsSeen reports whether Karmada reports anything of the cluster.
func (m Member) IsSeen() bool { return m.seen != nil }

// Eviction is one of a binding's graceful eviction tasks.
type Eviction struct {
	Cluster string
	// Purged is set if the task's purge mode keeps nothing running.
	Purged bool
}

// Observed is what Karmada last saw of a resource in one cluster.
type Observed struct {
	Applied bool `json:",omitempty"`
	// WasApplied is maintained by the Store: it is set if Applied was seen earlier but no
	// longer is, for as long as the cluster stays in the binding.
	WasApplied bool   `json:",omitempty"`
	Health     Health `json:",omitempty"`
	Message    string `json:",omitempty"`
	// LoadBalancer is the address in the resource's own status.
	LoadBalancer Endpoint `json:",omitzero"`
	// LoadBalancerNames are canonical. They are only set if the load balancer reports no
	// address.
	LoadBalancerNames []string `json:",omitempty"`
	// Capacity is nil if the resource's status does not report it.
	Capacity *Capacity `json:",omitempty"`
	// Idle is set if the resource has no replica because none is wanted, or may have none
	// at any time, like a Knative Service without a minimum scale.
	Idle bool `json:",omitempty"`
	// Unread says which part of the status could not be read; "" if all could be.
	Unread string `json:",omitempty"`
}

// EverApplied reports whether the work was ever applied.
func (o Observed) EverApplied() bool { return o.Applied || o.WasApplied }

// Unapplied says why the work was never applied.
func (o Observed) Unapplied() string {
	if o.Message == "" {
		return "not applied yet"
	}
	return brief.Text("not applied yet: " + o.Message)
}

// Balanced reports whether a load balancer reports an address or a name.
func (o Observed) Balanced() bool {
	return !o.LoadBalancer.IsZero() || len(o.LoadBalancerNames) > 0
}

// search returns the index of the cluster among the members, or where it belongs.
func (b *Binding) search(cluster string) (int, bool) {
	return slices.BinarySearchFunc(b.Members, cluster, func(m Member, name string) int { return strings.Compare(m.Cluster(), name) })
}

// In returns what the binding says of the cluster; zero if it does not name the cluster.
func (b *Binding) In(cluster string) Member {
	if i, found := b.search(cluster); found {
		return b.Members[i]
	}
	return Member{}
}

// named returns the cluster's member and adds it if needed. The caller must be the
// binding's only owner to write to it.
func (b *Binding) named(cluster string) *Member {
	i, found := b.search(cluster)
	if !found {
		b.Members = slices.Insert(b.Members, i, Member{cluster: unique.Make(cluster)})
	}
	return &b.Members[i]
}

// Place records, while the binding is built, that the cluster runs the resource.
func (b *Binding) Place(cluster string, replicas int32) {
	m := b.named(cluster)
	m.Placed, m.Replicas = true, replicas
}

// Observe records, while the binding is built, what Karmada saw in the cluster. It
// shortens and escapes text that members wrote.
func (b *Binding) Observe(cluster string, o Observed) {
	o.Message, o.Unread = brief.Text(o.Message), brief.Text(o.Unread)
	b.named(cluster).seen = o.shared()
}
