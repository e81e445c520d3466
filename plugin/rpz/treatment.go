package rpz

import "time"

// treatment is how the matches of a zone are treated. The block sets it for all its
// zones; what a zone sets for itself wins.
type treatment struct {
	// recursiveOnly has queries without RD pass the zone by.
	recursiveOnly bool
	// addSOA adds the zone's SOA to the answers that it changed.
	addSOA bool
	// maxTTL bounds the TTLs of its local data; whole seconds.
	maxTTL time.Duration
}

// ownTreatment is what a zone sets for itself; nil where the block's setting holds.
type ownTreatment struct {
	recursiveOnly, addSOA *bool
	maxTTL                *time.Duration
}

// over returns the block's treatment with what the zone sets for itself.
func (o *ownTreatment) over(block treatment) treatment {
	return treatment{
		recursiveOnly: either(o.recursiveOnly, block.recursiveOnly),
		addSOA:        either(o.addSOA, block.addSOA),
		maxTTL:        either(o.maxTTL, block.maxTTL),
	}
}

func either[T any](own *T, block T) T {
	if own != nil {
		return *own
	}
	return block
}
