package steer

import (
	"encoding/binary"
	"math"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/policy"
)

// Policy orders the candidates of one tier. To add one, write its syntax in package policy, a
// type in a file of its own, like cheapest.go, and a case of meaningOf.
//
// Pick is on the path of every query: it must not allocate, lock or block.
type Policy interface {
	// Pick returns the member of mask, which is not empty, to answer with.
	// Removing it and picking again gives the second choice, and so on.
	Pick(mask Mask, in Input) int
	// Term says in a few words what put the cluster where it stands.
	Term(cluster int, in Input) string
}

// modifying policies decide by something of the function's own.
type modifying interface {
	modifier(t *Table, f *federation.Function) *Modifier
}

// grained policies tell clients of one location apart.
type grained interface{ grain() Grain }

// Grain is how finely an answer tells clients apart.
type Grain uint8

// The grains, the coarsest first.
const (
	// ByLocation answers depend on where the client is.
	ByLocation Grain = iota
	// ByPrefix answers depend on the client's prefix; see StickyPrefix.
	ByPrefix
	// ByDraw answers depend on the client and on when it asks.
	ByDraw
)

// Input is what a Policy decides by.
type Input struct {
	// Order is the order of clusters where the client is.
	Order Order
	// Modifier is the function's own; nil where its policy has none.
	Modifier *Modifier

	question Question
	seed     uint64
	table    *Table
	standing *Standing
}

// Modifier is what a function's own settings mean to its policy, by cluster.
// Functions whose settings are alike share one.
type Modifier struct {
	// Weights are by cluster index.
	Weights []uint32
	// Order is the clusters that were given a weight, lowest first.
	Order Order
	// Delay is what a call takes in each cluster beside the network, in milliseconds.
	Delay []float32
	// Cold is set where Delay includes a cold start.
	Cold Mask
}

// rule is what a policy.Rule means.
type rule struct {
	Policy
	threshold float64
	// anycast answers with the function's VIPs.
	anycast bool
}

func newRule(r *policy.Rule) *rule {
	_, anycast := r.Options.(policy.Anycast)
	return &rule{meaningOf(r.Options), r.Threshold, anycast}
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
	// Anycast too, for a function without a VIP.
	return nearest{}
}

// key is equal for equal modifiers.
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
