package federation

import "slices"

// contest is who has what several may want: a hostname, or a resource that more
// than one binding names.
type contest[K, V comparable] struct {
	beats  func(key K, a, b V) bool
	holder map[K]V
	losers map[K][]V
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
	c.losers[key] = append(c.losers[key], v)
}

func (c *contest[K, V]) leave(key K, v V) {
	losers := c.losers[key]
	if c.holder[key] == v {
		if len(losers) == 0 {
			delete(c.holder, key)
			return
		}
		v = losers[0]
		for _, o := range losers[1:] {
			if c.beats(key, o, v) {
				v = o
			}
		}
		c.holder[key] = v
	}
	i := slices.Index(losers, v)
	if losers = slices.Delete(losers, i, i+1); len(losers) > 0 {
		c.losers[key] = losers
	} else {
		delete(c.losers, key)
	}
}

// all returns who wants the key, the holder first.
func (c *contest[K, V]) all(key K) []V {
	first, taken := c.holder[key]
	if !taken {
		return nil
	}
	return append([]V{first}, c.losers[key]...)
}
