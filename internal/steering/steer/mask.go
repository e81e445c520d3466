package steer

import "math/bits"

// Mask is a set of cluster indices.
type Mask []uint64

func newMask(clusters int) Mask { return make(Mask, (clusters+63)/64) }

func (m Mask) set(i int)      { m[i/64] |= 1 << (i % 64) }
func (m Mask) clear(i int)    { m[i/64] &^= 1 << (i % 64) }
func (m Mask) has(i int) bool { return m[i/64]&(1<<(i%64)) != 0 }

func (m Mask) empty() bool {
	for _, w := range m {
		if w != 0 {
			return false
		}
	}
	return true
}

func (m Mask) count() (n int) {
	for _, w := range m {
		n += bits.OnesCount64(w)
	}
	return n
}

// next returns the first member at or after i, or -1.
func (m Mask) next(i int) int {
	for w := i / 64; w < len(m); w++ {
		word := m[w]
		if w == i/64 {
			word &= ^uint64(0) << (i % 64)
		}
		if word != 0 {
			return w*64 + bits.TrailingZeros64(word)
		}
	}
	return -1
}

// first returns the member that comes first in the order. The mask must not be empty, and
// the order must contain every cluster.
func (m Mask) first(order Order) int {
	for _, c := range order {
		if m.has(int(c)) {
			return int(c)
		}
	}
	return -1
}
