package federation

import (
	"slices"
	"strings"
	"testing"
)

func FuzzHostname(f *testing.F) {
	for _, s := range []string{"a.b", "*.A.b.", "_x._tcp.a", "-a.b", "a..b", ".", "*.", strings.Repeat("a.", 127)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, err := ParseHostname(s)
		if err != nil {
			return
		}
		if again, err := ParseHostname(name); err != nil || again != name {
			t.Fatalf("%q became %q, and that %q (%v)", s, name, again, err)
		}
		if labels := strings.Split(strings.TrimSuffix(name, "."), "."); len(name) > 254 || slices.ContainsFunc(labels, func(l string) bool { return l == "" || len(l) > 63 }) {
			t.Fatalf("%q became %q, which is not a name", s, name)
		}
	})
}
