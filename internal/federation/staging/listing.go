package staging

import (
	"slices"

	"github.com/nearcast/nearcast/internal/federation"
)

// Listing is everything that a source holds at one time.
type Listing struct {
	Objects []federation.Object
	// Partly are the faults of Objects that are only good in part.
	Partly map[federation.Ref][]federation.Fault
	// Refused are objects that exist but are bad or, if they only have warnings, not
	// read.
	Refused map[federation.Ref][]federation.Fault
	// Faults belong to no object, for example those of a file that cannot be read.
	Faults []federation.Fault
}

// NewListing returns an empty Listing.
func NewListing() Listing {
	return Listing{Partly: map[federation.Ref][]federation.Fault{}, Refused: map[federation.Ref][]federation.Fault{}}
}

// Add adds the object with the Ref: o, which is nil if the object is refused or says
// nothing, and its faults.
func (l *Listing) Add(ref federation.Ref, o federation.Object, faults []federation.Fault) {
	if o != nil {
		l.Objects = append(l.Objects, o)
	}
	switch {
	case len(faults) == 0:
	case o != nil:
		l.Partly[ref] = faults
	default:
		l.Refused[ref] = faults
	}
}

// All returns every fault of the listing, sorted by file and line.
func (l Listing) All() []federation.Fault {
	all := slices.Clone(l.Faults)
	for _, f := range l.Refused {
		all = append(all, f...)
	}
	for _, f := range l.Partly {
		all = append(all, f...)
	}
	slices.SortFunc(all, federation.Fault.Compare)
	return all
}
