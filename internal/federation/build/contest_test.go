package build

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/staging"
)

// TestAFunctionThatOwnsNothingAffectsNoOther has thousands of functions that claim the same
// hostnames and VIPs: a change of one of them affects the others only where it owns them.
func TestAFunctionThatOwnsNothingAffectsNoOther(t *testing.T) {
	const many = 1000
	var names []string
	for i := range 64 {
		names = append(names, fmt.Sprintf("x%d.fn.example.org", i))
	}
	want := func(i int, more ...string) *federation.Template {
		return dated(service("evil", fmt.Sprintf("f%04d", i), append(more, "hostname", strings.Join(names, ","), "vip", "198.51.100.7")...), 10)
	}
	s, m, opts := staging.NewStore(), new(Builder), Options{Zones: []string{"fn.example.org."}}
	s.Put(staging.Whole(cluster("a", "192.0.2.1")))
	for i := range many {
		other := dated(service("other", fmt.Sprintf("f%04d", i), "address", "a=198.51.100.7"), 5)
		s.Put(staging.Whole(want(i)))
		s.Put(staging.Whole(other))
		s.Put(staging.Whole(bound(other.Ref(), "a")))
	}
	state := m.Build(s, opts)
	const unsaid = "hostname x2.fn.example.org. already belongs to Service evil/f0000; and 61 more"
	if f := state.Faults[1]; f.Object != "Service evil/f0001" || !strings.HasSuffix(f.Reason, unsaid) && !strings.Contains(f.Reason, "…") {
		t.Errorf("%v, want three of its names, and the number of others", f)
	}
	for _, c := range []struct {
		changed federation.Object
		touched int
	}{
		{want(many-1, "ttl", "9"), 1},
		{want(0, "ttl", "9"), many},
		{dated(service("other", fmt.Sprintf("f%04d", many-1), "address", "a=198.51.100.7", "ttl", "9"), 5), 1},
	} {
		s.Put(staging.Whole(c.changed))
		m.read = s.Changes(m.read, m.take)
		m.touchDisputed()
		if len(m.stale) > c.touched {
			t.Errorf("%s affects %d, want at most %d", federation.RefOf(c.changed), len(m.stale), c.touched)
		}
		m.Build(s, opts)
	}
}
