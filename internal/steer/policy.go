package steer

import (
	"fmt"
	"maps"
	"slices"

	"github.com/nearcast/nearcast/internal/federation"
)

// Policy orders the candidates of one tier. To add one, write a type like those
// in nearest.go, failover.go and weighted.go, and name it in
// federation.Policies; a test fails until both are done.
//
// Pick is on the path of every query: it must not allocate, lock or block.
type Policy interface {
	// Pick returns the member of mask, which is not empty, to answer with.
	// Removing it and picking again gives the second choice, and so on.
	Pick(mask Mask, in Input) int
	// Term says in a few words what put the cluster where it stands.
	Term(cluster int, in Input) string
}

// Input is what a Policy decides by.
type Input struct {
	// Order is the order of clusters where the client is.
	Order Order
	// Modifier is the function's own; nil where it has none.
	Modifier *Modifier
	// Point is a number that is the same for one client and function for the
	// time of a TTL, and spread evenly over clients, functions and time.
	Point uint64

	table    *Table
	standing *Standing
	location int
}

// Modifier is what a function's weights mean to its policy, by cluster.
type Modifier struct {
	// Weights are by cluster index.
	Weights []uint32
	// Order is the clusters that were given a weight, lowest first.
	Order Order
}

var policies = map[string]Policy{}

func register(name string, p Policy) { policies[name] = p }

// PolicyNames returns the names of all policies, sorted.
func PolicyNames() []string { return slices.Sorted(maps.Keys(policies)) }

// modifier compiles the function's weights. Without any, replicas are the
// weights; a placement that has none counts as one replica, or a cold function
// would never be called.
func (t *Table) modifier(f *federation.Function, interned map[string]*Modifier) *Modifier {
	m := &Modifier{Weights: make([]uint32, len(t.State.Clusters))}
	if len(f.Weights) == 0 {
		for _, p := range f.Placements {
			m.Weights[p.Cluster] = uint32(max(1, p.Replicas))
		}
	}
	weights := slices.Clone(f.Weights)
	slices.SortStableFunc(weights, func(a, b federation.Weight) int { return int(a.Value) - int(b.Value) })
	for _, w := range weights {
		if i := t.State.ClusterIndex(w.Cluster); i >= 0 {
			m.Weights[i] = w.Value
			m.Order = append(m.Order, uint16(i))
		}
	}
	key := fmt.Sprint(m.Weights, m.Order)
	if same := interned[key]; same != nil {
		return same
	}
	interned[key] = m
	return m
}
