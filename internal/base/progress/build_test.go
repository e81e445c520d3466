package progress

import (
	"slices"
	"strings"
	"testing"
)

func TestABuildsOutputBecomesStepsAndMessages(t *testing.T) {
	var steps []string
	b := &Build{Step: func(s string) { steps = append(steps, s) }}
	// In pieces, as pipes deliver it.
	for _, piece := range []string{"go: downloading k8s.io/api v0.36.0\nint", "ernal/cpu\nk8s.io/api/apps/v1\n", "# k8s.io/api/apps/v1\nv1/types.go:3:1: syntax error\n", "too many errors"} {
		if n, err := b.Write([]byte(piece)); n != len(piece) || err != nil {
			t.Errorf("Write: got %d, %v", n, err)
		}
	}
	want := []string{"downloading k8s.io/api v0.36.0", "packages compiled: 1, the last is internal/cpu", "packages compiled: 2, the last is k8s.io/api/apps/v1"}
	if !slices.Equal(steps, want) {
		t.Errorf("got steps %q, want %q", steps, want)
	}
	if got, want := b.Messages(), "# k8s.io/api/apps/v1\nv1/types.go:3:1: syntax error\ntoo many errors"; got != want {
		t.Errorf("got messages %q, want %q", got, want)
	}
}

func TestABuildKeepsTheLastMessagesAlone(t *testing.T) {
	b := new(Build)
	for range 1000 {
		_, _ = b.Write([]byte("x.go:1:1: undefined: y\n"))
	}
	if got := strings.Count(b.Messages(), "undefined"); got != lastMessages {
		t.Errorf("got %d messages, want %d", got, lastMessages)
	}
}
