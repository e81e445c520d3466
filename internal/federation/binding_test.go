package federation

import (
	"net/netip"
	"reflect"
	"testing"
	"unsafe"
)

// There is a Member for each function in each cluster.
func TestCommonObservationsAreKeptOnce(t *testing.T) {
	if size := unsafe.Sizeof(Member{}); size > 24 {
		t.Errorf("a Member has %d bytes", size)
	}
	one, other := healthy("one", "a", "b"), healthy("other", "b")
	if one.In("a").seen != other.In("b").seen {
		t.Error("two that are applied and healthy do not share their observation")
	}
	ready := Observed{Applied: true, Health: Healthy, Capacity: &Capacity{Desired: 3, Ready: 2}}
	one.Observe("a", ready)
	other.Observe("b", ready)
	if one.In("a").seen != other.In("b").seen || !reflect.DeepEqual(one.In("a").Observed(), ready) {
		t.Error("two with the same number of replicas do not share their observation")
	}
	for i, own := range []Observed{{Message: "refused"}, {Capacity: &Capacity{Desired: mostReplicas + 1}}, {Capacity: &Capacity{Ready: -1}}, {Health: Unhealthy + 1}, {
		LoadBalancer: Endpoint{V4: []netip.Addr{netip.MustParseAddr("192.0.2.1")}},
	}} {
		one.Observe("a", own)
		other.Observe("b", own)
		if !reflect.DeepEqual(one.In("a").Observed(), own) || one.In("a").seen == other.In("b").seen {
			t.Errorf("%d: %+v became %+v, which others share", i, own, one.In("a").Observed())
		}
	}
}

func TestEqualBindingsShareTheirMembers(t *testing.T) {
	shared := func(b *Binding) *Binding { b.share(); return b }
	one, other := shared(healthy("one", "a", "b")), shared(healthy("other", "b", "a"))
	if one.Placing != other.Placing {
		t.Error("two with the same clusters do not share what they say of them")
	}
	for name, edit := range map[string]func(*Binding){
		"another cluster": func(b *Binding) { b.Place("c", 1) }, "more replicas": func(b *Binding) { b.Place("a", 2) },
		"other health": func(b *Binding) { b.Observe("a", Observed{Applied: true}) }, "a message": func(b *Binding) { b.Observe("b", Observed{Message: "m"}) },
		"an eviction": func(b *Binding) { b.Evictions = []Eviction{{Cluster: "a"}} }, "a complaint": func(b *Binding) { b.Unscheduled = "too few" },
	} {
		b := healthy("third", "a", "b")
		edit(b)
		want := b.Clone().Placing
		if b.share(); !reflect.DeepEqual(b.Placing, want) || b.Placing == one.Placing {
			t.Errorf("%s: %v, want %v", name, b.Placing, want)
		}
	}
}

// healthy binds a resource to clusters in which it is applied and healthy.
func healthy(name string, clusters ...string) *Binding {
	b := NewBinding(NewMeta(Ref{}), Ref{Name: name})
	for _, c := range clusters {
		b.Place(c, 1)
		b.Observe(c, Observed{Applied: true, Health: Healthy})
	}
	return b
}
