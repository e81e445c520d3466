package snapshot

import (
	"bytes"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/staging"
	"github.com/nearcast/nearcast/internal/source/manifest"
	"github.com/nearcast/nearcast/internal/steering/health"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// derived are the fields that a snapshot does not have, because reading it sets them.
var derived = map[string]string{
	"Cluster.Coordinates": "annotation.Parse", "Cluster.Gateways": "annotation.Parse", "Cluster.Cost": "annotation.Parse", "Cluster.Shed": "annotation.Parse",
	"Template.Annotated": "annotation.Parse", "Endpoint.VIP": "package build", "Verdict.Stale": "every verdict is",
	"Placing.Members": "set below, as its Members have no settable fields",
}

// filler fills values with what no two fields have in common.
type filler struct{ n int64 }

func (f *filler) fill(v reflect.Value) {
	f.n++
	switch v.Addr().Interface().(type) {
	case *time.Duration:
		v.SetInt(f.n)
		return
	case *time.Time:
		v.Set(reflect.ValueOf(time.Unix(f.n, 5)))
		return
	case *federation.UID:
		v.Set(reflect.ValueOf(federation.UIDOf(fmt.Sprintf("%08x-8b1c-4f6e-9d2a-5f3c7a9e1b20", f.n))))
		return
	case *netip.AddrPort:
		v.Set(reflect.ValueOf(netip.MustParseAddrPort(fmt.Sprintf("192.0.2.%d:80", f.n%256))))
		return
	case *federation.Health, *federation.Readiness, *health.State:
		v.SetUint(2)
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString(fmt.Sprint("s", f.n))
	case reflect.Float64:
		v.SetFloat(float64(f.n) / 8)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(-f.n)
	case reflect.Uint16, reflect.Uint8:
		v.SetUint(uint64(f.n))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			f.fill(v.Index(i))
		}
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		f.fill(key)
		f.fill(value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		f.fields(v)
	default:
		panic(v.Type())
	}
}

func (f *filler) fields(v reflect.Value) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		switch name := v.Type().Name() + "." + field.Name; {
		case derived[name] != "":
		case name == "Endpoint.V4":
			v.Field(i).Set(reflect.ValueOf([]netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")}))
		case name == "Endpoint.V6":
			v.Field(i).Set(reflect.ValueOf([]netip.Addr{netip.MustParseAddr("2001:db8::1")}))
		default:
			f.fill(v.Field(i))
		}
	}
}

// reread returns what is read of what is written.
func reread(t *testing.T, c Contents) Contents {
	t.Helper()
	var file bytes.Buffer
	if err := write(&file, "k", c.Saved, held(c)); err != nil {
		t.Fatal(err)
	}
	read, err := read(bytes.NewReader(file.Bytes()), "k")
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// TestEveryFieldIsKept fills every field that package federation or health has: one that is
// added and not written fails here.
func TestEveryFieldIsKept(t *testing.T) {
	var f filler
	var objects []federation.Object
	for kind := range lastKind + 1 {
		o := newObject(kind)
		f.fields(reflect.ValueOf(o).Elem())
		federation.MetaOf(o).Annotations = federation.Annotations{{Key: "nearcast.dev/cost", Value: "2", Below: 3}}
		if _, function := o.(*federation.Template); function {
			federation.MetaOf(o).Annotations[0].Key = "nearcast.dev/ttl"
		}
		if b, ok := o.(*binding); ok {
			b.Resource.Name = b.Name[:2]
			made := federation.NewBinding(b.Meta, b.Resource)
			made.Evictions, made.Unscheduled = b.Evictions, b.Unscheduled
			var seen federation.Observed
			f.fields(reflect.ValueOf(&seen).Elem())
			made.Place("a", 3)
			made.Observe("b", seen)
			made.Observe("c", federation.Observed{Capacity: &federation.Capacity{}})
			o = made
		}
		objects = append(objects, o)
	}
	var target federation.Target
	var verdict health.Verdict
	var endpoint federation.Endpoint
	for _, v := range []any{&target, &verdict, &endpoint} {
		f.fields(reflect.ValueOf(v).Elem())
	}
	want := Contents{
		Saved: time.Unix(9, 8), Confirmed: time.Unix(7, 6), Objects: objects,
		Verdicts: map[federation.Target]health.Verdict{target: verdict}, Lookups: map[string]federation.Endpoint{"lb.example.": endpoint},
	}
	got := reread(t, want)
	for i, o := range got.Objects {
		switch o := o.(type) {
		case *federation.Cluster:
			o.Cost, o.Shed = nil, 0
		case *federation.Template:
			if o.TTL != 2*time.Second {
				t.Errorf("the annotations were not parsed: %+v", o.Annotated)
			}
			o.Annotated = nil
		}
		if !reflect.DeepEqual(o, objects[i]) {
			t.Errorf("%+v\nwant %+v", o, objects[i])
		}
	}
	stale(want.Verdicts)
	got.Objects, want.Objects = nil, nil
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
}

// TestNumbersThatAreNotFiniteSpoilNothingElse: a cluster may report any quantities.
func TestNumbersThatAreNotFiniteSpoilNothingElse(t *testing.T) {
	for _, n := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		c := reread(t, Contents{Objects: []federation.Object{&federation.Cluster{Meta: federation.NewMeta(federation.Ref{}), Used: n, Region: "r"}}})
		if got := c.Objects[0].(*federation.Cluster); got.Used != 0 || got.Region != "r" {
			t.Errorf("%g: %+v", n, got)
		}
	}
}

// TestImpossibleValuesAreRefused: printing, ranking or answering them would go wrong, and a
// checksum does not say who wrote them.
func TestImpossibleValuesAreRefused(t *testing.T) {
	seen := func(o federation.Observed) Contents {
		b := federation.NewBinding(federation.NewMeta(federation.Ref{}), federation.Ref{})
		b.Observe("a", o)
		return Contents{Objects: []federation.Object{b}}
	}
	verdict := func(v health.Verdict) Contents {
		return Contents{Verdicts: map[federation.Target]health.Verdict{{Kind: federation.ProbeTCP}: v}}
	}
	four, six := []netip.Addr{netip.MustParseAddr("192.0.2.1")}, []netip.Addr{netip.MustParseAddr("2001:db8::1")}
	for want, c := range map[string]Contents{
		"9 is above 3":                            {Objects: []federation.Object{&federation.Cluster{Meta: federation.NewMeta(federation.Ref{}), Ready: 9}}},
		"9 is above 2":                            seen(federation.Observed{Health: 9}),
		"2001:db8::1 is of the wrong family":      seen(federation.Observed{LoadBalancer: federation.Endpoint{V4: six}}),
		"192.0.2.1 is of the wrong family":        {Lookups: map[string]federation.Endpoint{"a.": {V6: four}}},
		"8 is above 2":                            verdict(health.Verdict{State: 8}),
		"-1ns is not the time of a round trip":    verdict(health.Verdict{RTT: -1}),
		"is not a time":                           {Confirmed: time.Unix(1<<39, 0)},
		"the member \"\" is after \"b\"":          {Objects: []federation.Object{twice()}},
		"invalid IP is of the wrong family":       seen(federation.Observed{LoadBalancer: federation.Endpoint{V4: []netip.Addr{{}}}}),
		"::ffff:192.0.2.1 is of the wrong family": seen(federation.Observed{LoadBalancer: federation.Endpoint{V6: []netip.Addr{netip.MustParseAddr("::ffff:192.0.2.1")}}}),
	} {
		var file bytes.Buffer
		if err := write(&file, "k", c.Saved, held(c)); err != nil {
			t.Fatal(err)
		}
		if _, err := read(bytes.NewReader(file.Bytes()), "k"); err == nil || !strings.HasPrefix(err.Error(), "is damaged: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// twice is a binding whose members are not sorted.
func twice() *federation.Binding {
	b := federation.NewBinding(federation.NewMeta(federation.Ref{}), federation.Ref{})
	b.Place("b", 1)
	b.Members = append(b.Members, federation.Member{})
	return b
}

func stale(all map[federation.Target]health.Verdict) {
	for target, v := range all {
		v.Stale = true
		all[target] = v
	}
}

// TestASourceThatSaysTheSameChangesNothing: after a restart, a source lists what the
// snapshot had, and the first answers are right already.
func TestASourceThatSaysTheSameChangesNothing(t *testing.T) {
	dir := fixture.Dir(t, map[string]string{"all.yaml": fixture.ThreeWith(
		fixture.Function{Name: "a", Clusters: fixture.ThreeNames, Created: "2026-01-10T08:00:00Z"},
		fixture.Function{Name: "b", Clusters: fixture.ThreeNames[:1], Annotations: map[string]string{"nearcast.dev/hostname": "b.example.org", "nearcast.dev/port": "https=8443"}},
		fixture.Function{Name: "c", Clusters: fixture.ThreeNames, Annotations: fixture.Unprobed()},
		fixture.Function{Name: "d", Clusters: fixture.ThreeNames, Annotations: fixture.Unprobed()},
	)})
	listing, err := manifest.New(dir).Load()
	if err != nil {
		t.Fatal(err)
	}
	store := staging.NewStore()
	store.Restore(reread(t, Contents{Objects: listing.Objects()}).Objects, time.Now())
	cookie := store.Changes(0, func(staging.Changes) {})
	if listing, err = manifest.New(dir).Load(); err != nil {
		t.Fatal(err)
	}
	store.Replace(listing)
	store.Changes(cookie, func(changes staging.Changes) {
		if changes.Everything {
			t.Error("the store does not know what changed")
		}
		for c := range changes.Objects {
			t.Errorf("%s changed from\n%+v to\n%+v", c.Ref, c.Was, c.Is)
		}
	})
}
