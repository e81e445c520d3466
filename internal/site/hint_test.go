package site

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nearcast/nearcast/internal/base/admin"
	"github.com/nearcast/nearcast/internal/base/admin/hint"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/build"
	"github.com/nearcast/nearcast/internal/federation/staging"
	"github.com/nearcast/nearcast/internal/steering/locate"
	"github.com/nearcast/nearcast/internal/steering/steer"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// viewOf is a view of one function with a VIP and no other address.
func viewOf(t *testing.T, change func(*federation.Binding, *federation.Cluster)) *View {
	t.Helper()
	ref := federation.Ref{Kind: "Service", Namespace: "media", Name: "web"}
	cluster := &federation.Cluster{Meta: federation.NewMeta(federation.Ref{Group: "cluster.karmada.io", Kind: "Cluster", Name: "a"})}
	binding := federation.NewBinding(federation.NewMeta(federation.Ref{Kind: "ResourceBinding", Namespace: "media", Name: "web-service"}), ref)
	binding.Place("a", 1)
	binding.Observe("a", federation.Observed{Applied: true, Health: federation.Healthy})
	change(binding, cluster)
	store := staging.NewStore()
	store.Put(staging.Whole(&federation.Template{Meta: federation.NewMeta(ref), Annotated: &federation.Annotated{VIPs: []netip.Addr{netip.MustParseAddr("198.51.100.80")}}, Service: &federation.Service{TCPPort: 80}}))
	store.Put(staging.Whole(cluster))
	store.Put(staging.Whole(binding))
	config, at := Config{Zones: []string{"fn.example.org."}, Where: steer.Site{Cluster: "a"}}, locations{table: locate.Empty}
	return firstView(config, stateOf(config, store, at, nil, new(build.Builder)), at.table)
}

func TestAVIPIsHintedFromTheEvictionUntilItsEndpointsAreGone(t *testing.T) {
	evicted := func(b *federation.Binding, _ *federation.Cluster) {
		b.Members[0].Placed = false
		b.Place("b", 1)
		b.Evictions = []federation.Eviction{{Cluster: "a"}}
	}
	moved := func(b *federation.Binding, _ *federation.Cluster) {
		b.Members = nil
		b.Place("b", 1)
	}
	drained := func(_ *federation.Binding, c *federation.Cluster) { c.Leaving = "drained by annotation" }
	well := func(*federation.Binding, *federation.Cluster) {}
	h := &hinter{home: "a", left: map[netip.Addr]time.Time{}}
	now := time.Unix(1e9, 0)
	for _, step := range []struct {
		what   string
		after  time.Duration
		change func(*federation.Binding, *federation.Cluster)
		want   string
	}{
		{"elsewhere from the start", 0, moved, ""},
		{"placed here", 0, well, ""},
		{"evicted", 0, evicted, "media/web is evicted by Karmada"},
		{"moved", 0, moved, "media/web has left"},
		{"its endpoints are gone by now", hintAfter, moved, ""},
		{"placed here again", 0, well, ""},
		{"evicted again", 0, evicted, "media/web is evicted by Karmada"},
		{"the eviction is taken back", 0, well, ""},
		{"moved without an eviction", 0, moved, ""},
		{"the cluster is drained", 0, drained, "cluster a is drained by annotation"},
		{"the drain ends", 0, well, ""},
	} {
		now = now.Add(step.after)
		var got []string
		for _, one := range h.hints(viewOf(t, step.change), now) {
			got = append(got, one.Reason)
		}
		if text := strings.Join(got, "; "); text != step.want {
			t.Errorf("%s: %q, want %q", step.what, text, step.want)
		}
	}
}

func TestTheSpeakerGetsAHintOfADrain(t *testing.T) {
	dir, err := os.MkdirTemp("", "hint") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	var mu sync.Mutex
	received := "nothing"
	mux := http.NewServeMux()
	mux.HandleFunc("PUT "+hint.Path, func(w http.ResponseWriter, r *http.Request) {
		var hints []hint.Hint
		err := json.NewDecoder(r.Body).Decode(&hints)
		mu.Lock()
		received = fmt.Sprint(hints, err)
		mu.Unlock()
		admin.Reply(w, struct{}{}, http.StatusOK, nil)
	})
	text := fixture.ThreeWith(fixture.Function{Name: "hello", Clusters: []string{"us-azure"}, Annotations: map[string]string{
		"nearcast.dev/vip": "198.51.100.80", "nearcast.dev/probe": "none",
	}})
	manifests := fixture.Dir(t, map[string]string{"all.yaml": text})
	config := configOf(manifests)
	config.Claims = nil
	config.Speaker = filepath.Join(dir, "s")
	s := acquire(t, config, &testLog{})
	defer Release(s)
	speaker, err := admin.Listen(config.Speaker, mux) // it starts later
	if err != nil {
		t.Fatal(err)
	}
	defer speaker.Close()
	const named = "name: us-azure\n  annotations:\n"
	drained := strings.Replace(text, named, named+"    nearcast.dev/drain: \"true\"\n", 1)
	fixture.Write(t, filepath.Join(manifests, "all.yaml"), drained)
	saw := func() string { mu.Lock(); defer mu.Unlock(); return received }
	eventually(t, "[{198.51.100.80 demo cluster us-azure is drained by annotation}] <nil>", saw)
	fixture.Write(t, filepath.Join(manifests, "all.yaml"), text)
	eventually(t, "[] <nil>", saw)
}

// TestAVIPIsHintedOnlyWhenAllOfItsFunctionsLeave checks that a function that leaves takes
// no VIP from the others, in its own namespace or in another.
func TestAVIPIsHintedOnlyWhenAllOfItsFunctionsLeave(t *testing.T) {
	const vip = "198.51.100.80"
	function := func(namespace, name, place string) []federation.Object {
		ref := federation.Ref{Kind: "Service", Namespace: namespace, Name: name}
		b := federation.NewBinding(federation.NewMeta(federation.Ref{Kind: "ResourceBinding", Namespace: namespace, Name: name + "-service"}), ref)
		if place != "gone" {
			b.Place("a", 1)
			b.Observe("a", federation.Observed{Applied: true, Health: federation.Healthy})
		}
		if place != "here" {
			b.Place("b", 1)
		}
		if place == "leaving" {
			b.Members[0].Placed = false
			b.Evictions = []federation.Eviction{{Cluster: "a"}}
		}
		return []federation.Object{&federation.Template{Meta: federation.NewMeta(ref), Annotated: &federation.Annotated{VIPs: []netip.Addr{netip.MustParseAddr(vip)}}, Service: &federation.Service{TCPPort: 80}}, b}
	}
	view := func(objects ...[]federation.Object) *View {
		store := staging.NewStore()
		store.Put(staging.Whole(&federation.Cluster{Meta: federation.NewMeta(federation.Ref{Group: "cluster.karmada.io", Kind: "Cluster", Name: "a"})}))
		for _, o := range slices.Concat(objects...) {
			store.Put(staging.Whole(o))
		}
		config, at := Config{Zones: []string{"fn.example.org."}, Where: steer.Site{Cluster: "a"}}, locations{table: locate.Empty}
		return firstView(config, stateOf(config, store, at, nil, new(build.Builder)), at.table)
	}
	now := time.Unix(1e9, 0)
	for _, c := range []struct {
		what string
		then []*View
		want string
	}{
		{"one of two leaves", []*View{view(function("bank", "a", "here"), function("bank", "b", "leaving"))}, ""},
		{"both leave", []*View{view(function("bank", "a", "leaving"), function("bank", "b", "leaving"))}, "is evicted by Karmada"},
		{"one leaves and one was never here", []*View{view(function("bank", "a", "gone"), function("bank", "b", "leaving"))}, "bank/b is evicted by Karmada"},
		{"both have left", []*View{view(function("bank", "a", "leaving"), function("bank", "b", "leaving")), view(function("bank", "a", "gone"), function("bank", "b", "gone"))}, "has left"},
		{"one has left", []*View{view(function("bank", "a", "leaving"), function("bank", "b", "leaving")), view(function("bank", "a", "gone"), function("bank", "b", "here"))}, ""},
		{"another namespace's leaves", []*View{view(function("bank", "a", "here"), function("evil", "x", "leaving"))}, ""},
		{"another namespace's has left", []*View{view(function("bank", "a", "here"), function("evil", "x", "leaving")), view(function("bank", "a", "here"), function("evil", "x", "gone"))}, ""},
		{"its own leaves, another's stays", []*View{view(function("bank", "a", "leaving"), function("evil", "x", "here"))}, "bank/a is evicted by Karmada"},
	} {
		h := &hinter{home: "a", left: map[netip.Addr]time.Time{}}
		got := ""
		for _, v := range c.then {
			got = ""
			for _, one := range h.hints(v, now) {
				got += one.Reason
			}
		}
		if got != c.want && (c.want == "" || !strings.HasSuffix(got, c.want)) {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}

// TestTheHintsOfOneNamespaceLeaveRoomForOthers drains the cluster of all functions.
func TestTheHintsOfOneNamespaceLeaveRoomForOthers(t *testing.T) {
	store := staging.NewStore()
	store.Put(staging.Whole(&federation.Cluster{Meta: federation.NewMeta(federation.Ref{Group: "cluster.karmada.io", Kind: "Cluster", Name: "a"}), Leaving: "drained by annotation"}))
	put := func(namespace, name string, vips ...netip.Addr) {
		ref := federation.Ref{Kind: "Service", Namespace: namespace, Name: name}
		binding := federation.NewBinding(federation.NewMeta(federation.Ref{Kind: "ResourceBinding", Namespace: namespace, Name: name + "-service"}), ref)
		binding.Place("a", 1)
		binding.Observe("a", federation.Observed{Applied: true, Health: federation.Healthy})
		store.Put(staging.Whole(&federation.Template{Meta: federation.NewMeta(ref), Annotated: &federation.Annotated{VIPs: vips}, Service: &federation.Service{TCPPort: 80}}))
		store.Put(staging.Whole(binding))
	}
	var many []netip.Addr
	for a := netip.MustParseAddr("2001:db8::1"); len(many) < 10*mostHints; a = a.Next() {
		many = append(many, a)
	}
	put("evil", "many", many...)
	put("media", "web", netip.MustParseAddr("2001:db8:ffff::1"))
	config, at := Config{Zones: []string{"fn.example.org."}, Where: steer.Site{Cluster: "a"}}, locations{table: locate.Empty}
	view := firstView(config, stateOf(config, store, at, nil, new(build.Builder)), at.table)
	h := &hinter{home: "a", left: map[netip.Addr]time.Time{}}
	all := h.hints(view, time.Unix(1e9, 0))
	if n := len(all); n != mostHints+1 || all[n-1].VIP.String() != "2001:db8:ffff::1" {
		t.Errorf("%d hints, want %d of evil and the one of media", n, mostHints)
	}
}
