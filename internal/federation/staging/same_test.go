package staging

import (
	"testing"

	"github.com/nearcast/nearcast/internal/federation"
)

// TestWhatIsListedAgainIsNotHeldTwice reads an object again, as it was and with another port.
func TestWhatIsListedAgainIsNotHeldTwice(t *testing.T) {
	s, held := NewStore(), service("web", 80)
	first := s.Same(Whole(held))
	s.Put(first)
	again, other := service("web", 80), service("web", 81)
	if r := s.Same(Whole(again)); r.Object != federation.Object(held) {
		t.Error("an equal object is held twice")
	}
	if r := s.Same(Whole(other)); r.Object != federation.Object(other) {
		t.Errorf("%+v, want the new version", r.Object)
	}
	gone := Reading{Ref: first.Ref, Faults: []federation.Fault{{Reason: "bad"}}}
	if r := s.Same(gone); r.Object != nil || len(r.Faults) != 1 {
		t.Errorf("%+v, want what was read", r)
	}
}
