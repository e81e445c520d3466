// Package intern stores equal values once: strings, and objects that others resemble. What
// nobody uses any more is dropped. It is safe for concurrent use.
package intern

import (
	"hash/maphash"
	"maps"
	"sync"
	"unique"
	"weak"
)

// String returns the copy of s that everyone shares who got one since the garbage
// collector last ran; for common strings, these are many.
func String(s string) string { return unique.Make(s).Value() }

var seed = maphash.MakeSeed()

// Hash returns the same number for equal slices, within this process.
func Hash[T comparable](all []T) uint64 {
	var hash maphash.Hash
	hash.SetSeed(seed)
	for _, one := range all {
		maphash.WriteComparable(&hash, one)
	}
	return hash.Sum64()
}

// Set holds objects by a hash of what they have in common, and does not keep them in
// memory. The zero Set is empty.
type Set[T any] struct {
	mu     sync.Mutex
	byHash map[uint64]weak.Pointer[T]
	enough int // the count at which dead entries are looked for
}

// Like returns an object with the same hash for which alike returns true. If there is
// none, it adds o and returns nil.
func (s *Set[T]) Like(hash uint64, o *T, alike func(*T) bool) *T {
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := s.byHash[hash].Value(); other != nil && alike(other) {
		return other
	}
	if len(s.byHash) >= s.enough {
		maps.DeleteFunc(s.byHash, func(_ uint64, o weak.Pointer[T]) bool { return o.Value() == nil })
		s.enough = max(1<<10, 2*len(s.byHash))
	}
	if s.byHash == nil {
		s.byHash = map[uint64]weak.Pointer[T]{}
	}
	s.byHash[hash] = weak.Make(o)
	return nil
}
