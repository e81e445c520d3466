package federation

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// hostname matches what ParseHostname accepts, with its final dot, unless it is too long.
var hostname = regexp.MustCompile(`^(\*\.)?([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)+$`)

func FuzzHostname(f *testing.F) {
	for _, s := range []string{"a.b", "*.A.b.", "_x._tcp.a", "-a.b", "a..b", ".", "*.", "*", "*.*.a", "a.*.b", "a-.b", "a-b_.c", "a b", "", "a.b..", strings.Repeat("a.", 127), strings.Repeat("a", 63), strings.Repeat("a", 64) + ".b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, err := ParseHostname(s)
		if matches := hostname.MatchString(strings.TrimSuffix(s, ".") + "."); len(s) < 254 && matches != (err == nil) {
			t.Fatalf("%q: %v, and the pattern matches: %v", s, err, matches)
		}
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
