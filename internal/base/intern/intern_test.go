package intern

import (
	"runtime"
	"testing"
)

// TestWhatIsSharedIsForgotten holds it for what nobody has any more.
func TestWhatIsSharedIsForgotten(t *testing.T) {
	type thing struct{ number int }
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
		t.Errorf("%d are held, of which one lives", len(a.byHash))
	}
}
