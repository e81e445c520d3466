package federation

import (
	"slices"
	"testing"
)

func TestFunctionsWithTheSamePlacementsShareTheirList(t *testing.T) {
	a, b := &Placement{Cluster: 0}, &Placement{Cluster: 1}
	var l lists
	one := l.share([]*Placement{a, b})
	if again := l.share([]*Placement{a, b}); &again[0] != &one[0] {
		t.Error("two of the same have a list each")
	}
	for _, other := range [][]*Placement{{b, a}, {a}, {a, b, a}, {{Cluster: 0}, b}} {
		if got := l.share(other); !slices.Equal(got, other) {
			t.Errorf("%v became %v", other, got)
		}
	}
	for range mostListed {
		l.share([]*Placement{new(Placement)})
	}
	if held := len(l.byHash); held > mostListed {
		t.Errorf("%d lists are held", held)
	}
}
