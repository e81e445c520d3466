package site

import (
	"iter"

	"github.com/nearcast/nearcast/internal/base/vector"
	"github.com/nearcast/nearcast/internal/federation"
)

// functions are those of a State, by index.
type functions = vector.Vector[*federation.Function]

// changed is one function before and after a change; nil if it did not exist or no longer
// exists.
type changed struct{ before, after *federation.Function }

// changes returns the functions that differ between before and after.
func changes(before, after functions) iter.Seq2[int, changed] {
	return func(yield func(int, changed) bool) {
		for i := range vector.Changed(before, after) {
			if !yield(i, changed{before.Get(i), after.Get(i)}) {
				return
			}
		}
	}
}
