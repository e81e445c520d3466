package steer

import (
	"fmt"
	"math/bits"
)

func init() { register("weighted", weighted{}) }

// weighted shares clients out in proportion to the weights. One client gets one
// cluster for all its record types and for the time of a TTL, then may get
// another: its IPv4 and IPv6 addresses must not be two clusters'.
type weighted struct{}

func (weighted) Pick(mask Mask, in Input) int {
	weights := in.Modifier.Weights
	var total uint64
	for c := mask.next(0); c >= 0; c = mask.next(c + 1) {
		total += uint64(weights[c])
	}
	if total == 0 {
		return mask.first(in.Order)
	}
	// The high word of point × total is uniform in [0, total).
	rest, _ := bits.Mul64(in.Point, total)
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
