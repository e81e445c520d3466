package site

import (
	"fmt"
	"maps"
	"testing"

	"pgregory.net/rapid"
)

// TestShardsAreAMapWithLastingVersions edits at random, and finally compares every
// version with a map.
func TestShardsAreAMapWithLastingVersions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		versions, want := []shards[int]{newShards[int]()}, []map[string]int{{}}
		names := rapid.SampledFrom([]int{3, 40, 20000}).Draw(t, "names") // the last so that parts grow
		name := func() string { return fmt.Sprint(rapid.IntRange(0, names).Draw(t, "name")) }
		for range rapid.IntRange(1, 6).Draw(t, "edits") {
			from := rapid.IntRange(0, len(versions)-1).Draw(t, "from")
			e, m := shardsEditor[int]{shards: versions[from]}, maps.Clone(want[from])
			if n := name(); rapid.Bool().Draw(t, "many") {
				for i := range names / 2 {
					e.put(n+fmt.Sprint(i), i)
					m[n+fmt.Sprint(i)] = i
				}
			}
			for range rapid.IntRange(0, 20).Draw(t, "puts") {
				n, v := name(), rapid.Int().Draw(t, "value")
				e.put(n, v)
				m[n] = v
			}
			gone := rapid.IntRange(0, 8).Draw(t, "remove one in")
			for n := range maps.Clone(m) {
				if gone > 0 && len(n)%gone == 0 {
					e.remove(n)
					delete(m, n)
				}
			}
			versions, want = append(versions, e.shards), append(want, m)
		}
		for i, s := range versions {
			for n, v := range want[i] {
				if got, ok := s.get([]byte(n)); !ok || got != v {
					t.Fatalf("version %d: %s is %d, %v; want %d", i, n, got, ok, v)
				}
			}
			n := 0
			for _, p := range s {
				if p != nil {
					n += p.taken
				}
			}
			if n != len(want[i]) {
				t.Fatalf("version %d has %d names, want %d", i, n, len(want[i]))
			}
			for range 5 {
				n := name()
				if _, there := want[i][n]; there {
					continue
				}
				if v, ok := s.get([]byte(n)); ok {
					t.Fatalf("version %d has %s, which is %d", i, n, v)
				}
			}
		}
	})
}
