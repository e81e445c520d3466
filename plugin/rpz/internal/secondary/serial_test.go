package secondary

import "testing"

func TestSerialsAreComparedByRFC1982(t *testing.T) {
	const half = 1 << 31
	for _, c := range []struct {
		a, b uint32
		want bool
	}{
		{1, 0, true}, {0, 1, false}, {5, 5, false}, {44, 0, true}, {100, 44, true}, {200, 44, true},
		{0, 1<<32 - 1, true}, {1<<32 - 1, 0, false}, // it wraps
		{half - 1, 0, true}, {0, half - 1, false},
		{half, 0, false}, {0, half, false}, // undefined: neither
		{half + 1, 0, false}, {0, half + 1, true},
		{half + 7, 7, false}, {7, half + 7, false},
	} {
		if got := newer(c.a, c.b); got != c.want {
			t.Errorf("newer(%d, %d) is %v", c.a, c.b, got)
		}
	}
}
