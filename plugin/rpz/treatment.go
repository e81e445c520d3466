package rpz

import "time"

// treatment is how matches in a zone are treated. The block sets it for all its zones; a zone's own settings
// override it.
type treatment struct {
	// recursiveOnly makes queries without RD skip the zone.
	recursiveOnly bool
	// addSOA adds the zone's SOA to the answers that the zone changed.
	addSOA bool
	// maxTTL bounds the TTLs of its local data; whole seconds.
	maxTTL time.Duration
}

// ownTreatment holds a zone's own settings; nil where the block's setting applies.
type ownTreatment struct {
	recursiveOnly, addSOA *bool
	maxTTL                *time.Duration
}

// over returns the block's treatment, overridden by the zone's own settings.
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
