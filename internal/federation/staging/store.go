// Package staging holds what the sources read until package build makes a State of it: the
// newest good version of every object, its faults, and what changed since a reader last
// looked. A Store is safe for concurrent use.
package staging

import (
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
)

// Store stages what the sources read until it is built into a State. It is safe for
// concurrent use. Do not change an object after putting it.
type Store struct {
	changed chan struct{}

	mu        sync.Mutex
	objects   map[federation.Ref]federation.Object
	faults    map[federation.Ref][]federation.Fault // of objects
	other     []federation.Fault                    // of files that hold no readable object
	inherited map[federation.Ref]federation.Object  // last held by a predecessor
	restored  map[federation.Ref]bool               // from a snapshot, not yet seen from the source
	synced    bool                                  // the source has listed everything once
	now       Cookie                                // of the last change
	followed  Cookie                                // changes are tracked since this one; 0 for none
	before    map[federation.Ref]federation.Object  // earlier versions of what changed since

	confirmed atomic.Int64 // Unix nanoseconds; 0 until the first
}

// NewStore returns an empty Store that is not synced.
func NewStore() *Store {
	return &Store{
		changed: make(chan struct{}, 1),
		now:     1,
		objects: map[federation.Ref]federation.Object{},
		faults:  map[federation.Ref][]federation.Fault{},
	}
}

// Changed delivers a value after every change; it merges changes that were not yet
// received into one.
func (s *Store) Changed() <-chan struct{} { return s.changed }

func (s *Store) notify() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// Put stages o, replacing the previous object of its Ref. The faults concern parts of it:
// the rest of the object counts.
func (s *Store) Put(o federation.Object, faults ...federation.Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.put(o, faults) {
		s.notify()
	}
}

// stage puts o, or removes the object if o is nil, and stores its faults.
func (s *Store) stage(ref federation.Ref, o federation.Object, faults []federation.Fault) {
	s.now++
	if s.followed != 0 {
		if _, changed := s.before[ref]; !changed {
			s.before[ref] = s.objects[ref]
		}
	}
	if o == nil {
		delete(s.objects, ref)
	} else {
		s.objects[ref] = o
	}
	if len(faults) == 0 {
		delete(s.faults, ref)
	} else {
		s.faults[ref] = faults
	}
}

// put reports whether it changed anything. Most of Karmada's updates do not: a heartbeat
// touches nothing that an object stores.
func (s *Store) put(o federation.Object, faults []federation.Fault) bool {
	ref := federation.MetaOf(o).Ref
	delete(s.restored, ref)
	before := s.objects[ref]
	switch is := o.(type) {
	case *federation.Binding:
		same, _ := s.last(ref).(*federation.Binding)
		o = rememberBinding(is, same)
	case *federation.Cluster:
		same, _ := s.last(ref).(*federation.Cluster)
		o = rememberCluster(is, same, faults)
	}
	if slices.Equal(s.faults[ref], faults) && before != nil && reflect.DeepEqual(before, o) {
		return false
	}
	s.stage(ref, o, faults)
	return true
}

// Restore stages the contents of a snapshot, as confirmed at the given time. Objects that
// the source does not list before its first confirmation are then removed.
func (s *Store) Restore(objects []federation.Object, confirmed time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.restored = make(map[federation.Ref]bool, len(objects))
	for _, o := range objects {
		ref := federation.MetaOf(o).Ref
		s.stage(ref, o, s.faults[ref])
		s.restored[ref] = true
	}
	s.confirmed.Store(confirmed.UnixNano())
	s.notify()
}

// Held returns every staged object; it returns false until the source has listed all of
// its own, so that they are not only a snapshot's.
func (s *Store) Held() ([]federation.Object, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.objects)), s.synced
}

// Refuse reports that the object's newest version is bad. The last good version stays;
// but an object that has only warnings and is no longer of a kind that is read is
// removed.
func (s *Store) Refuse(ref federation.Ref, faults []federation.Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse(ref, faults)
	s.notify()
}

func (s *Store) refuse(ref federation.Ref, faults []federation.Fault) {
	delete(s.restored, ref)
	if slices.ContainsFunc(faults, federation.Fault.Refuses) {
		s.stage(ref, s.last(ref), faults)
	} else {
		s.stage(ref, nil, faults)
	}
}

// last returns the last good version of an object, or nil.
func (s *Store) last(ref federation.Ref) federation.Object {
	if o := s.objects[ref]; o != nil {
		return o
	}
	return s.inherited[ref]
}

// Delete removes the object and its faults.
func (s *Store) Delete(ref federation.Ref) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.remove(ref) {
		s.notify()
	}
}

// remove reports whether there was anything to remove.
func (s *Store) remove(ref federation.Ref) bool {
	_, held := s.objects[ref]
	_, faulty := s.faults[ref]
	if held || faulty {
		s.stage(ref, nil, nil)
	}
	return held || faulty
}

// Replace stages the whole listing and deletes every object that the listing neither
// holds nor refuses.
func (s *Store) Replace(l Listing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	other := !slices.Equal(s.other, l.Faults)
	s.other = slices.Clone(l.Faults)
	if s.replace(l, func(federation.Ref) bool { return true }) || other {
		s.notify()
	}
}

// ReplaceKind stages all objects of a kind, in a namespace or, with "", in all. It
// deletes objects that the listing neither holds nor refuses, including those that only a
// snapshot held. The listing has no Faults of its own.
func (s *Store) ReplaceKind(group, kind, namespace string, l Listing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	listed := func(r federation.Ref) bool {
		return r.Group == group && r.Kind == kind && (namespace == "" || r.Namespace == namespace)
	}
	if s.replace(l, listed) {
		s.notify()
	}
}

// replace stages the listing in place of every object for which listed returns true, and
// reports whether that changed anything.
func (s *Store) replace(l Listing, listed func(federation.Ref) bool) (changed bool) {
	keep := make(map[federation.Ref]bool, len(l.Objects)+len(l.Refused))
	for ref := range l.Refused {
		keep[ref] = true
	}
	for _, o := range l.Objects {
		keep[federation.MetaOf(o).Ref] = true
	}
	changed = s.take(l)
	gone := func(r federation.Ref) bool { return listed(r) && !keep[r] }
	maps.DeleteFunc(s.restored, func(r federation.Ref, _ bool) bool { return gone(r) })
	for ref := range s.objects {
		if gone(ref) {
			changed = s.remove(ref) || changed
		}
	}
	for ref := range s.faults {
		if gone(ref) {
			changed = s.remove(ref) || changed
		}
	}
	return changed
}

// Confirm records that the source agreed with its origin at t; the first call makes the
// Store synced.
func (s *Store) Confirm(t time.Time) {
	s.confirmed.Store(t.UnixNano())
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.synced {
		return
	}
	s.synced = true
	s.inherited = nil // everything has been staged once and has taken over what it needs
	s.notify()
}

// Confirmed returns when the source last agreed with its origin, or the zero time if it
// never did. It takes no lock.
func (s *Store) Confirmed() time.Time {
	if n := s.confirmed.Load(); n != 0 {
		return time.Unix(0, n)
	}
	return time.Time{}
}

// Inherit tells s what before last held: whether a resource was applied once, and the
// last good version of a refused object. It stages nothing by itself.
func (s *Store) Inherit(before *Store) {
	before.mu.Lock()
	held := maps.Clone(before.objects)
	before.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inherited = held
}
