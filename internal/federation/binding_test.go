package federation

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"testing"
	"unsafe"
)

// Snapshots are read by later versions, and were written by earlier ones.
func TestABindingIsReadFromASnapshotOfAnyVersion(t *testing.T) {
	const text = `{"Group":"work.karmada.io","Kind":"ResourceBinding","Namespace":"ns","Name":"web-service",` +
		`"Resource":{"Kind":"Service","Namespace":"ns","Name":"web"},"Placed":{"b":2,"a":0},"Evictions":[{"Cluster":"c"}],` +
		`"Observed":{"c":{"EverApplied":true,"Message":"refused"},"b":{"Applied":true,"Health":1}}}`
	var b Binding
	if err := json.Unmarshal([]byte(text), &b); err != nil {
		t.Fatal(err)
	}
	want := &Binding{Meta: Meta{Ref: Ref{"work.karmada.io", "ResourceBinding", "ns", "web-service"}}, Resource: Ref{"", "Service", "ns", "web"}, Evictions: []Eviction{{Cluster: "c"}}}
	want.Place("a", 0)
	want.Place("b", 2)
	want.Observe("b", Observed{Applied: true, Health: Healthy})
	want.Observe("c", Observed{WasApplied: true, Message: "refused"})
	if !reflect.DeepEqual(&b, want) {
		t.Errorf("%+v, want %+v", b, want)
	}
	written, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var again Binding
	if err := json.Unmarshal(written, &again); err != nil || !reflect.DeepEqual(&again, want) {
		t.Errorf("%s is read as %+v (%v), want %+v", written, again, err, want)
	}
}

// There is a Member for each function in each cluster.
func TestWhatMostMembersSayIsKeptOnce(t *testing.T) {
	if size := unsafe.Sizeof(Member{}); size > 24 {
		t.Errorf("a Member has %d bytes", size)
	}
	one, other := bound(Ref{Name: "one"}, "a", "b"), bound(Ref{Name: "other"}, "b")
	if one.In("a").seen != other.In("b").seen {
		t.Error("two that are applied and healthy do not share it")
	}
	o := Observed{Applied: true, Health: Healthy}
	o.LoadBalancer = o.LoadBalancer.Add(netip.MustParseAddr("192.0.2.1"))
	other.Observe("b", o)
	if !reflect.DeepEqual(other.In("b").Observed(), o) || !one.In("a").Observed().LoadBalancer.IsZero() {
		t.Errorf("%+v and %+v; what is observed of one is no other's", other.In("b").Observed(), one.In("a").Observed())
	}
}
