// Package typo finds the word that a misspelling stands for.
package typo

import "github.com/agnivade/levenshtein"

// most is the maximum number of edits that still count as a typo.
const most = 3

// Nearest returns the known word closest to word, which may be word itself, or "" if none is
// close.
func Nearest(word string, known []string) string {
	// A word that shares less than half of its letters is a different word.
	best, distance := "", min(most, (len(word)-1)/2)+1
	for _, k := range known {
		if d := levenshtein.ComputeDistance(word, k); d < distance {
			best, distance = k, d
		}
	}
	return best
}
