package staging

import (
	"maps"
	"slices"
	"testing"

	"github.com/nearcast/nearcast/internal/federation"
)

// TestAReaderSeesWhatChangedSinceItsCookie has one reader follow a store while others
// read it once.
func TestAReaderSeesWhatChangedSinceItsCookie(t *testing.T) {
	s := NewStore()
	named := func(name string) *federation.Cluster {
		return &federation.Cluster{Meta: federation.NewMeta(federation.Ref{Kind: "Cluster", Name: name})}
	}
	ref := func(name string) federation.Ref { return federation.RefOf(named(name)) }
	var everything bool
	seen := map[string]Change{}
	read := func(since Cookie) Cookie {
		clear(seen)
		return s.Changes(since, func(c Changes) {
			everything = c.Everything
			for one := range c.Objects {
				seen[one.Name] = one
			}
		})
	}
	want := func(step string, all bool, names ...string) {
		t.Helper()
		if got := slices.Sorted(maps.Keys(seen)); everything != all || !slices.Equal(got, names) {
			t.Errorf("%s: read %v, everything %v; want %v, %v", step, got, everything, names, all)
		}
	}
	s.Put(Whole(named("a")))
	s.Put(Reading{Ref: ref("bad"), Faults: []federation.Fault{{Reason: "is bad"}}})
	first := read(0)
	want("at first", true, "a", "bad")
	next := read(first)
	want("without a change", false)
	b := named("b")
	s.Put(Whole(b))
	s.Put(Reading{Ref: ref("a")})
	read(0)
	want("by another, who reads once", true, "b", "bad")
	last := read(next)
	want("after a change", false, "a", "b")
	if seen["a"].Was == nil || seen["a"].Is != nil || seen["b"].Was != nil || seen["b"].Is != federation.Object(b) {
		t.Errorf("a was %v and is %v, b was %v and is %v", seen["a"].Was, seen["a"].Is, seen["b"].Was, seen["b"].Is)
	}
	s.Put(Reading{Ref: ref("bad")})
	read(first)
	want("with a cookie that is not followed", true, "b")
	read(last)
	want("with the cookie that was followed before", true, "b")
}
