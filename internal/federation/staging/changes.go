package staging

import (
	"iter"

	"github.com/nearcast/nearcast/internal/federation"
)

// Cookie marks how far a reader has read a Store. The zero Cookie is before everything.
type Cookie uint64

// Change describes how one object changed.
type Change struct {
	federation.Ref
	// Was is the object at the time of the cookie, Is the object now; nil if it did not
	// or does not exist.
	Was, Is federation.Object
	// Faults are the object's current faults.
	Faults []federation.Fault
}

// Changes are the changes in a Store since a cookie.
type Changes struct {
	// Everything is set if Objects holds every object, each without Was: the Store does not
	// know what changed since the cookie.
	Everything bool
	Objects    iter.Seq[Change]
	// Files are all faults of files that hold no readable object.
	Files []federation.Fault
}

// Changes calls read with the changes since the cookie and returns the current cookie. The Store is locked
// while read runs, so read must not use the Store or keep its argument. The Store tracks changes for only
// one cookie: the one it last returned to a caller that passed a cookie other than zero, or the first one.
// With any other cookie the caller gets everything. A reader that passes zero therefore does not disturb
// one that follows.
func (s *Store) Changes(since Cookie, read func(Changes)) Cookie {
	s.mu.Lock()
	defer s.mu.Unlock()
	changes := Changes{Everything: since == 0 || since != s.followed, Objects: s.since, Files: s.files}
	if changes.Everything {
		changes.Objects = s.everything
	}
	read(changes)
	if since != 0 || s.followed == 0 {
		s.followed, s.before = s.now, map[federation.Ref]federation.Object{}
	}
	return s.now
}

// everything yields every object, and every fault.
func (s *Store) everything(yield func(Change) bool) {
	for o := range s.objects.All() {
		ref := federation.RefOf(o)
		if !yield(Change{ref, nil, o, s.faults[ref]}) {
			return
		}
	}
	for ref, faults := range s.faults {
		if s.objects.Get(ref) == nil && !yield(Change{ref, nil, nil, faults}) {
			return
		}
	}
}

// since yields the changes since the tracked cookie.
func (s *Store) since(yield func(Change) bool) {
	for ref, was := range s.before {
		if !yield(Change{ref, was, s.objects.Get(ref), s.faults[ref]}) {
			return
		}
	}
}
