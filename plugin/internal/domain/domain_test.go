package domain

import "testing"

func TestUnderComparesWholeLabels(t *testing.T) {
	for _, c := range []struct {
		name, zone string
		want       bool
	}{
		{"example.org.", "example.org.", true},
		{"a.b.example.org.", "example.org.", true},
		{"anexample.org.", "example.org.", false},
		{"org.", "example.org.", false},
		{"example.com.", "example.org.", false},
		{"example.org.", ".", true},
		{".", ".", true},
		{".", "org.", false},
	} {
		if got := Under([]byte(c.name), c.zone); got != c.want {
			t.Errorf("%s under %s: %v", c.name, c.zone, got)
		}
	}
}

func TestUnderAllocatesNothing(t *testing.T) {
	name := []byte("a.b.example.org.")
	if n := testing.AllocsPerRun(100, func() { Under(name, "example.org.") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
