package federation

import (
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Store stages what the sources read until it is built into a State. It is safe for
// concurrent use. Do not change an object after putting it.
type Store struct {
	changed chan struct{}

	mu        sync.Mutex
	objects   map[Ref]Object
	faults    map[Ref][]Fault // of objects
	other     []Fault         // of files that hold no readable object
	inherited map[Ref]Object  // last held by a predecessor
	restored  map[Ref]bool    // from a snapshot, not yet seen from the source
	synced    bool            // the source has listed everything once
	now       Cookie          // of the last change
	followed  Cookie          // changes are tracked since this one; 0 for none
	before    map[Ref]Object  // earlier versions of what changed since

	confirmed atomic.Int64 // Unix nanoseconds; 0 until the first
}

// NewStore returns an empty Store that is not synced.
func NewStore() *Store {
	return &Store{
		changed: make(chan struct{}, 1),
		now:     1,
		objects: map[Ref]Object{},
		faults:  map[Ref][]Fault{},
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
func (s *Store) Put(o Object, faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.put(o, faults) {
		s.notify()
	}
}

// stage puts o, or removes the object if o is nil, and stores its faults.
func (s *Store) stage(ref Ref, o Object, faults []Fault) {
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
func (s *Store) put(o Object, faults []Fault) bool {
	ref := MetaOf(o).Ref
	delete(s.restored, ref)
	before := s.objects[ref]
	switch is := o.(type) {
	case *Binding:
		same, _ := s.last(ref).(*Binding)
		o = rememberBinding(is, same)
	case *Cluster:
		same, _ := s.last(ref).(*Cluster)
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
func (s *Store) Restore(objects []Object, confirmed time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.restored = make(map[Ref]bool, len(objects))
	for _, o := range objects {
		ref := MetaOf(o).Ref
		s.stage(ref, o, s.faults[ref])
		s.restored[ref] = true
	}
	s.confirmed.Store(confirmed.UnixNano())
	s.notify()
}

// Held returns every staged object; it returns false until the source has listed all of
// its own, so that they are not only a snapshot's.
func (s *Store) Held() ([]Object, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.objects)), s.synced
}

// Refuse reports that the object's newest version is bad. The last good version stays;
// but an object that has only warnings and is no longer of a kind that is read is
// removed.
func (s *Store) Refuse(ref Ref, faults []Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse(ref, faults)
	s.notify()
}

func (s *Store) refuse(ref Ref, faults []Fault) {
	delete(s.restored, ref)
	if slices.ContainsFunc(faults, Fault.Refuses) {
		s.stage(ref, s.last(ref), faults)
	} else {
		s.stage(ref, nil, faults)
	}
}

// last returns the last good version of an object, or nil.
func (s *Store) last(ref Ref) Object {
	if o := s.objects[ref]; o != nil {
		return o
	}
	return s.inherited[ref]
}

// Delete removes the object and its faults.
func (s *Store) Delete(ref Ref) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.remove(ref) {
		s.notify()
	}
}

// remove reports whether there was anything to remove.
func (s *Store) remove(ref Ref) bool {
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
	if s.replace(l, func(Ref) bool { return true }) || other {
		s.notify()
	}
}

// ReplaceKind stages all objects of a kind, in a namespace or, with "", in all. It
// deletes objects that the listing neither holds nor refuses, including those that only a
// snapshot held. The listing has no Faults of its own.
func (s *Store) ReplaceKind(group, kind, namespace string, l Listing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	listed := func(r Ref) bool {
		return r.Group == group && r.Kind == kind && (namespace == "" || r.Namespace == namespace)
	}
	if s.replace(l, listed) {
		s.notify()
	}
}

// replace stages the listing in place of every object for which listed returns true, and
// reports whether that changed anything.
func (s *Store) replace(l Listing, listed func(Ref) bool) (changed bool) {
	keep := make(map[Ref]bool, len(l.Objects)+len(l.Refused))
	for ref := range l.Refused {
		keep[ref] = true
	}
	for _, o := range l.Objects {
		keep[MetaOf(o).Ref] = true
	}
	changed = s.take(l)
	gone := func(r Ref) bool { return listed(r) && !keep[r] }
	maps.DeleteFunc(s.restored, func(r Ref, _ bool) bool { return gone(r) })
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
