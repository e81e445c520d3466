package build

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/internal/federation/claims"
	"github.com/nearcast/nearcast/internal/federation/staging"
)

// TestAFallbackIsWithinTheClaims tries fallbacks in both annotations that can have one.
func TestAFallbackIsWithinTheClaims(t *testing.T) {
	for text, c := range map[string]struct {
		when  string // "" if it is refused
		fault string
	}{
		"fail":                           {"fail", ""},
		"fallback 192.0.2.200":           {"fallback 192.0.2.200", ""},
		"fallback sorry.example.net":     {"fallback sorry.example.net.", ""},
		"fallback 192.0.2.200 192.0.3.1": {"", "192.0.3.1"},
		"fallback 169.254.169.254":       {"", "169.254.169.254"},
		"fallback web.ns.fn.example.org": {"", "is a name of the function itself"},
	} {
		for _, annotations := range [][]string{{"when-down", text}, {"policy", "nearest when-down " + text}, {"policy", "nearest when-down fallback 192.0.3.9", "when-down", text}} {
			s := staging.NewStore()
			s.Put(staging.Whole(cluster("a", "192.0.2.1")))
			s.Put(staging.Whole(service("ns", "web", annotations...)))
			s.Put(staging.Whole(bound(service("ns", "web").Ref(), "a")))
			state := buildAll(s, Options{Zones: []string{"fn.example.org."}, Claims: claims.List{{Namespace: "ns", Names: []string{"fn.example.org."}, Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}}})
			f := state.Functions.At(0)
			if f == nil || len(f.Placements) != 1 {
				t.Fatalf("%v: the function is gone: %v", annotations, state.Faults)
			}
			if got := f.WhenDown; (got == nil) != (c.when == "") || got != nil && got.String() != c.when {
				t.Errorf("%v: %v, want %q", annotations, got, c.when)
			}
			if n := len(state.Faults); c.fault == "" && n != 0 || c.fault != "" && (n != 1 || !strings.Contains(state.Faults[0].Reason, c.fault)) {
				t.Errorf("%v: faults %v, want %q", annotations, state.Faults, c.fault)
			}
		}
	}
}

// TestAZonesOwnNameIsNotAnAlias has a function at the apex.
func TestAZonesOwnNameIsNotAnAlias(t *testing.T) {
	for text, refused := range map[string]bool{"fallback sorry.example.net": true, "fallback 192.0.2.200": false, "fail": false} {
		s := staging.NewStore()
		s.Put(staging.Whole(cluster("a", "192.0.2.1")))
		s.Put(staging.Whole(service("ns", "web", "hostname", "fn.example.org", "when-down", text)))
		s.Put(staging.Whole(bound(service("ns", "web").Ref(), "a")))
		state := buildAll(s, Options{Zones: []string{"fn.example.org."}, Claims: claims.List{{Namespace: "ns", Names: []string{"fn.example.org."}, Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}}})
		f := state.Functions.At(0)
		if f == nil || (f.WhenDown == nil) != refused || len(state.Faults) > 0 != refused {
			t.Errorf("%s: %+v, faults %v", text, f, state.Faults)
		}
	}
}
