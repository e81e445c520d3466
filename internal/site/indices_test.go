package site

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestIndicesAreASet adds and removes, and compares with a map.
func TestIndicesAreASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var got indices
		want := map[int]bool{}
		most := rapid.SampledFrom([]int32{2, 100, 10_000}).Draw(t, "most")
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			from := rapid.Int32Range(0, most).Draw(t, "from")
			to := from + rapid.SampledFrom([]int32{1, 2, 300}).Draw(t, "how many")
			add := rapid.Bool().Draw(t, "add")
			for i := from; i < to; i++ {
				if add {
					got.add(i)
					want[int(i)] = true
				} else {
					got.remove(i)
					delete(want, int(i))
				}
			}
			if all := slices.Collect(got.all()); !slices.Equal(all, slices.Sorted(maps.Keys(want))) || got.isEmpty() != (len(want) == 0) {
				t.Fatalf("%v, want %v", all, slices.Sorted(maps.Keys(want)))
			}
		}
	})
}
