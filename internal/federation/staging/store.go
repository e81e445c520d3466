// Package staging holds what the sources read until package build makes a State of it: the
// newest good version of every object, its faults, and what changed since a reader last
// looked. A Store is safe for concurrent use.
package staging

import (
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nearcast/nearcast/internal/base/index"
	"github.com/nearcast/nearcast/internal/federation"
)

// objects finds objects by their references.
type objects = index.Index[federation.Ref, federation.Object]

func newObjects() objects {
	return index.New(func(o federation.Object, ref federation.Ref) bool { return federation.RefOf(o) == ref })
}

// Store stages what the sources read until it is built into a State. It is safe for
// concurrent use. Do not change an object after putting it.
type Store struct {
	changed chan struct{}

	mu        sync.Mutex
	objects   objects
	faults    map[federation.Ref][]federation.Fault // of objects
	files     []federation.Fault                    // of files that hold no readable object
	inherited objects                               // last held by a predecessor
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
		objects: newObjects(), inherited: newObjects(),
		faults: map[federation.Ref][]federation.Fault{},
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

// Put stages readings, each in place of the previous version of its object.
func (s *Store) Put(all ...Reading) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.put(all) {
		s.notify()
	}
}

// put reports whether it changed anything.
func (s *Store) put(all []Reading) (changed bool) {
	for _, r := range all {
		changed = s.putOne(r) || changed
	}
	return changed
}

// putOne reports whether it changed anything. Most of Karmada's updates do not: a heartbeat
// changes no field that an object stores.
func (s *Store) putOne(r Reading) bool {
	switch last := s.last(r.Ref); {
	case r.Object != nil:
		r.Object = remember(r, last)
	case r.refused():
		r.Object = last
	}
	if slices.Equal(s.faults[r.Ref], r.Faults) && reflect.DeepEqual(s.objects.Get(r.Ref), r.Object) {
		return false
	}
	s.stage(r)
	return true
}

// stage makes the reading the newest version of its object, and keeps the version before for
// a reader that follows.
func (s *Store) stage(r Reading) {
	s.now++
	if s.followed != 0 {
		if _, changed := s.before[r.Ref]; !changed {
			s.before[r.Ref] = s.objects.Get(r.Ref)
		}
	}
	if r.Object == nil {
		s.objects.Delete(r.Ref)
	} else {
		s.objects.Put(r.Ref, r.Object)
	}
	if len(r.Faults) == 0 {
		delete(s.faults, r.Ref)
	} else {
		s.faults[r.Ref] = r.Faults
	}
}

// Restore stages the contents of a snapshot, as confirmed at the given time. They stay until
// the source lists its own.
func (s *Store) Restore(objects []federation.Object, confirmed time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range objects {
		s.stage(Whole(o))
	}
	s.confirmed.Store(confirmed.UnixNano())
	s.notify()
}

// Held returns every staged object; it returns false until the source has listed all of
// its own, so that they are not only a snapshot's.
func (s *Store) Held() ([]federation.Object, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.AppendSeq(make([]federation.Object, 0, s.objects.Len()), s.objects.All()), s.synced
}

// last returns the last good version of an object, or nil.
func (s *Store) last(ref federation.Ref) federation.Object {
	if o := s.objects.Get(ref); o != nil {
		return o
	}
	return s.inherited.Get(ref)
}

// Replace stages the whole listing and deletes every object that the listing does not have.
func (s *Store) Replace(l Listing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	files := s.setFiles(l.Faults)
	if s.replace(l.Readings, func(federation.Ref) bool { return true }) || files {
		s.notify()
	}
}

// Amend stages what changed, and leaves everything else as it is. The listing's Faults replace
// the previous ones.
func (s *Store) Amend(l Listing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	files := s.setFiles(l.Faults)
	if s.put(l.Readings) || files {
		s.notify()
	}
}

// setFiles reports whether the faults of files changed.
func (s *Store) setFiles(faults []federation.Fault) (changed bool) {
	changed = !slices.Equal(s.files, faults)
	s.files = slices.Clone(faults)
	return changed
}

// ReplaceKind stages all objects of a kind, in a namespace or, with "", in all. It deletes
// those that are not listed, including those that only a snapshot held.
func (s *Store) ReplaceKind(group, kind, namespace string, all []Reading) {
	s.mu.Lock()
	defer s.mu.Unlock()
	listed := func(r federation.Ref) bool {
		return r.Group == group && r.Kind == kind && (namespace == "" || r.Namespace == namespace)
	}
	if s.replace(all, listed) {
		s.notify()
	}
}

// replace stages the readings in place of every object for which listed returns true, and
// reports whether that changed anything.
func (s *Store) replace(all []Reading, listed func(federation.Ref) bool) (changed bool) {
	keep := index.New(func(r *Reading, ref federation.Ref) bool { return r.Ref == ref })
	for i := range all {
		keep.Put(all[i].Ref, &all[i])
	}
	changed = s.put(all)
	var gone []federation.Ref
	note := func(ref federation.Ref) {
		if listed(ref) && keep.Get(ref) == nil {
			gone = append(gone, ref)
		}
	}
	for o := range s.objects.All() {
		note(federation.RefOf(o))
	}
	for ref := range s.faults {
		note(ref)
	}
	for _, ref := range gone {
		s.stage(Reading{Ref: ref})
	}
	return changed || len(gone) > 0
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
	s.inherited = newObjects() // everything has been staged once and has taken over what it needs
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

// Inherit gives s what before last held: whether a resource was applied once, and the
// last good version of a refused object. It stages nothing by itself.
func (s *Store) Inherit(before *Store) {
	before.mu.Lock()
	held := before.objects.Clone()
	before.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inherited = held
}
