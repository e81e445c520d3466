// Package vector implements an immutable sequence whose modified copies share what did
// not change. Reading takes two memory accesses and no allocation; a change copies one
// page, and the list of pages.
//
// It shares pages by their number. What is found by a name is shared otherwise: the names of functions in parts
// by their hash (package site), and the rules of a policy zone as a tree (plugin/rpz).
//
// A Vector may be read from any goroutine; an Editor belongs to one.
package vector

import "iter"

// The page length is chosen so that the list of pages for a hundred thousand items, and a
// page of pointers, are both a few KB.
const (
	shift  = 7
	length = 1 << shift
)

type page[T any] [length]T

// Vector is the sequence. The zero Vector is empty.
type Vector[T any] struct {
	pages []*page[T]
	len   int
}

// Len returns the number of items.
func (v Vector[T]) Len() int { return v.len }

// At returns item i, which must exist.
func (v Vector[T]) At(i int) T { return v.pages[i>>shift][i&(length-1)] }

// Get returns item i, or the zero value if it does not exist.
func (v Vector[T]) Get(i int) (item T) {
	if i < v.len {
		item = v.At(i)
	}
	return item
}

// Ptr returns a pointer to item i, which must exist and must not be modified.
func (v Vector[T]) Ptr(i int) *T { return &v.pages[i>>shift][i&(length-1)] }

// All returns the items with their indices.
func (v Vector[T]) All() iter.Seq2[int, T] {
	return func(yield func(int, T) bool) {
		for i := range v.len {
			if !yield(i, v.At(i)) {
				return
			}
		}
	}
}

// Changed returns the indices at which the two differ; a missing item counts as the zero
// value. Pages that the two share cost one comparison each.
func Changed[T comparable](a, b Vector[T]) iter.Seq[int] {
	return func(yield func(int) bool) {
		var none page[T]
		for p := range max(len(a.pages), len(b.pages)) {
			was, is := &none, &none
			if p < len(a.pages) {
				was = a.pages[p]
			}
			if p < len(b.pages) {
				is = b.pages[p]
			}
			if was == is {
				continue
			}
			for i := range was {
				if was[i] != is[i] && !yield(p<<shift+i) {
					return
				}
			}
		}
	}
}

// Editor makes a modified copy.
type Editor[T any] struct {
	v     Vector[T]
	owned []bool // by page; nil if nothing has changed yet
}

// Edit returns an Editor that starts with v.
func (v Vector[T]) Edit() *Editor[T] { return &Editor[T]{v: v} }

// Set sets item i. Items between the current length and i become the zero value.
func (e *Editor[T]) Set(i int, item T) {
	if e.owned == nil {
		e.owned = make([]bool, len(e.v.pages), len(e.v.pages)+1)
		e.v.pages = append(make([]*page[T], 0, len(e.v.pages)+1), e.v.pages...)
	}
	p := i >> shift
	for p >= len(e.v.pages) {
		e.v.pages, e.owned = append(e.v.pages, new(page[T])), append(e.owned, true)
	}
	if !e.owned[p] {
		own := *e.v.pages[p]
		e.v.pages[p], e.owned[p] = &own, true
	}
	e.v.pages[p][i&(length-1)] = item
	e.v.len = max(e.v.len, i+1)
}

// Get returns the current item i, or the zero value if it does not exist.
func (e *Editor[T]) Get(i int) T { return e.v.Get(i) }

// Len returns the current number of items.
func (e *Editor[T]) Len() int { return e.v.len }

// Vector returns the result. Do not edit it further.
func (e *Editor[T]) Vector() Vector[T] { return e.v }
