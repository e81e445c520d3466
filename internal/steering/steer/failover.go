package steer

import (
	"fmt"

	"github.com/nearcast/nearcast/internal/federation"
)

// failover picks the cluster with the lowest weight; clusters without a weight come last,
// in the order of the client's location.
type failover struct{}

func (failover) modifier(t *Table, f *federation.Function) *Modifier {
	m := &Modifier{}
	for _, w := range t.weights(f) {
		m.Order = append(m.Order, uint16(w.cluster))
	}
	return m
}

func (failover) Pick(mask Mask, in Input) int {
	if c := mask.first(in.Modifier.Order); c >= 0 {
		return c
	}
	return mask.first(in.Order)
}

func (failover) Term(cluster int, in Input) string {
	for i, c := range in.Modifier.Order {
		if int(c) == cluster {
			return fmt.Sprintf("number %d in the failover order", i+1)
		}
	}
	return "not in the failover order; " + in.nearness(cluster)
}
