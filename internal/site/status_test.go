package site

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// TestAnEmptyStatusHasEmptyLists covers a directory without a manifest, and a function
// without a placement: a null list breaks programs that iterate over it.
func TestAnEmptyStatusHasEmptyLists(t *testing.T) {
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
