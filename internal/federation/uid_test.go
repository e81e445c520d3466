package federation

import (
	"strings"
	"testing"
	"unsafe"

	"pgregory.net/rapid"
)

// TestAUIDIsTheTextThatItWasMadeOf has UUIDs, and texts that are nearly one.
func TestAUIDIsTheTextThatItWasMadeOf(t *testing.T) {
	uuid := rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	texts := rapid.OneOf(
		uuid, rapid.Map(uuid, strings.ToUpper), rapid.StringMatching(`[0-9a-f-]{36}`), rapid.String(),
		rapid.Just("00000000-0000-0000-0000-000000000000"), rapid.Just(""),
	)
	rapid.Check(t, func(t *rapid.T) {
		one, other := texts.Draw(t, "one"), texts.Draw(t, "other")
		u := UIDOf(one)
		if u.String() != one || u.IsZero() != (one == "") {
			t.Fatalf("%q became %q", one, u)
		}
		if (UIDOf(other) == u) != (other == one) {
			t.Fatalf("the UIDs of %q and %q are the same, or those of one text are not", one, other)
		}
	})
}

// TestWhatThereIsOneOfForEachFunctionIsSmall holds the octets that the heap has for each: those of
// its size classes.
func TestWhatThereIsOneOfForEachFunctionIsSmall(t *testing.T) {
	for name, c := range map[string]struct{ is, most uintptr }{
		"Template": {unsafe.Sizeof(Template{}), 128},
		"Workload": {unsafe.Sizeof(Workload{}), 128},
		"Binding":  {unsafe.Sizeof(Binding{}), 80},
		"Function": {unsafe.Sizeof(Function{}), 64},
	} {
		if c.is > c.most {
			t.Errorf("a %s has %d octets, want at most %d", name, c.is, c.most)
		}
	}
}
