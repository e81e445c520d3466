package federation

import (
	"slices"
	"testing"
)

func TestTemplatesWithTheSameAnnotationsShareThem(t *testing.T) {
	one, other := service("ns", "one", "ttl", "5", "weights", "a=1"), service("ns", "other", "ttl", "5", "weights", "a=1")
	if one.Annotated != other.Annotated || &one.Annotations[0] != &other.Annotations[0] {
		t.Error("they have theirs each")
	}
	for name, third := range map[string]*Template{
		"another value": service("ns", "x", "ttl", "5", "weights", "a=2"), "one less": service("ns", "x", "ttl", "5"),
		// The workload is in the template's own namespace.
		"another namespace": service("other", "x", "ttl", "5", "weights", "a=1"),
	} {
		if third.Annotated == one.Annotated {
			t.Errorf("%s: it is shared all the same", name)
		}
	}
}

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
