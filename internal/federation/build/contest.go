package build

import (
	"iter"
	"slices"
)

// contest decides who gets what several may want: a hostname, or a resource that more than
// one binding names. beats orders all that want a key, and that order must not change while
// they do.
type contest[K, V comparable] struct {
	beats  func(key K, a, b V) bool
	holder map[K]V
	losers map[K][]V // in order
}

func newContest[K, V comparable](beats func(key K, a, b V) bool) contest[K, V] {
	return contest[K, V]{beats: beats, holder: map[K]V{}, losers: map[K][]V{}}
}

func (c *contest[K, V]) enter(key K, v V) {
	first, taken := c.holder[key]
	if !taken {
		c.holder[key] = v
		return
	}
	if c.beats(key, v, first) {
		c.holder[key], v = v, first
	}
	c.losers[key] = slices.Insert(c.losers[key], c.search(key, v), v)
}

func (c *contest[K, V]) leave(key K, v V) {
	losers, i := c.losers[key], 0
	if c.holder[key] == v {
		if len(losers) == 0 {
			delete(c.holder, key)
			return
		}
		c.holder[key] = losers[0]
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

// all yields everyone who wants the key, in order.
func (c *contest[K, V]) all(key K) iter.Seq[V] {
	return func(yield func(V) bool) {
		if first, taken := c.holder[key]; !taken || !yield(first) {
			return
		}
		for _, v := range c.losers[key] {
			if !yield(v) {
				return
			}
		}
	}
}
