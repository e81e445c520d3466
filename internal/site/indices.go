package site

import (
	"iter"
	"math/bits"
	"slices"
)

// indices is a set of the indices of functions. Most targets have one user or a few;
// gateways have all functions. The zero indices is empty.
type indices struct {
	one  int32 // 1 + the index; 0 if there is none, or if there are more
	more *manyIndices
}

// manyIndices is a sorted list, or a bitmap if that is smaller.
type manyIndices struct {
	list   []int32
	bitmap []uint64
	n      int // in the bitmap
}

// leastBitmap is the length below which a list stays a list.
const leastBitmap = 64

// add adds the index.
func (s *indices) add(i int32) {
	switch {
	case s.more != nil:
		s.more.add(i)
	case s.one == 0:
		s.one = i + 1
	case s.one != i+1:
		s.more = &manyIndices{list: []int32{min(i, s.one-1), max(i, s.one-1)}}
		s.one = 0
	}
}

// remove removes the index.
func (s *indices) remove(i int32) {
	switch {
	case s.more != nil:
		if s.more.remove(i); s.more.len() == 0 {
			s.more = nil
		}
	case s.one == i+1:
		s.one = 0
	}
}

// isEmpty reports whether the set has no index.
func (s *indices) isEmpty() bool { return s.one == 0 && s.more == nil }

// all yields the indices, sorted.
func (s *indices) all() iter.Seq[int] {
	return func(yield func(int) bool) {
		switch {
		case s.more != nil:
			s.more.each(yield)
		case s.one > 0:
			yield(int(s.one - 1))
		}
	}
}

func (s *manyIndices) len() int { return s.n + len(s.list) }

func (s *manyIndices) add(i int32) {
	if s.bitmap != nil {
		for int(i/64) >= len(s.bitmap) {
			s.bitmap = append(s.bitmap, 0)
		}
		if bit := uint64(1) << (i % 64); s.bitmap[i/64]&bit == 0 {
			s.bitmap[i/64] |= bit
			s.n++
		}
		return
	}
	at, found := slices.BinarySearch(s.list, i)
	if found {
		return
	}
	s.list = slices.Insert(s.list, at, i)
	if last := int(s.list[len(s.list)-1]); len(s.list) > max(leastBitmap, last/32) {
		s.toBitmap(last)
	}
}

func (s *manyIndices) toBitmap(last int) {
	list := s.list
	s.list, s.bitmap = nil, make([]uint64, last/64+1)
	for _, i := range list {
		s.add(i)
	}
}

func (s *manyIndices) remove(i int32) {
	if s.bitmap != nil {
		if bit := uint64(1) << (i % 64); int(i/64) < len(s.bitmap) && s.bitmap[i/64]&bit != 0 {
			s.bitmap[i/64] &^= bit
			s.n--
		}
		return
	}
	if at, found := slices.BinarySearch(s.list, i); found {
		s.list = slices.Delete(s.list, at, at+1)
	}
}

func (s *manyIndices) each(yield func(int) bool) {
	for _, i := range s.list {
		if !yield(int(i)) {
			return
		}
	}
	for w, word := range s.bitmap {
		for ; word != 0; word &= word - 1 {
			if !yield(w*64 + bits.TrailingZeros64(word)) {
				return
			}
		}
	}
}
