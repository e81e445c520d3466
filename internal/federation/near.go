package federation

import "github.com/agnivade/levenshtein"

// maxTypo is how many edits still look like a slip of the fingers.
const maxTypo = 3

// nearestWord returns the known word closest to s, or "" if none is close.
func nearestWord(s string, known []string) string {
	// What shares less than half of its letters is another word.
	best, distance := "", min(maxTypo, len(s)/2)+1
	for _, k := range known {
		if d := levenshtein.ComputeDistance(s, k); d < distance {
			best, distance = k, d
		}
	}
	return best
}
