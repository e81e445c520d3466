package federation

import (
	"encoding/json"
	"slices"
	"strings"
	"unique"

	"github.com/nearcast/nearcast/internal/brief"
)

// Binding is a Karmada ResourceBinding: what is placed where, and how it fares.
type Binding struct {
	Meta
	// Resource is what the binding places. Bindings are indexed by it, never by
	// their own name, which leaves out the group.
	Resource Ref
	// Members are the clusters that Karmada names, sorted by name. There is one for
	// each function in each cluster, so that they are small; see Share.
	Members   []Member
	Evictions []Eviction
	// Unscheduled is the scheduler's reason for finding no cluster, or not enough of
	// them; "" where it found what it looked for.
	Unscheduled string
}

// Member is what a binding says of one cluster.
type Member struct {
	cluster unique.Handle[string]
	// Placed is set where the cluster runs the resource now, with so many replicas.
	Placed   bool
	Replicas int32
	// seen is nil where Karmada does not tell. It may be others' too.
	seen *Observed
}

// Cluster is the cluster's name; "" of the zero Member.
func (m Member) Cluster() string {
	if m.cluster == (unique.Handle[string]{}) {
		return ""
	}
	return m.cluster.Value()
}

// Observed is what Karmada last saw there; zero where it does not tell.
func (m Member) Observed() Observed {
	if m.seen == nil {
		return Observed{}
	}
	return *m.seen
}

// Eviction is one of a binding's graceful eviction tasks.
type Eviction struct {
	Cluster string
	// Purged is set where the task's purge mode keeps nothing running.
	Purged bool
}

// Observed is what Karmada last saw of a resource in one cluster.
type Observed struct {
	Applied bool `json:",omitempty"`
	// WasApplied is kept by the Store: set where Applied was seen and is not any more,
	// for as long as the cluster stays in the binding.
	WasApplied bool   `json:",omitempty"`
	Health     Health `json:",omitempty"`
	Message    string `json:",omitempty"`
	// LoadBalancer is the address in the resource's own status.
	LoadBalancer Endpoint `json:",omitzero"`
	// LoadBalancerNames are canonical, and there only where the load balancer
	// reports no address.
	LoadBalancerNames []string `json:",omitempty"`
	// Capacity is nil where the resource's status does not tell.
	Capacity *Capacity `json:",omitempty"`
	// Idle is set where the resource has no replica because none is wanted, or may have
	// none at any time, as a Knative Service without a least scale.
	Idle bool `json:",omitempty"`
	// Unread says what of the status could not be read; "" for nothing.
	Unread string `json:",omitempty"`
}

// everApplied reports whether the work was applied once.
func (o Observed) everApplied() bool { return o.Applied || o.WasApplied }

// unapplied says why the work was never applied.
func (o Observed) unapplied() string {
	if o.Message == "" {
		return "not applied yet"
	}
	return brief.Text("not applied yet: " + o.Message)
}

// Balanced reports whether a load balancer reports an address or a name.
func (o Observed) Balanced() bool {
	return !o.LoadBalancer.IsZero() || len(o.LoadBalancerNames) > 0
}

// search is where the cluster is among the members, or belongs.
func (b *Binding) search(cluster string) (int, bool) {
	return slices.BinarySearchFunc(b.Members, cluster, func(m Member, name string) int { return strings.Compare(m.Cluster(), name) })
}

// In is what the binding says of the cluster; zero where it does not name it.
func (b *Binding) In(cluster string) Member {
	if i, found := b.search(cluster); found {
		return b.Members[i]
	}
	return Member{}
}

// named is the cluster's member, which is added if need be. Who writes it must be
// the binding's only owner.
func (b *Binding) named(cluster string) *Member {
	i, found := b.search(cluster)
	if !found {
		b.Members = slices.Insert(b.Members, i, Member{cluster: unique.Make(cluster)})
	}
	return &b.Members[i]
}

// Place has the cluster run the resource, while the binding is made.
func (b *Binding) Place(cluster string, replicas int32) {
	m := b.named(cluster)
	m.Placed, m.Replicas = true, replicas
}

// Observe has Karmada see o in the cluster, while the binding is made. What members wrote
// in it is made fit to be kept.
func (b *Binding) Observe(cluster string, o Observed) {
	o.Message, o.Unread = brief.Text(o.Message), brief.Text(o.Unread)
	b.named(cluster).seen = o.shared()
}

// written is a Binding as snapshots have it.
type written struct {
	Meta
	Resource    Ref
	Members     []writtenMember
	Evictions   []Eviction `json:",omitempty"`
	Unscheduled string     `json:",omitempty"`
}

type writtenMember struct {
	Cluster  string
	Placed   bool      `json:",omitempty"`
	Replicas int32     `json:",omitempty"`
	Seen     *Observed `json:",omitempty"`
}

// MarshalJSON writes the binding for a snapshot.
func (b *Binding) MarshalJSON() ([]byte, error) {
	w := written{b.Meta, b.Resource, make([]writtenMember, len(b.Members)), b.Evictions, b.Unscheduled}
	for i, m := range b.Members {
		w.Members[i] = writtenMember{m.Cluster(), m.Placed, m.Replicas, m.seen}
	}
	return json.Marshal(w)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (b *Binding) UnmarshalJSON(data []byte) error {
	var w written
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	*b = Binding{Meta: w.Meta, Resource: w.Resource, Evictions: w.Evictions, Unscheduled: brief.Text(w.Unscheduled), Members: make([]Member, 0, len(w.Members))}
	for _, m := range w.Members {
		if m.Placed {
			b.Place(m.Cluster, m.Replicas)
		}
		if m.Seen != nil {
			b.Observe(m.Cluster, *m.Seen)
		}
	}
	return nil
}
