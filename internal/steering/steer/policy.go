package steer

import (
	"encoding/binary"
	"math"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/policy"
)

// Policy orders the candidates of one tier. To add a policy, write its syntax in package
// policy, a type in a file of its own, like cheapest.go, and a case of meaningOf.
//
// Pick runs for every query: it must not allocate, lock or block.
type Policy interface {
	// Pick returns the member of mask, which is not empty, to answer with. Removing it
	// and picking again gives the second choice, and so on.
	Pick(mask Mask, in Input) int
	// Term says in a few words why the cluster has its position.
	Term(cluster int, in Input) string
}

// modifying policies depend on settings of the function.
type modifying interface {
	modifier(t *Table, f *federation.Function) *Modifier
}

// grained policies distinguish clients of one location.
type grained interface{ grain() Grain }

// Grain says how finely an answer distinguishes clients.
type Grain uint8

// The grains, coarsest first.
const (
	// ByLocation answers depend on the client's location.
	ByLocation Grain = iota
	// ByPrefix answers depend on the client's prefix; see StickyPrefix.
	ByPrefix
	// ByDraw answers depend on the client and the time of the query.
	ByDraw
)

// Input is what a Policy bases its decision on.
type Input struct {
	// Order is the order of clusters at the client's position.
	Order Order
	// Modifier is the function's own; nil if its policy has none.
	Modifier *Modifier

	question Question
	seed     uint64
	table    *Table
	standing *Standing
}

// Modifier holds what a function's own settings mean to its policy, by cluster. Functions
// with the same settings share one.
type Modifier struct {
	// Weights are indexed by cluster.
	Weights []uint32
	// Order lists the clusters that were given a weight, lowest first.
	Order Order
	// Delay is the duration of a call in each cluster apart from the network, in
	// milliseconds.
	Delay []float32
	// Cold is set for clusters whose Delay includes a cold start.
	Cold Mask
}

// rule is the compiled form of a policy.Rule.
type rule struct {
	Policy
	threshold float64
	// anycast is set if the answer is the function's VIPs.
	anycast bool
	// most is how many of the best candidates an answer has; 0 for all.
	most uint8
}

func newRule(r *policy.Rule) *rule {
	_, anycast := r.Options.(policy.Anycast)
	one := &rule{meaningOf(r.Options), r.Threshold, anycast, uint8(r.Most)} //nolint:gosec // at most 16
	if _, all := r.Options.(policy.Spread); all {
		one.most = 0
	}
	return one
}

func meaningOf(options any) Policy {
	switch o := options.(type) {
	case policy.Failover:
		return failover{}
	case policy.Spread:
		return spread{}
	case policy.Weighted:
		if o.Sticky {
			return sticky{}
		}
		return weighted{}
	case policy.Cheapest:
		return cheapest{budget: float32(milliseconds(o.Budget))}
	case policy.Fastest:
		return newFastest(o)
	}
	// Also anycast, for a function without a VIP.
	return nearest{}
}

// key returns the same text for equal modifiers.
func (m *Modifier) key() string {
	key := make([]byte, 0, 4+6*len(m.Weights)+2*len(m.Order)+4*len(m.Delay)+8*len(m.Cold))
	for _, n := range [...]int{len(m.Weights), len(m.Order), len(m.Delay), len(m.Cold)} {
		key = binary.AppendUvarint(key, uint64(n)) //nolint:gosec // a length
	}
	for _, w := range m.Weights {
		key = binary.AppendUvarint(key, uint64(w))
	}
	for _, c := range m.Order {
		key = binary.LittleEndian.AppendUint16(key, c)
	}
	for _, d := range m.Delay {
		key = binary.LittleEndian.AppendUint32(key, math.Float32bits(d))
	}
	for _, w := range m.Cold {
		key = binary.LittleEndian.AppendUint64(key, w)
	}
	return string(key)
}
