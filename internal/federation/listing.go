package federation

import "slices"

// Listing is everything that a source holds at one moment.
type Listing struct {
	Objects []Object
	// Partly are the faults of those Objects that are good in part.
	Partly map[Ref][]Fault
	// Refused are objects that are there but bad, or, where they have only warnings,
	// not read.
	Refused map[Ref][]Fault
	// Faults are of no object: a file that cannot be read, say.
	Faults []Fault
}

// NewListing returns an empty Listing.
func NewListing() Listing {
	return Listing{Partly: map[Ref][]Fault{}, Refused: map[Ref][]Fault{}}
}

// Add adds what an object of the Ref was read as: o, which is nil where it is refused
// or says nothing, and its faults.
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
	slices.SortFunc(all, compareFaults)
	return all
}
