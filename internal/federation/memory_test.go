package federation

import (
	"fmt"
	"net/netip"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// TestABuildFromMemoryIsABuildAnew changes a store at random, and builds each time
// from memory and from nothing.
func TestABuildFromMemoryIsABuildAnew(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, m := NewStore(), new(Memory)
		resolved := Endpoint{V4: []netip.Addr{netip.MustParseAddr("198.51.100.1")}}
		opts := Options{
			Zones: []string{"fn.example.org."}, Claims: Claims{{Namespace: "ns", Names: []string{"fn.example.org."}, Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}},
			Resolve: func(string) (Endpoint, bool) { return resolved, true },
		}
		some := func(label string, n int) int { return rapid.IntRange(0, n-1).Draw(t, label) }
		clusters, names := []string{"a", "b", "c"}, []string{"web", "api", "img"}
		for range rapid.IntRange(1, 25).Draw(t, "changes") {
			name := names[some("name", len(names))]
			template := Ref{Kind: "Service", Namespace: "ns", Name: name}
			work := Ref{Group: "apps", Kind: "Deployment", Namespace: "ns", Name: name}
			switch some("what", 9) {
			case 0:
				s.Put(cluster(clusters[some("cluster", 3)], fmt.Sprintf("192.0.2.%d", 1+some("address", 3))))
			case 1:
				s.Delete(cluster(clusters[some("cluster", 3)], "").Ref)
			case 2:
				s.Put(service("ns", name, "vip", fmt.Sprintf("192.0.2.%d", 1+some("vip", 3))))
			case 3:
				s.Put(service("ns", name, "hostname", "shared.fn.example.org,"+name+"-own.fn.example.org", "weights", "z=1"))
			case 4:
				s.Delete(template)
			case 5:
				s.Put(bound(template, clusters[:1+some("clusters", 3)]...))
			case 6:
				b := bound(work, clusters[some("from", 3):]...)
				delete(b.Placed, "c")
				s.Put(b)
			case 7:
				w := deployment(name)
				s.Put(&Workload{Meta: Meta{Ref: w}, PodLabels: map[string]string{"app": name}, RuntimeClass: []string{"", "wasmtime-spin"}[some("class", 2)]})
			case 8:
				b := bound(template, "a")
				o := b.Observed["a"]
				o.LoadBalancerNames = []string{"lb.example.net."}
				b.Observed["a"] = o
				s.Put(b)
				resolved.V4 = []netip.Addr{netip.AddrFrom4([4]byte{198, 51, 100, byte(1 + some("resolved", 3))})}
			}
			if some("idle", 6) == 0 {
				s.Delete(work) // the workload; its binding has a name of its own
			}
			if some("exposed", 6) == 0 {
				s.Put(&MultiClusterService{Meta: Meta{Ref: Ref{Group: "networking.karmada.io", Kind: "MultiClusterService", Namespace: "ns", Name: name}}, Providers: clusters[:1+some("providers", 2)]})
			}
			got, want := m.Build(s, opts), Build(s, opts)
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("from memory %s\nanew %s", text(got), text(want))
			}
		}
	})
}

func text(s *State) string {
	out := fmt.Sprintf("faults %v, lookups %v", s.Faults, s.Lookups)
	for _, f := range s.Functions {
		out += fmt.Sprintf("\n  %+v", *f)
	}
	return out
}

// TestWhatDidNotChangeIsTheSameFunction holds that a change makes one function
// anew, and not its neighbours.
func TestWhatDidNotChangeIsTheSameFunction(t *testing.T) {
	s, m := NewStore(), new(Memory)
	s.Put(cluster("a", "192.0.2.1"))
	for _, name := range []string{"one", "two"} {
		s.Put(service("ns", name))
		s.Put(bound(service("ns", name).Ref, "a"))
	}
	opts := Options{Zones: []string{"fn.example.org."}}
	before := m.Build(s, opts).Functions
	s.Put(service("ns", "two", "ttl", "9"))
	after := m.Build(s, opts).Functions
	if after[0] != before[0] || after[1] == before[1] {
		t.Errorf("one is the same: %v, two is anew: %v; want both", after[0] == before[0], after[1] != before[1])
	}
}
