// Package federation is Nearcast's model: the clusters of a Karmada federation,
// the functions declared on its API and the placements that join the two.
//
// The package is pure: it knows no Kubernetes client, no DNS and no network.
// Sources stage slim objects in package staging; package build turns what is staged into a
// [State]. A State and everything reachable from it is immutable once built and
// may be read from any goroutine without a lock.
package federation

import (
	"iter"
	"slices"
	"strings"

	"github.com/nearcast/nearcast/internal/base/vector"
)

// State is a consistent picture of the federation.
type State struct {
	// Clusters are sorted by name; a Placement refers to them by index.
	Clusters []Cluster
	// Functions keep their index for as long as they exist; an unused index holds nil. In
	// a first build they are sorted by namespace, name and kind.
	Functions vector.Vector[*Function]
	// Faults are the refused inputs with their reasons, each refused alone, and warnings
	// about inputs that are not read.
	Faults []Fault
	// Lookups are the names of load balancers whose addresses are needed, sorted.
	Lookups []Lookup
}

// All returns the existing functions with their indices.
func (s *State) All() iter.Seq2[int, *Function] {
	return func(yield func(int, *Function) bool) {
		for i, f := range s.Functions.All() {
			if f != nil && !yield(i, f) {
				return
			}
		}
	}
}

// Count returns the number of functions.
func (s *State) Count() (n int) {
	for range s.All() {
		n++
	}
	return n
}

// Refused returns the number of refused inputs.
func (s *State) Refused() (n int) {
	for _, f := range s.Faults {
		if f.Refuses() {
			n++
		}
	}
	return n
}

// Sorted returns the functions' indices, sorted by namespace, name and kind.
func (s *State) Sorted() []int {
	var all []int
	for i := range s.All() {
		all = append(all, i)
	}
	slices.SortFunc(all, func(a, b int) int { return s.Functions.At(a).Compare(s.Functions.At(b).Ref()) })
	return all
}

// ClusterIndex returns the index of the named cluster, or -1.
func (s *State) ClusterIndex(name string) int {
	i, found := slices.BinarySearchFunc(s.Clusters, name, func(c Cluster, name string) int {
		return strings.Compare(c.Name, name)
	})
	if !found {
		return -1
	}
	return i
}

// Lookup is the name of a load balancer.
type Lookup struct {
	// Name is canonical.
	Name string
	// Namespaces are the namespaces of the functions that need it, sorted.
	Namespaces []string
}

// Compare compares the Lookup's name with the given one.
func (l Lookup) Compare(name string) int { return strings.Compare(l.Name, name) }
