package steer

// nearest picks the first cluster in the order of the client's location.
type nearest struct{}

func (nearest) Pick(mask Mask, in Input) int { return mask.first(in.Order) }

func (nearest) Term(cluster int, in Input) string { return in.nearness(cluster) }
