package steer

import "fmt"

// cheapest picks the cluster with the least cost within a latency budget; if none is
// within it, the nearest.
type cheapest struct {
	budget float32 // milliseconds
}

func (p cheapest) Pick(mask Mask, in Input) int {
	best := -1
	latency := in.latency()
	for _, c := range in.Order {
		if !mask.has(int(c)) || latency[c] > p.budget {
			continue
		}
		if best < 0 || in.table.costs[c] < in.table.costs[best] {
			best = int(c)
		}
	}
	if best < 0 {
		return mask.first(in.Order)
	}
	return best
}

func (p cheapest) Term(cluster int, in Input) string {
	within := "within"
	if in.latency()[cluster] > p.budget {
		within = "beyond"
	}
	return fmt.Sprintf("cost %g, %.1f ms is %s the budget of %g ms", in.table.costs[cluster], in.latency()[cluster], within, p.budget)
}
