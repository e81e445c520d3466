package site

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// TestAStatusOfNothingHasEmptyLists is of a folder without a manifest, and of a function that
// is nowhere: a list that is null ends programs that go through it.
func TestAStatusOfNothingHasEmptyLists(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", `"clusters":[],"functions":[]`},
		{fixture.Documents(fixture.Function{Name: "hello"}), `"candidates":[]`},
	} {
		config := configOf(fixture.Dir(t, map[string]string{"all.yaml": c.text}))
		config.Where.Cluster, config.Where.Region = "", "mk"
		s := acquire(t, config, &testLog{})
		text, err := json.Marshal(s.status(s.View()))
		Release(s)
		if err != nil || strings.Contains(string(text), "null") || !strings.Contains(string(text), c.want) {
			t.Errorf("%s, %v, want %s", text, err, c.want)
		}
	}
}
