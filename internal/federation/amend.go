package federation

import "slices"

// Amend stages what a listing has that is another than before, and deletes what is gone;
// all else stays as it is. The listing's Faults take the place of those before.
func (s *Store) Amend(l Listing, gone []Ref) {
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

// take stages what the listing holds and refuses, and reports whether that changed
// anything.
func (s *Store) take(l Listing) (changed bool) {
	for ref, faults := range l.Refused {
		changed = changed || !slices.Equal(s.faults[ref], faults)
		s.refuse(ref, faults)
	}
	for _, o := range l.Objects {
		changed = s.put(o, l.Partly[o.meta().Ref]) || changed
	}
	return changed
}
