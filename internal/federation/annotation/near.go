package annotation

import "github.com/agnivade/levenshtein"

// maxTypo is the maximum number of edits that still count as a typo.
const maxTypo = 3

// nearestWord returns the known word closest to s, or "" if none is close.
func nearestWord(s string, known []string) string {
	// A word that shares less than half of its letters is a different word.
	best, distance := "", min(maxTypo, len(s)/2)+1
	for _, k := range known {
		if d := levenshtein.ComputeDistance(s, k); d < distance {
			best, distance = k, d
		}
	}
	return best
}
