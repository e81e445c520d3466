package build

import (
	"iter"
	"slices"

	"github.com/nearcast/nearcast/internal/base/index"
)

// contest decides who gets what several may want: a hostname, or a resource that more than
// one binding names. beats orders all that want a key, and that order must not change while
// they do.
type contest[K, V comparable] struct {
	beats  func(key K, a, b V) bool
	holder index.Index[K, V]
	losers map[K][]V // in order
}

// newContest returns a contest without anyone. wants reports whether v wants the key: it does from
// before it enters until it has left.
func newContest[K, V comparable](wants func(v V, key K) bool, beats func(key K, a, b V) bool) contest[K, V] {
	return contest[K, V]{beats: beats, holder: index.New(wants), losers: map[K][]V{}}
}

func (c *contest[K, V]) enter(key K, v V) {
	var nobody V
	first := c.holder.Get(key)
	if first == nobody {
		c.holder.Put(key, v)
		return
	}
	if c.beats(key, v, first) {
		c.holder.Put(key, v)
		v = first
	}
	c.losers[key] = slices.Insert(c.losers[key], c.search(key, v), v)
}

func (c *contest[K, V]) leave(key K, v V) {
	losers, i := c.losers[key], 0
	if c.holder.Get(key) == v {
		if len(losers) == 0 {
			c.holder.Delete(key)
			return
		}
		c.holder.Put(key, losers[0])
	} else {
		i = c.search(key, v)
	}
	if losers = slices.Delete(losers, i, i+1); len(losers) > 0 {
		c.losers[key] = losers
	} else {
		delete(c.losers, key)
	}
}

// search returns the index of v among the key's losers, or where it belongs.
func (c *contest[K, V]) search(key K, v V) int {
	i, _ := slices.BinarySearchFunc(c.losers[key], v, func(o, v V) int {
		switch {
		case o == v:
			return 0
		case c.beats(key, o, v):
			return -1
		}
		return 1
	})
	return i
}

// count returns how many want the key.
func (c *contest[K, V]) count(key K) int {
	var nobody V
	if c.holder.Get(key) == nobody {
		return 0
	}
	return 1 + len(c.losers[key])
}

// all yields everyone who wants the key, in order.
func (c *contest[K, V]) all(key K) iter.Seq[V] {
	return func(yield func(V) bool) {
		var nobody V
		if first := c.holder.Get(key); first == nobody || !yield(first) {
			return
		}
		for _, v := range c.losers[key] {
			if !yield(v) {
				return
			}
		}
	}
}
