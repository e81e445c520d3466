// Package index finds values by keys that the values themselves hold. A map has a copy of each key, and
// the key of a Kubernetes object is four strings; an Index has a hash of it. It cannot tell apart two keys of
// one value that have the same hash. With 32 bits, some of a hundred thousand workloads with five labels each
// would have two of the same in one process of two thousand, so a hash has 64.
//
// An Index belongs to one goroutine.
package index

import (
	"hash/maphash"
	"iter"
	"math/bits"
	"slices"
)

// Index is a hash table in which a value is in the first free slot at or after that of its hash. Make it
// with New.
type Index[K, V comparable] struct {
	has func(v V, key K) bool
	// seed is the Index's own: All yields values in the order of their hashes, and an Index with the
	// same hashes that is filled in this order has all of them in its first slots, one behind the other.
	seed   maphash.Seed
	hashes []uint64 // by slot; 0 if the slot is free
	values []V      // by slot
	len    int
}

// least is the number of slots that an Index with any value has.
const least = 8

// New returns an empty Index. has reports whether the value is to be found by the key; a value may have
// several keys. That must not change while the Index has the value by the key.
func New[K, V comparable](has func(v V, key K) bool) Index[K, V] {
	return Index[K, V]{has: has, seed: maphash.MakeSeed()}
}

// Len returns the number of keys.
func (x *Index[K, V]) Len() int { return x.len }

// Get returns the value of the key, or the zero value if there is none.
func (x *Index[K, V]) Get(key K) (v V) {
	if x.len == 0 {
		return v
	}
	if slot := x.find(x.hashOf(key), key); x.hashes[slot] != 0 {
		v = x.values[slot]
	}
	return v
}

// Put sets the value of the key, which the value must have.
func (x *Index[K, V]) Put(key K, v V) {
	if 8*(x.len+1) > 7*len(x.hashes) {
		x.resize(x.len + 1)
	}
	hash := x.hashOf(key)
	slot := x.find(hash, key)
	if x.hashes[slot] == 0 {
		x.len++
	}
	x.hashes[slot], x.values[slot] = hash, v
}

// Delete removes the key, if it is there.
func (x *Index[K, V]) Delete(key K) {
	if x.len == 0 {
		return
	}
	gap := x.find(x.hashOf(key), key)
	if x.hashes[gap] == 0 {
		return
	}
	for slot := x.after(gap); x.hashes[slot] != 0; slot = x.after(slot) {
		if home := x.home(x.hashes[slot]); x.distance(home, slot) >= x.distance(gap, slot) {
			x.hashes[gap], x.values[gap] = x.hashes[slot], x.values[slot] // a search from home would end at the gap
			gap = slot
		}
	}
	var none V
	x.hashes[gap], x.values[gap] = 0, none
	if x.len--; len(x.hashes) > least && 3*x.len < len(x.hashes) {
		x.resize(x.len)
	}
}

// All yields the value of each key, in no particular order. The Index must not change meanwhile.
func (x *Index[K, V]) All() iter.Seq[V] {
	return func(yield func(V) bool) {
		for slot, hash := range x.hashes {
			if hash != 0 && !yield(x.values[slot]) {
				return
			}
		}
	}
}

// Clone returns a copy.
func (x *Index[K, V]) Clone() Index[K, V] {
	return Index[K, V]{x.has, x.seed, slices.Clone(x.hashes), slices.Clone(x.values), x.len}
}

// hashOf returns the hash of the key, which is never 0.
func (x *Index[K, V]) hashOf(key K) uint64 { return maphash.Comparable(x.seed, key) | 1 }

// find returns the slot of the key, or the free slot where it would be.
func (x *Index[K, V]) find(hash uint64, key K) int {
	slot := x.home(hash)
	for x.hashes[slot] != 0 && (x.hashes[slot] != hash || !x.has(x.values[slot], key)) {
		slot = x.after(slot)
	}
	return slot
}

// home returns the slot at which a search for the hash begins.
func (x *Index[K, V]) home(hash uint64) int {
	high, _ := bits.Mul64(hash, uint64(len(x.hashes)))
	return int(high) //nolint:gosec // below the length
}

func (x *Index[K, V]) after(slot int) int {
	if slot++; slot == len(x.hashes) {
		return 0
	}
	return slot
}

// distance returns how many slots a search goes on from one slot to the other.
func (x *Index[K, V]) distance(from, to int) int {
	if to < from {
		to += len(x.hashes)
	}
	return to - from
}

// resize makes a table of which this many keys take seven tenths.
func (x *Index[K, V]) resize(keys int) {
	before := *x
	slots := max(least, keys*10/7+1)
	x.hashes, x.values = make([]uint64, slots), make([]V, slots)
	for i, hash := range before.hashes {
		if hash == 0 {
			continue
		}
		slot := x.home(hash)
		for x.hashes[slot] != 0 {
			slot = x.after(slot)
		}
		x.hashes[slot], x.values[slot] = hash, before.values[i]
	}
}
