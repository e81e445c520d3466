package federation

import "slices"

// Listing is everything that a source holds at one time.
type Listing struct {
	Objects []Object
	// Partly are the faults of Objects that are only good in part.
	Partly map[Ref][]Fault
	// Refused are objects that exist but are bad or, if they only have warnings, not
	// read.
	Refused map[Ref][]Fault
	// Faults belong to no object, for example those of a file that cannot be read.
	Faults []Fault
}

// NewListing returns an empty Listing.
func NewListing() Listing {
	return Listing{Partly: map[Ref][]Fault{}, Refused: map[Ref][]Fault{}}
}

// Add adds the object with the Ref: o, which is nil if the object is refused or says
// nothing, and its faults.
func (l *Listing) Add(ref Ref, o Object, faults []Fault) {
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
func (l Listing) All() []Fault {
	all := slices.Clone(l.Faults)
	for _, f := range l.Refused {
		all = append(all, f...)
	}
	for _, f := range l.Partly {
		all = append(all, f...)
	}
	slices.SortFunc(all, Fault.Compare)
	return all
}
