package staging

import (
	"slices"

	"github.com/nearcast/nearcast/internal/federation"
)

// Reading is what a source read of one object.
type Reading struct {
	Ref federation.Ref
	// Object is nil if the object is gone or refused, or means nothing to Nearcast.
	Object federation.Object
	// Faults say which parts of Object are refused. Without an Object they say why it is
	// refused: the Store then keeps its last good version. If these are only warnings, the
	// object is no longer of a kind that is read, and the Store keeps nothing.
	Faults []federation.Fault
}

// Whole returns the Reading of an object without a fault.
func Whole(o federation.Object) Reading { return Reading{Ref: federation.RefOf(o), Object: o} }

// refused reports whether the object exists but is bad.
func (r Reading) refused() bool {
	return r.Object == nil && slices.ContainsFunc(r.Faults, federation.Fault.Refuses)
}

// Listing is everything that a source holds at one time, or everything that changed.
type Listing struct {
	// Readings has each object once. One without an Object and without Faults is gone.
	Readings []Reading
	// Faults belong to no object, for example those of a file that cannot be read.
	Faults []federation.Fault
}

// Objects returns those that count, at least in part.
func (l Listing) Objects() (all []federation.Object) {
	for _, r := range l.Readings {
		if r.Object != nil {
			all = append(all, r.Object)
		}
	}
	return all
}

// All returns every fault of the listing, sorted by file and line.
func (l Listing) All() []federation.Fault {
	all := slices.Clone(l.Faults)
	for _, r := range l.Readings {
		all = append(all, r.Faults...)
	}
	slices.SortFunc(all, federation.Fault.Compare)
	return all
}
