package steer

import "github.com/nearcast/nearcast/internal/federation"

func init() {
	register("nearest", func(*options) Policy { return nearest{} })
	// anycast orders what is left where a function has no VIP.
	register("anycast", func(*options) Policy { return nearest{} })
}

// DefaultPolicy is for functions that name none, where the operator names none.
var DefaultPolicy federation.Policy = &Rule{Policy: nearest{}, name: "nearest", text: "nearest"}

// nearest takes the first cluster in the order of the client's location.
type nearest struct{}

func (nearest) Pick(mask Mask, in Input) int { return mask.first(in.Order) }

func (nearest) Term(cluster int, in Input) string { return in.nearness(cluster) }
