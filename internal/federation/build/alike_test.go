package build

import (
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/claims"
	"github.com/nearcast/nearcast/internal/federation/staging"
)

// TestAFunctionIsBuiltAsIfNoOtherWereLikeIt compares a build of functions of which many are alike,
// which decides once for these, with one that decides for each.
func TestAFunctionIsBuiltAsIfNoOtherWereLikeIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		differ := rapid.SampledFrom([]string{"probe", "address", "vip", "port", "ports", "numbers", "balanced", "announced", "exposed", "kind", "class", "workload", "binding", "binding"})
		w := &likelyWorld{randomWorld{T: t, store: staging.NewStore()}, rapid.SliceOfN(differ, 2, 2).Draw(t, "differ"), map[string]*federation.Placing{}}
		opts := Options{Zones: []string{"fn.example.org."}, Resolve: func(string) (federation.Endpoint, bool) {
			return federation.Endpoint{V4: []netip.Addr{netip.MustParseAddr("192.0.2.2")}}, true
		}}
		if rapid.Bool().Draw(t, "claims") {
			opts.Claims = claims.List{
				{Namespace: "*", Names: []string{"fn.example.org."}},
				{Namespace: "ns", Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/28"), netip.MustParsePrefix("127.0.0.0/8")}, Ports: []claims.PortRange{{First: 8081, Last: 8081}}},
			}
		}
		w.store.Put(staging.Whole(cluster("a", w.one("gateway", "192.0.2.1", "192.0.2.1:81", "127.0.0.1"))))
		w.store.Put(staging.Whole(cluster("b", "192.0.2.2")))
		for _, namespace := range []string{"ns", "other"} {
			for _, name := range []string{"one", "two", "three", "four", "five", "six", "seven", "eight"} {
				w.declare(namespace, name)
			}
		}
		got, want := buildAll(w.store, opts), eachAlone(w.store, opts)
		if !reflect.DeepEqual(seen(got), seen(want)) {
			t.Fatalf("all at once\n%s\neach alone\n%s", text(got), text(want))
		}
	})
}

// likelyWorld declares functions that differ in two respects.
type likelyWorld struct {
	randomWorld
	differ   []string
	placings map[string]*federation.Placing // of bindings, which share them
}

// differs reports whether the next function differs from others in this respect.
func (w *likelyWorld) differs(in string) bool {
	return slices.Contains(w.differ, in) && w.some(in, 2) == 0
}

func (w *likelyWorld) declare(namespace, name string) {
	annotations := []string{"probe", "tcp://:80"}
	if w.differs("probe") {
		annotations[1] = w.one("probe", "tcp://:8080", "tcp://:8081", "http://:80/", "none")
	}
	if w.differs("address") {
		annotations = append(annotations, "address", w.one("address", "a=192.0.2.9", "gateway"))
	}
	if w.differs("vip") {
		annotations = append(annotations, "vip", "192.0.2.9")
	}
	t := service(namespace, name, annotations...)
	if w.differs("port") {
		t.TCPPort = 81
	}
	if w.differs("ports") {
		t.Ports = []federation.Port{{Name: "http", Protocol: "tcp", Number: 8080}}
	}
	if w.differs("numbers") {
		t.Numbers = []federation.PortNumbers{{Port: 80, Target: 8080}}
	}
	t.Balanced, t.Announced = w.differs("balanced"), w.differs("announced")
	w.store.Put(staging.Whole(t))
	if w.differs("exposed") {
		w.store.Put(staging.Whole(&federation.MultiClusterService{Meta: federation.NewMeta(federation.Ref{Group: "networking.karmada.io", Kind: "MultiClusterService", Namespace: namespace, Name: name}), Providers: []string{"b"}}))
	}
	w.bind(t.Ref())
	work := federation.Ref{Group: "apps", Kind: "Deployment", Namespace: namespace, Name: name}
	if w.differs("kind") {
		work.Kind = "DaemonSet"
	}
	if w.differs("class") {
		w.store.Put(staging.Whole(&federation.Workload{Meta: federation.NewMeta(work), RuntimeClass: "wasmtime-spin"}))
	}
	if !w.differs("workload") {
		w.bind(work)
	}
}

// bind places the object as others are.
func (w *likelyWorld) bind(to federation.Ref) {
	b, how := bound(to, "a", "b"), "plain"
	if w.differs("binding") {
		how = w.one("binding", "idle", "evicted", "balanced", "balanced by name")
	}
	balanced := federation.Observed{Applied: true, Health: federation.Healthy}
	switch how {
	case "idle":
		b.Place("a", 0)
	case "evicted":
		unplace(b, "b")
		if w.some("task", 2) == 0 {
			b.Evictions = []federation.Eviction{{Cluster: "b"}}
		}
	case "balanced":
		balanced.LoadBalancer.V4 = []netip.Addr{netip.MustParseAddr("192.0.2.9")}
		b.Observe("a", balanced)
	case "balanced by name":
		balanced.LoadBalancerNames = []string{"lb.example.net."}
		b.Observe("a", balanced)
	}
	if w.placings[how] == nil {
		w.placings[how] = b.Placing
	}
	if b.Placing = w.placings[how]; w.some("own", 3) == 0 { // as one that says something else elsewhere
		b.Placing = new(*b.Placing)
	}
	w.store.Put(staging.Whole(b))
}

// eachAlone is buildAll with a pass of its own for each function.
func eachAlone(s *staging.Store, opts Options) *federation.State {
	b := &Builder{Options: opts}
	b.read = s.Changes(b.read, b.take)
	b.touchAll(b.settleClusters())
	b.touchSelectors()
	for stale := b.stale; len(stale) > 0; stale = b.stale {
		slices.SortFunc(stale, func(one, other *entry) int { return one.template.Compare(other.template.Ref()) })
		for _, e := range stale {
			b.stale = []*entry{e}
			b.settle(b.newPass())
		}
	}
	return b.end()
}

// TestFunctionsThatAreAlikeShareTheirPlacements counts the lists of a hundred functions, half of
// which have another port.
func TestFunctionsThatAreAlikeShareTheirPlacements(t *testing.T) {
	s := staging.NewStore()
	s.Put(staging.Whole(cluster("a", "192.0.2.1")))
	s.Put(staging.Whole(cluster("b", "192.0.2.2")))
	for i := range 100 {
		f := service([]string{"one", "other"}[i/50], string(rune('a'+i%26))+string(rune('a'+i/26)))
		f.TCPPort = uint16(80 + i%2)
		binding := bound(f.Ref(), "a", "b")
		federation.Share(binding)
		s.Put(staging.Whole(f))
		s.Put(staging.Whole(binding))
	}
	b := &Builder{Options: Options{Zones: []string{"fn.example.org."}}}
	b.read = s.Changes(b.read, b.take)
	b.touchAll(b.settleClusters())
	pass := b.newPass()
	b.settle(pass)
	if n := len(pass.alike); n != 2 {
		t.Errorf("%d families, want one for each port", n)
	}
	lists := map[**federation.Placement]bool{}
	for _, f := range b.end().All() {
		lists[&f.Placements[0]] = true
	}
	if len(lists) != 1 {
		t.Errorf("%d lists of placements, want one: the port of a Service is not probed at a gateway", len(lists))
	}
}
