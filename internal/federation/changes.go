package federation

import "iter"

// Cookie is a moment up to which somebody has read a Store. The zero Cookie is before everything.
type Cookie uint64

// Change is what became of one object.
type Change struct {
	Ref
	// Was is the object as it was at the cookie, Is as it is; nil where there is none.
	Was, Is Object
	// Faults are those of the object now.
	Faults []Fault
}

// Changes are what changed in a Store since a cookie.
type Changes struct {
	// Everything is set where Objects are all that there are, each without Was: the Store does
	// not know what changed since the cookie.
	Everything bool
	Objects    iter.Seq[Change]
	// Files are the faults of files that hold no readable object, all of them.
	Files []Fault
}

// Changes calls read with what changed since the cookie, and returns that of now. The Store waits
// while read goes on, which must not keep or use it. Of cookies it follows one, the one that it gave last
// for a cookie other than zero, or first: with it, what changed is known, and with any other everything is
// read. So a reader at zero takes nothing from one that follows.
func (s *Store) Changes(since Cookie, read func(Changes)) Cookie {
	s.mu.Lock()
	defer s.mu.Unlock()
	changes := Changes{Everything: since == 0 || since != s.followed, Objects: s.since, Files: s.other}
	if changes.Everything {
		changes.Objects = s.everything
	}
	read(changes)
	if since != 0 || s.followed == 0 {
		s.followed, s.before = s.now, map[Ref]Object{}
	}
	return s.now
}

// everything yields every object, and every fault.
func (s *Store) everything(yield func(Change) bool) {
	for ref, o := range s.objects {
		if !yield(Change{ref, nil, o, s.faults[ref]}) {
			return
		}
	}
	for ref, faults := range s.faults {
		if s.objects[ref] == nil && !yield(Change{ref, nil, nil, faults}) {
			return
		}
	}
}

// since yields what changed since the cookie that is followed.
func (s *Store) since(yield func(Change) bool) {
	for ref, was := range s.before {
		if !yield(Change{ref, was, s.objects[ref], s.faults[ref]}) {
			return
		}
	}
}
