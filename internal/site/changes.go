package site

import (
	"iter"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/vector"
)

// functions are those of a State, by index.
type functions = vector.Vector[*federation.Function]

// changed is one function as it was and as it is; nil where it was not, or is not.
type changed struct{ before, after *federation.Function }

// changes returns the functions that are others after than before.
func changes(before, after functions) iter.Seq2[int, changed] {
	return func(yield func(int, changed) bool) {
		for i := range vector.Changed(before, after) {
			if !yield(i, changed{before.Get(i), after.Get(i)}) {
				return
			}
		}
	}
}
