package manifest

import (
	"os"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/internal/federation/staging"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// TestTheSmallestManifestThatAnswersIsInTheManPage loads its example.
func TestTheSmallestManifestThatAnswersIsInTheManPage(t *testing.T) {
	page, err := os.ReadFile("../../../plugin/nearcast/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "~~~ yaml\n")
	example, _, found := strings.Cut(rest, "~~~\n")
	if !found {
		t.Fatal("no example")
	}
	s := built(t, New(fixture.Dir(t, map[string]string{"f.yaml": example})), staging.NewStore())
	if len(s.Faults) > 0 || s.Count() != 1 || len(s.Functions.At(0).Placements) != 1 {
		t.Errorf("%d functions, faults %v", s.Count(), s.Faults)
	}
}
