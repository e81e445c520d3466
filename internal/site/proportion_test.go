package site

import (
	"runtime"
	"testing"

	"github.com/nearcast/nearcast/internal/federation/staging"
)

// TestAChangeAllocatesForTheChangeAndNotForTheTable changes one placement among 1,000
// functions and among ten times as many: pages are copied, tables are not.
func TestAChangeAllocatesForTheChangeAndNotForTheTable(t *testing.T) {
	few, many := allocated(t, size{1000, 64, 100, 8}), allocated(t, size{10000, 64, 100, 8})
	t.Logf("%.0f octets among 1,000 functions, %.0f among 10,000", few, many)
	if many > 1.5*few {
		t.Errorf("%.0f octets among 1,000 functions, %.0f among 10,000; want at most half as much again", few, many)
	}
}

// allocated returns the octets that a change of one placement takes.
func allocated(t *testing.T, of size) float64 {
	const rounds = 50
	s, at := still(t, of)
	s.rebuild(at)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for n := range rounds {
		s.store.Put(staging.Whole(binding(of.functions/2, of, n%2 == 1)))
		view := s.View()
		if s.rebuild(at); s.View().Standing.Candidates == view.Standing.Candidates {
			t.Fatal("adding or removing a placement did not change the candidates")
		}
	}
	runtime.ReadMemStats(&after)
	return float64(after.TotalAlloc-before.TotalAlloc) / rounds
}
