package staging

import (
	"slices"

	"github.com/nearcast/nearcast/internal/federation"
)

// Amend stages the objects of a listing that changed, and deletes those that are gone; it
// leaves everything else as it is. The listing's Faults replace the previous ones.
func (s *Store) Amend(l Listing, gone []federation.Ref) {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := !slices.Equal(s.other, l.Faults)
	s.other = slices.Clone(l.Faults)
	changed = s.take(l) || changed
	for _, ref := range gone {
		delete(s.restored, ref)
		changed = s.remove(ref) || changed
	}
	if changed {
		s.notify()
	}
}

// take stages the objects that the listing holds and refuses, and reports whether that
// changed anything.
func (s *Store) take(l Listing) (changed bool) {
	for ref, faults := range l.Refused {
		changed = changed || !slices.Equal(s.faults[ref], faults)
		s.refuse(ref, faults)
	}
	for _, o := range l.Objects {
		changed = s.put(o, l.Partly[federation.MetaOf(o).Ref]) || changed
	}
	return changed
}
