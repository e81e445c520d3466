package build

import (
	"slices"
	"testing"

	"github.com/nearcast/nearcast/internal/federation"
)

func TestFunctionsWithTheSamePlacementsShareTheirList(t *testing.T) {
	a, b := &federation.Placement{Cluster: 0}, &federation.Placement{Cluster: 1}
	var l lists
	one := l.share([]*federation.Placement{a, b})
	if again := l.share([]*federation.Placement{a, b}); &again[0] != &one[0] {
		t.Error("two with the same placements do not share a list")
	}
	for _, other := range [][]*federation.Placement{{b, a}, {a}, {a, b, a}, {{Cluster: 0}, b}} {
		if got := l.share(other); !slices.Equal(got, other) {
			t.Errorf("%v became %v", other, got)
		}
	}
	for range mostListed {
		l.share([]*federation.Placement{new(federation.Placement)})
	}
	if held := len(l.byHash); held > mostListed {
		t.Errorf("%d lists are kept", held)
	}
}
