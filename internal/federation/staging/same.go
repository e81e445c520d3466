package staging

import "reflect"

// Same returns the reading with the Store's own object in place of an equal one, so that a source
// that lists again does not hold everything twice.
func (s *Store) Same(r Reading) Reading {
	if r.Object == nil {
		return r
	}
	s.mu.Lock()
	held := s.objects.Get(r.Ref)
	s.mu.Unlock()
	if reflect.DeepEqual(held, r.Object) {
		r.Object = held
	}
	return r
}
