package intern

import (
	"runtime"
	"testing"
)

// TestUnusedSharedValuesAreDropped checks this for values that no object has any more.
func TestUnusedSharedValuesAreDropped(t *testing.T) {
	type thing [64]byte
	var a Set[thing]
	kept := &thing{}
	a.Like(0, kept, nil)
	for i := range 10_000 {
		a.Like(uint64(i)+1, &thing{}, nil)
		if i%1000 == 0 {
			runtime.GC()
		}
	}
	if len(a.byHash) > 5000 || a.Like(0, new(thing), func(*thing) bool { return true }) != kept {
		t.Errorf("%d are kept, want the one in use", len(a.byHash))
	}
}
