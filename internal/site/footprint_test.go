package site

import (
	"runtime"
	"testing"
)

// most is how many bytes a function may take.
const most = 1200

// TestAFunctionIsSmall holds the memory that a function takes: what the source reported of it, what is
// built and compiled from that, its name and its standing.
func TestAFunctionIsSmall(t *testing.T) {
	for _, of := range []size{{10_000, 16, 1000, 16}, {100_000, 256, 1000, 8}} {
		if testing.Short() && of.functions > 10_000 {
			continue
		}
		empty := heap()
		s, at := still(t, of)
		s.rebuild(at)
		per := float64(heap()-empty) / float64(of.functions)
		runtime.KeepAlive(s)
		t.Logf("%d functions in %d of %d clusters: %.0f bytes each", of.functions, of.placements, of.clusters, per)
		if per > most {
			t.Errorf("%.0f bytes for each of %d functions, want at most %d", per, of.functions, most)
		}
	}
}
