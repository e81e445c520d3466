package karmada

import (
	"github.com/nearcast/nearcast/internal/base/apistream"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/staging"
)

// item is what is left of an object of the API as soon as it is decoded.
type item = apistream.Item[kept]

// kept is a Reading in little memory: most have an object and no fault.
type kept struct {
	whole federation.Object // if there is no fault
	other *staging.Reading  // otherwise
}

func keepOf(r staging.Reading) kept {
	if r.Object != nil && len(r.Faults) == 0 {
		return kept{whole: r.Object}
	}
	return kept{other: &r}
}

func (k kept) reading() staging.Reading {
	if k.other != nil {
		return *k.other
	}
	return staging.Whole(k.whole)
}
