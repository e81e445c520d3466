package vector

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestAnEditLeavesTheOriginalUnchanged edits at random and compares with slices; in the
// end all versions still have their content.
func TestAnEditLeavesTheOriginalUnchanged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		versions, want := []Vector[int]{{}}, [][]int{nil}
		for range rapid.IntRange(1, 12).Draw(t, "edits") {
			from := rapid.IntRange(0, len(versions)-1).Draw(t, "from")
			e, slice := versions[from].Edit(), slices.Clone(want[from])
			for range rapid.SampledFrom([]int{0, 1, 3, 200}).Draw(t, "sets") {
				i, item := rapid.IntRange(0, e.Len()+rapid.SampledFrom([]int{0, 0, 0, 300}).Draw(t, "beyond")).Draw(t, "at"), rapid.IntRange(0, 3).Draw(t, "item")
				e.Set(i, item)
				for i >= len(slice) {
					slice = append(slice, 0)
				}
				slice[i] = item
			}
			versions, want = append(versions, e.Vector()), append(want, slice)
		}
		for i, v := range versions {
			if got := slices.Collect(maps.Values(maps.Collect(v.All()))); len(got) != len(want[i]) {
				t.Fatalf("version %d has %d items, want %d", i, len(got), len(want[i]))
			}
			for j, item := range want[i] {
				if v.At(j) != item || *v.Ptr(j) != item || v.Get(j) != item {
					t.Fatalf("version %d, item %d is %d, want %d", i, j, v.At(j), item)
				}
			}
			if beyond := v.Get(len(want[i])); beyond != 0 {
				t.Fatalf("version %d has %d beyond its end", i, beyond)
			}
			var differ []int
			for j := range max(len(want[0]), len(want[i])) {
				if want[i][j] != 0 {
					differ = append(differ, j)
				}
			}
			if got := slices.Collect(Changed(versions[0], v)); !slices.Equal(got, differ) {
				t.Fatalf("version %d differs from none at %v, want %v", i, got, differ)
			}
		}
	})
}

// TestChangedReturnsWhereTwoVersionsDiffer compares two versions of one Vector.
func TestChangedReturnsWhereTwoVersionsDiffer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		items := rapid.SliceOfN(rapid.IntRange(0, 2), 0, 600).Draw(t, "items")
		a := of(items...)
		e := a.Edit()
		var want []int
		for i := range items {
			if rapid.IntRange(0, 99).Draw(t, "change") == 0 {
				e.Set(i, 3)
				want = append(want, i)
			}
		}
		if got := slices.Collect(Changed(a, e.Vector())); !slices.Equal(got, want) {
			t.Fatalf("changed at %v, want %v", got, want)
		}
	})
}

// TestAReadAllocatesNothing covers the path of a query.
func TestAReadAllocatesNothing(t *testing.T) {
	v := of(make([]int, 1000)...)
	if n := testing.AllocsPerRun(100, func() { _ = v.At(999) + *v.Ptr(1) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// of returns the items in a Vector.
func of[T any](items ...T) Vector[T] {
	e := Vector[T]{}.Edit()
	for i, item := range items {
		e.Set(i, item)
	}
	return e.Vector()
}
