package steer

import (
	"cmp"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/nearcast/nearcast/internal/federation"
)

// weight is the annotated weight of one cluster.
type weight struct {
	cluster int
	value   uint32
}

// weights returns the function's weights of existing clusters, lowest first.
func (t *Table) weights(f *federation.Function) []weight {
	var all []weight
	for _, w := range f.Weights {
		if i := t.State.ClusterIndex(w.Cluster); i >= 0 {
			all = append(all, weight{i, w.Value})
		}
	}
	slices.SortStableFunc(all, func(a, b weight) int { return cmp.Compare(a.value, b.value) })
	return all
}

// shares returns the weights by cluster. Without annotated weights it uses replicas; a
// placement without replicas counts as one replica, or a cold function would never be
// called.
func (t *Table) shares(f *federation.Function) *Modifier {
	m := &Modifier{Weights: make([]uint32, len(t.State.Clusters))}
	if len(f.Weights) == 0 {
		for _, p := range f.Placements {
			m.Weights[p.Cluster] = uint32(max(1, p.Replicas))
		}
	}
	for _, w := range t.weights(f) {
		m.Weights[w.cluster] = w.value
	}
	return m
}

// weighted distributes answers smoothly in proportion to the weights: a client's draws
// are a golden-ratio sequence, which is closer to the weights than random draws are
// (Weyl, 1916).
type weighted struct{}

func (weighted) grain() Grain { return ByDraw }

func (weighted) modifier(t *Table, f *federation.Function) *Modifier { return t.shares(f) }

func (weighted) Pick(mask Mask, in Input) int {
	weights := in.Modifier.Weights
	var total uint64
	for c := mask.next(0); c >= 0; c = mask.next(c + 1) {
		total += uint64(weights[c])
	}
	if total == 0 {
		return mask.first(in.Order)
	}
	// The high word of draw × total is uniform in [0, total).
	rest, _ := bits.Mul64(in.draw(), total)
	for c := mask.next(0); c >= 0; c = mask.next(c + 1) {
		w := uint64(weights[c])
		if rest < w {
			return c
		}
		rest -= w
	}
	return mask.first(in.Order)
}

func (weighted) Term(cluster int, in Input) string {
	return fmt.Sprintf("weight %d", in.Modifier.Weights[cluster])
}

// sticky keeps a client's prefix on one cluster: it uses weighted rendezvous hashing, so
// that adding or removing a cluster moves only that cluster's own clients (Thaler and
// Ravishankar, 1998; the logarithm is Schindelhauer and Schomaker's, 2005).
type sticky struct{}

func (sticky) grain() Grain { return ByPrefix }

func (sticky) modifier(t *Table, f *federation.Function) *Modifier { return t.shares(f) }

func (sticky) Pick(mask Mask, in Input) int {
	client := in.client()
	best, most := -1, math.Inf(-1)
	for c := mask.next(0); c >= 0; c = mask.next(c + 1) {
		w := in.Modifier.Weights[c]
		if w == 0 {
			continue
		}
		// By name and not by index: a new cluster must not renumber the others.
		u := (float64(mix(client^in.table.seeds[c])>>11) + 0.5) / (1 << 53) // in (0, 1)
		if score := float64(w) / -math.Log(u); score > most {
			best, most = c, score
		}
	}
	if best < 0 {
		return mask.first(in.Order)
	}
	return best
}

func (sticky) Term(cluster int, in Input) string {
	return fmt.Sprintf("weight %d, sticky by client prefix", in.Modifier.Weights[cluster])
}
