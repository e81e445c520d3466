package steer

// spread answers with every candidate of the tier, rotated: the client's draw decides
// which comes first.
type spread struct{}

func (spread) grain() Grain { return ByDraw }

func (spread) Pick(mask Mask, in Input) int {
	n := 0
	for c := mask.next(0); c >= 0; c = mask.next(c + 1) {
		n++
	}
	skip := int(in.draw() >> 32 * uint64(n) >> 32)
	for c := mask.next(0); c >= 0; c = mask.next(c + 1) {
		if skip == 0 {
			return c
		}
		skip--
	}
	return mask.first(in.Order)
}

func (spread) Term(int, Input) string { return "one of all candidates" }
