package federation

import (
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Object is what a source stages: a Cluster, Template, Workload, Binding or
// MultiClusterService.
type Object interface {
	meta() *Meta
}

func (c *Cluster) meta() *Meta  { return &c.Meta }
func (t *Template) meta() *Meta { return &t.Meta }
func (w *Workload) meta() *Meta { return &w.Meta }
func (b *Binding) meta() *Meta  { return &b.Meta }

func (m *MultiClusterService) meta() *Meta { return &m.Meta }

// Store stages what the sources read until it is built into a State. It is safe
// for concurrent use. An object must not be changed once it was put.
type Store struct {
	changed chan struct{}

	mu        sync.Mutex
	objects   map[Ref]Object
	faults    map[Ref][]Fault // of objects
	other     []Fault         // of files that hold no readable object
	inherited map[Ref]Object  // what a predecessor last held
	restored  map[Ref]bool    // what a snapshot held and the source has not told yet
	synced    bool            // the source has told everything once

	confirmed atomic.Int64 // Unix nanoseconds; 0 until the first
}

// NewStore returns an empty Store that is not synced.
func NewStore() *Store {
	return &Store{
		changed: make(chan struct{}, 1),
		objects: map[Ref]Object{},
		faults:  map[Ref][]Fault{},
	}
}

// Changed delivers a value after every change; changes that were not yet
// received are merged into one.
func (s *Store) Changed() <-chan struct{} { return s.changed }

func (s *Store) notify() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// Put stages o in the place of what its Ref named before.
func (s *Store) Put(o Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.put(o) {
		s.notify()
	}
}

// put reports whether it changed anything. Most of Karmada's updates do not: a
// heartbeat touches nothing that an object keeps.
func (s *Store) put(o Object) bool {
	ref := o.meta().Ref
	delete(s.restored, ref)
	before := s.objects[ref]
	if b, ok := o.(*Binding); ok {
		same, _ := s.last(ref).(*Binding)
		o = b.remember(same)
	}
	_, faulty := s.faults[ref]
	if !faulty && before != nil && reflect.DeepEqual(before, o) {
		return false
	}
	s.objects[ref] = o
	delete(s.faults, ref)
	return true
}

// Restore stages what a snapshot held, as of the time at which it was confirmed.
// What the source does not tell of until it is in agreement is then removed.
func (s *Store) Restore(objects []Object, confirmed time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.restored = make(map[Ref]bool, len(objects))
	for _, o := range objects {
		ref := o.meta().Ref
		s.objects[ref] = o
		s.restored[ref] = true
	}
	s.confirmed.Store(confirmed.UnixNano())
	s.notify()
}

// Held returns every object staged; false until the source has told all of its
// own, and they are not only a snapshot's.
func (s *Store) Held() ([]Object, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.objects)), s.synced
}

// Refuse reports that the object's newest version is bad. A good version that
// was put before stays.
func (s *Store) Refuse(ref Ref, faults []Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse(ref, faults)
	s.notify()
}

func (s *Store) refuse(ref Ref, faults []Fault) {
	s.faults[ref] = faults
	delete(s.restored, ref)
	if last := s.last(ref); last != nil {
		s.objects[ref] = last
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
	_, held := s.objects[ref]
	_, faulty := s.faults[ref]
	delete(s.objects, ref)
	delete(s.faults, ref)
	if held || faulty {
		s.notify()
	}
}

// Listing is everything that a source holds at one moment.
type Listing struct {
	Objects []Object
	// Refused are objects that are there but bad.
	Refused map[Ref][]Fault
	// Faults are of no object: a file that cannot be read, say.
	Faults []Fault
}

// All returns every fault of the listing, sorted by file and line.
func (l Listing) All() []Fault {
	all := slices.Clone(l.Faults)
	for _, f := range l.Refused {
		all = append(all, f...)
	}
	slices.SortFunc(all, compareFaults)
	return all
}

// Replace stages the whole listing: what it neither holds nor refuses is deleted.
func (s *Store) Replace(l Listing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	other := !slices.Equal(s.other, l.Faults)
	s.other = slices.Clone(l.Faults)
	if s.replace(l, func(Ref) bool { return true }) || other {
		s.notify()
	}
}

// ReplaceKind stages all objects that there are of a kind, in a namespace or, with
// "", in all: what the listing neither holds nor refuses is deleted, and with it
// what only a snapshot held. The listing has no Faults of its own.
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

// replace stages the listing in the place of everything that it is of, and
// reports whether that changed anything.
func (s *Store) replace(l Listing, listed func(Ref) bool) (changed bool) {
	keep := make(map[Ref]bool, len(l.Objects)+len(l.Refused))
	for ref, faults := range l.Refused {
		keep[ref] = true
		changed = changed || !slices.Equal(s.faults[ref], faults)
		s.refuse(ref, faults)
	}
	for _, o := range l.Objects {
		keep[o.meta().Ref] = true
		changed = s.put(o) || changed
	}
	gone := func(r Ref) bool { return listed(r) && !keep[r] }
	before := len(s.objects) + len(s.faults)
	maps.DeleteFunc(s.objects, func(r Ref, _ Object) bool { return gone(r) })
	maps.DeleteFunc(s.faults, func(r Ref, _ []Fault) bool { return gone(r) })
	maps.DeleteFunc(s.restored, func(r Ref, _ bool) bool { return gone(r) })
	return changed || len(s.objects)+len(s.faults) != before
}

// Confirm records that the source was in agreement with its origin at t; the
// first call makes the Store synced.
func (s *Store) Confirm(t time.Time) {
	s.confirmed.Store(t.UnixNano())
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.synced {
		return
	}
	s.synced = true
	s.inherited = nil // everything was staged once: what mattered of it was taken over
	s.notify()
}

// Confirmed returns when the source last agreed with its origin; the zero time
// if it never did. It takes no lock.
func (s *Store) Confirmed() time.Time {
	if n := s.confirmed.Load(); n != 0 {
		return time.Unix(0, n)
	}
	return time.Time{}
}

// Inherit lets s know what before last held: what was applied once, and the last
// good version of what is refused. Nothing of it is staged by that alone.
func (s *Store) Inherit(before *Store) {
	before.mu.Lock()
	held := maps.Clone(before.objects)
	before.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inherited = held
}

// staged is a copy of a Store's contents, sorted into kinds.
type staged struct {
	clusters  []*Cluster
	templates []*Template
	workloads map[string][]*Workload       // by namespace
	bindings  map[Ref]*Binding             // by what they place
	exposed   map[Ref]*MultiClusterService // by the Service
	faults    []Fault
}

func (s *Store) snapshot() *staged {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := &staged{workloads: map[string][]*Workload{}, bindings: map[Ref]*Binding{}, exposed: map[Ref]*MultiClusterService{}}
	for _, o := range s.objects {
		switch o := o.(type) {
		case *Cluster:
			in.clusters = append(in.clusters, o)
		case *Template:
			in.templates = append(in.templates, o)
		case *Workload:
			in.workloads[o.Namespace] = append(in.workloads[o.Namespace], o)
		case *MultiClusterService:
			in.exposed[Ref{Kind: "Service", Namespace: o.Namespace, Name: o.Name}] = o
		case *Binding:
			// Two bindings of one resource are a mistake; which one counts must not change.
			if first := in.bindings[o.Resource]; first == nil || o.compare(first.Ref) < 0 {
				in.bindings[o.Resource] = o
			}
		}
	}
	for _, f := range s.faults {
		in.faults = append(in.faults, f...)
	}
	in.faults = append(in.faults, s.other...)
	slices.SortFunc(in.clusters, func(a, b *Cluster) int { return compareStrings(a.Name, b.Name) })
	slices.SortFunc(in.templates, func(a, b *Template) int { return a.compare(b.Ref) })
	for _, w := range in.workloads {
		slices.SortFunc(w, func(a, b *Workload) int { return a.compare(b.Ref) })
	}
	return in
}

// remember carries over from before what Karmada forgets when an update fails
// to apply, or a member's API cannot be reached: that the resource was applied
// once, and its address. It is kept for as long as Karmada names the cluster.
func (b *Binding) remember(before *Binding) *Binding {
	merged := *b
	merged.Observed = make(map[string]Observed, len(b.Observed))
	for cluster, o := range b.Observed {
		o.EverApplied = o.Applied
		if before != nil && before.UID == b.UID {
			o = o.remember(before.Observed[cluster])
		}
		merged.Observed[cluster] = o
	}
	return &merged
}

func (o Observed) remember(before Observed) Observed {
	if o.Applied || !before.EverApplied {
		return o
	}
	o.EverApplied = true
	if o.LoadBalancer.IsZero() && len(o.LoadBalancerNames) == 0 {
		o.LoadBalancer, o.LoadBalancerNames = before.LoadBalancer, before.LoadBalancerNames
	}
	return o
}
