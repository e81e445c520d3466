package build

import (
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/nearcast/nearcast/internal/base/vector"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/annotation"
	"github.com/nearcast/nearcast/internal/federation/claims"
	"github.com/nearcast/nearcast/internal/federation/staging"
)

// TestAnIncrementalBuildEqualsABuildFromScratch changes a store at random, and builds each time
// from the last State and from scratch.
func TestAnIncrementalBuildEqualsABuildFromScratch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		allowed := claims.List{{Namespace: "ns", Names: []string{"fn.example.org."}, Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}, {Namespace: "other", Names: []string{"shared.fn.example.org."}}}
		if rapid.Bool().Draw(t, "free") {
			allowed = nil
		}
		w := &randomWorld{T: t, store: staging.NewStore(), resolved: federation.Endpoint{V4: []netip.Addr{netip.MustParseAddr("198.51.100.1")}}}
		m, opts := new(Builder), Options{
			Zones:   rapid.SampledFrom([][]string{{"fn.example.org."}, {"fn.example.org."}, {"fn.example.org.", "ns.fn.example.org."}, {"example.org.", "fn.example.org."}}).Draw(t, "zones"),
			Claims:  allowed,
			Resolve: func(string) (federation.Endpoint, bool) { return w.resolved, true },
		}
		var versions, expected []*federation.State
		for range rapid.IntRange(1, 25).Draw(t, "builds") {
			for range rapid.SampledFrom([]int{0, 1, 1, 1, 2, 5}).Draw(t, "changes") {
				w.change()
			}
			got, want := m.Build(w.store, opts), buildAll(w.store, opts)
			if !reflect.DeepEqual(seen(got), seen(want)) {
				t.Fatalf("from the last State\n%s\nfrom scratch\n%s", text(got), text(want))
			}
			fresh := &Builder{Options: opts}
			w.store.Changes(0, fresh.take)
			fresh.build()
			if mine, its := m.held(), fresh.held(); mine != its {
				t.Fatalf("the builder has\n%s\nwant, as a new one,\n%s", mine, its)
			}
			versions, expected = append(versions, got), append(expected, want)
		}
		for i, s := range versions {
			if !reflect.DeepEqual(seen(s), seen(expected[i])) {
				t.Fatalf("an earlier State was\n%s\nand is now\n%s", text(expected[i]), text(s))
			}
		}
	})
}

// held is what the builder keeps to know the dependencies.
func (b *Builder) held() string {
	users := map[federation.Ref][]string{}
	for ref, all := range b.users {
		for e := range all.all() {
			users[ref] = append(users[ref], e.template.String())
		}
		slices.Sort(users[ref])
	}
	lookups := map[string]int{}
	for name, l := range b.lookups {
		lookups[name] = len(l.users)
	}
	hostnames := map[string]string{}
	for e := range b.hostnames.holder.All() {
		for _, name := range e.asked {
			hostnames[name] = fmt.Sprint(b.hostnames.holder.Get(name).template.Ref(), len(b.hostnames.losers[name]))
		}
	}
	occupants := map[netip.Addr]int{}
	for e := range b.occupants.holder.All() {
		for _, vip := range e.needs.occupied {
			occupants[vip] = 1 + len(b.occupants.losers[vip])
		}
	}
	below := map[string]int{}
	for name, all := range b.below {
		for range all.all() {
			below[name]++
		}
	}
	return fmt.Sprint(b.entries.Len(), users, lookups, hostnames, len(b.hostnames.losers), len(b.faults.in), b.vips.in, b.declared.holder.Len(), len(b.declared.losers), occupants, len(b.gateways), b.namespaces, below, b.in.bindings.holder.Len(), len(b.in.bindings.losers), len(b.in.exposed), len(b.in.workloads), b.in.labelled.holder.Len(), b.selecting.Len(), len(b.in.backends), b.in.behind.holder.Len(), len(b.in.behind.losers))
}

// randomWorld changes the content of a store.
type randomWorld struct {
	*rapid.T
	store    *staging.Store
	resolved federation.Endpoint
}

func (w *randomWorld) some(label string, n int) int { return rapid.IntRange(0, n-1).Draw(w.T, label) }

func (w *randomWorld) one(label string, of ...string) string {
	return rapid.SampledFrom(of).Draw(w.T, label)
}

func (w *randomWorld) change() {
	s, clusters := w.store, []string{"a", "b", "c"}
	namespace, name := w.one("namespace", "ns", "ns", "other"), w.one("name", "web", "api", "img")
	template := service(namespace, name)
	work := federation.Ref{Group: "apps", Kind: "Deployment", Namespace: namespace, Name: w.one("work", "web", "api", "job")}
	exposed := &federation.MultiClusterService{Meta: federation.NewMeta(federation.Ref{Group: "networking.karmada.io", Kind: "MultiClusterService", Namespace: namespace, Name: name})}
	switch w.some("what", 32) {
	case 0:
		c := cluster(clusters[w.some("cluster", 3)], fmt.Sprintf("192.0.2.%d", 1+w.some("address", 3)))
		c.Used = float64(w.some("used", 2))
		s.Put(staging.Whole(c))
	case 1:
		s.Put(staging.Reading{Ref: cluster(clusters[w.some("cluster", 3)], "").Ref()})
	case 2:
		s.Put(staging.Whole(service(namespace, name, "vip", fmt.Sprintf("192.0.2.%d", 1+w.some("vip", 3)))))
	case 3:
		t := service(namespace, name, "hostname", "shared.fn.example.org,"+name+"-own.fn.example.org", "weights", "z=1")
		t.Created = int64(w.some("created", 3))
		s.Put(staging.Whole(t))
	case 4:
		s.Put(staging.Whole(service(namespace, name, "hostname", w.one("hostname", "web", "api", "*.web")+"."+namespace+".fn.example.org")))
	case 5:
		s.Put(staging.Whole(service(namespace, name, "address", fmt.Sprintf("a=192.0.2.%d", 1+w.some("fixed", 4)))))
	case 6:
		s.Put(staging.Reading{Ref: template.Ref()})
	case 7:
		s.Put(staging.Reading{Ref: template.Ref(), Faults: []federation.Fault{{Object: template.String(), Reason: w.one("reason", "bad", "worse")}}})
	case 8:
		s.Put(staging.Whole(service(namespace, name, "workload", "Deployment/"+work.Name, "access", w.one("access", "public", "private"))))
	case 9:
		t := service(namespace, name)
		t.Selector = federation.LabelsOf(map[string]string{"app": work.Name})
		s.Put(staging.Whole(t))
	case 10:
		b := bound(template.Ref(), clusters[:1+w.some("clusters", 3)]...)
		if o := b.In("a").Observed(); rapid.Bool().Draw(w.T, "balanced") {
			o.LoadBalancer = federation.Endpoint{V4: []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, byte(1 + w.some("balanced at", 4))})}}
			b.Observe("a", o)
		}
		federation.Share(b)
		s.Put(staging.Whole(b))
	case 11:
		b := bound(work, clusters[w.some("from", 3):]...)
		unplace(b, "c")
		s.Put(staging.Whole(b))
	case 12: // a second binding of one resource, or one that moves to another
		s.Put(staging.Whole(renamed(bound(work, "a"), func(m *federation.Meta) { m.Name = "twice" })))
	case 13:
		s.Put(staging.Reading{Ref: rapid.SampledFrom([]federation.Ref{bound(template.Ref()).Ref(), bound(work).Ref(), {Kind: "ResourceBinding", Namespace: namespace, Name: "twice"}}).Draw(w.T, "binding")})
	case 14:
		s.Put(staging.Whole(&federation.Workload{Meta: federation.NewMeta(work), PodLabels: federation.LabelsOf(map[string]string{"app": w.one("label", "web", "api", "job")}), RuntimeClass: w.one("class", "", "wasmtime-spin")}))
	case 15:
		s.Put(staging.Reading{Ref: work})
	case 16:
		b := bound(template.Ref(), "a", "b")
		o := b.In("a").Observed()
		o.LoadBalancerNames = []string{w.one("balancer", "lb.example.net.", "lb.example.com.")}
		b.Observe("a", o)
		s.Put(staging.Whole(b))
		w.resolved = federation.Endpoint{V4: []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, byte(1 + w.some("resolved", 4))})}}
	case 17:
		if exposed.Providers = clusters[:w.some("providers", 3)]; len(exposed.Providers) > 0 {
			s.Put(staging.Whole(exposed))
		} else {
			s.Put(staging.Reading{Ref: exposed.Ref()})
		}
	case 18:
		t := service(namespace, name, "address", w.one("by", "gateway", "a=gateway", "a=192.0.2.9"))
		t.Balanced = rapid.Bool().Draw(w.T, "balanced")
		s.Put(staging.Whole(t))
	case 19: // a workload of another kind, which may have no replicas left
		b := bound(federation.Ref{Group: "example.org", Kind: w.one("kind", "Fleet", "CloneSet"), Namespace: namespace, Name: work.Name}, "a", "b")
		b.Place("a", int32(w.some("replicas", 2)))
		b.Place("b", 0)
		s.Put(staging.Whole(b))
	case 20:
		s.Put(staging.Whole(service(namespace, name, "workload", w.one("workload", "Fleet/", "CloneSet/", "Fleet.example.org/", "CloneSet.example.org/")+work.Name)))
	case 21: // with some replicas ready
		b := bound(work, "a", "b")
		desired := int32(w.some("desired", 9))
		b.Observe("a", federation.Observed{Applied: true, Health: federation.Unhealthy, Capacity: &federation.Capacity{Desired: desired, Ready: int32(w.some("ready", 9)) % (desired + 1)}, Unread: w.one("unread", "", "", "status")})
		b.Unscheduled = w.one("unscheduled", "", "NoClusterFit")
		s.Put(staging.Whole(b))
	case 22:
		c := cluster(clusters[w.some("cluster", 3)], "192.0.2.1")
		s.Put(staging.Reading{Ref: c.Ref(), Object: c, Faults: []federation.Fault{{Object: c.String(), Key: annotation.Cost, Reason: w.one("reason", "bad", "worse")}}})
	case 23: // a name at, above or below those of others
		t := service(namespace, name, "hostname", w.one("hostname", "shop", "*.shop", "a.shop", "*.a.shop", "_acme-challenge.shop", "other", "x.other", "ns", "x.ns", "web.other.ns", "_rpz")+".fn.example.org,"+w.one("hostname too", "shop", "own")+".fn.example.org")
		t.Created = int64(w.some("created", 3))
		s.Put(staging.Whole(t))
	case 24: // a VIP that may belong to others, or a gateway
		t := service(namespace, name, "vip", fmt.Sprintf("192.0.2.%d,192.0.2.%d", 1+w.some("vip", 4), 1+w.some("vip too", 4)))
		t.Created = int64(w.some("created", 3))
		s.Put(staging.Whole(t))
	case 25: // a whole namespace goes
		for _, name := range []string{"web", "api", "img"} {
			s.Put(staging.Reading{Ref: service("other", name).Ref()})
		}
	case 26: // probes and ports, allowed or not
		t := service(namespace, name, "probe", w.one("probe", "tcp://:8080", "tcp://:8081", "http://:8080/", "http:///", "none"), "address", w.one("at", "gateway", "a=192.0.2.2:81"))
		t.TCPPort, t.Kind = uint16(80+w.some("port", 2)), w.one("kind", "Service", "Service", "Ingress")
		for i := range w.some("ports", 3) {
			t.Ports = append(t.Ports, federation.Port{Name: w.one("port name", "", "http", "https"), Protocol: "tcp", Number: uint16(8080 + i)})
		}
		s.Put(staging.Whole(t))
	case 27: // alike in all clusters, and beside it a binding that differs
		for _, name := range []string{"web", "api", "img"} {
			b := bound(service(namespace, name).Ref(), clusters[:1+w.some("clusters", 3)]...)
			b.Observe("a", federation.Observed{Applied: true, Health: federation.Health(w.some("health", 3))})
			federation.Share(b)
			s.Put(staging.Whole(b))
		}
	case 28: // an Ingress and what is behind it, which may have its name
		in := ingress(namespace, name, []string{w.one("host", "shop", "web", "*.web") + ".fn.example.org.", name + "-own.fn.example.org."}, name, w.one("backend", "web", "api", "job", "img"))
		s.Put(staging.Whole(in))
		s.Put(staging.Whole(atBalancers(in.Ref())))
	case 29: // a Service that declares no function, with or without a binding
		plain := backend(namespace, name, work.Name)
		s.Put(staging.Whole(plain))
		if rapid.Bool().Draw(w.T, "bound") {
			s.Put(staging.Whole(bound(plain.Ref(), clusters[w.some("clusters", 3):]...)))
		}
	case 31:
		s.Put(staging.Whole(service(namespace, name, "when-down", w.one("when down", "fail", "fallback 192.0.2.2", "fallback 198.51.100.2", "fallback sorry.example.net", "fallback web.ns.fn.example.org"))))
	case 30:
		s.Put(staging.Reading{Ref: ingress(namespace, name, nil).Ref()})
	}
}

// seen is a State without the indices of its functions.
func seen(s *federation.State) *federation.State {
	functions := slices.Collect(maps.Values(maps.Collect(s.All())))
	slices.SortFunc(functions, func(a, b *federation.Function) int { return a.Compare(b.Ref()) })
	return &federation.State{Clusters: s.Clusters, Faults: s.Faults, Lookups: s.Lookups, Functions: vectorOf(functions...)}
}

func text(s *federation.State) string {
	out := fmt.Sprintf("clusters %v, faults %v, lookups %v", s.Clusters, s.Faults, s.Lookups)
	for _, f := range seen(s).All() {
		out += fmt.Sprintf("\n  %#v of %#v in%s; refused %#v", f.Hostnames, *f.Template, placements(f), f.Refused)
	}
	return out
}

// placements returns the function's placements, in full.
func placements(f *federation.Function) string {
	var out string
	for _, p := range f.Placements {
		out += fmt.Sprintf(" %+v", *p)
	}
	return out
}

// TestANewWorkloadIsFoundByItsSelectors checks that the workload may come last, and may
// have any name.
func TestANewWorkloadIsFoundByItsSelectors(t *testing.T) {
	s, m, opts := staging.NewStore(), new(Builder), Options{Zones: []string{"fn.example.org."}}
	web := service("ns", "web")
	web.Selector = federation.LabelsOf(map[string]string{"app": "web"})
	s.Put(staging.Whole(cluster("a", "192.0.2.1")))
	s.Put(staging.Whole(web))
	s.Put(staging.Whole(bound(web.Ref(), "a")))
	if f := only(t, m.Build(s, opts)); len(f.Placements) != 1 {
		t.Fatalf("%+v, want a placement without a workload", f.Refused)
	}
	s.Put(staging.Whole(&federation.Workload{Meta: federation.NewMeta(deployment("backend")), PodLabels: federation.LabelsOf(map[string]string{"app": "web"})}))
	if f := only(t, m.Build(s, opts)); len(f.Refused) != 1 {
		t.Errorf("%s, want it refused because its workload is not placed", placements(f))
	}
	s.Put(staging.Whole(bound(deployment("backend"), "a")))
	if f := only(t, m.Build(s, opts)); len(f.Placements) != 1 {
		t.Errorf("%+v, want it placed where its workload is", f.Refused)
	}
}

// TestNothingIsKeptOfSelectorsThatAreGone has two functions with one selector go, one after the other.
func TestNothingIsKeptOfSelectorsThatAreGone(t *testing.T) {
	s, m, opts := staging.NewStore(), new(Builder), Options{Zones: []string{"fn.example.org."}}
	both := []*federation.Template{selecting(service("ns", "web"), "app"), selecting(service("ns", "api"), "app")}
	for _, f := range both {
		s.Put(staging.Whole(f))
	}
	m.Build(s, opts)
	for i, f := range both {
		s.Put(staging.Reading{Ref: f.Ref()})
		m.Build(s, opts)
		if n := m.selecting.Len(); n != 1-i {
			t.Errorf("%d labels are selected by, after %d of two functions went", n, i+1)
		}
	}
}

// selecting has the function's Service select the pods of an app.
func selecting(t *federation.Template, app string) *federation.Template {
	t.Selector = federation.LabelsOf(map[string]string{"app": app})
	return t
}

// TestOnlyWorkloadsWithItsLabelsAreSearched counts how many workloads thousands of
// selectors examine.
func TestOnlyWorkloadsWithItsLabelsAreSearched(t *testing.T) {
	s, m, opts := staging.NewStore(), new(Builder), Options{Zones: []string{"fn.example.org."}}
	s.Put(staging.Whole(cluster("a", "192.0.2.1")))
	work := func(i int, app string) *federation.Workload {
		return &federation.Workload{Meta: federation.NewMeta(deployment(fmt.Sprintf("w%03d", i))), PodLabels: federation.LabelsOf(map[string]string{"app": app, "tier": "web"})}
	}
	for i := range 100 {
		own, shared := service("ns", fmt.Sprintf("own%03d", i)), service("ns", fmt.Sprintf("shared%03d", i))
		own.Selector = federation.LabelsOf(map[string]string{"app": fmt.Sprint(i), "tier": "web"})
		shared.Selector = federation.LabelsOf(map[string]string{"tier": "web"})
		for _, o := range []federation.Object{own, shared, bound(own.Ref(), "a"), bound(shared.Ref(), "a"), work(i, fmt.Sprint(i))} {
			s.Put(staging.Whole(o))
		}
	}
	m.Build(s, opts)
	if own := m.in.selected("ns", m.entries.Get(service("ns", "own042").Ref()).template.Selector); len(own) != 1 || own[0] != deployment("w042") {
		t.Errorf("one selects %v, want its own", own)
	}
	if shared := m.in.selected("ns", m.entries.Get(service("ns", "shared042").Ref()).template.Selector); len(shared) != maxSelected || shared[0] != deployment("w000") {
		t.Errorf("one of many selects %d from %v on, want the first %d", len(shared), shared[0], maxSelected)
	}
	if all := len(slices.Collect(m.users[deployment("w099")].all())); all != 1 {
		t.Errorf("%d depend on the last workload, want one", all)
	}
}

// TestUnchangedFunctionsAreReused checks that a change rebuilds one function, and
// not its neighbours.
func TestUnchangedFunctionsAreReused(t *testing.T) {
	s, m := staging.NewStore(), new(Builder)
	s.Put(staging.Whole(cluster("a", "192.0.2.1")))
	for _, name := range []string{"one", "two"} {
		s.Put(staging.Whole(service("ns", name)))
		s.Put(staging.Whole(bound(service("ns", name).Ref(), "a")))
	}
	opts := Options{Zones: []string{"fn.example.org."}}
	before := m.Build(s, opts).Functions
	s.Put(staging.Whole(service("ns", "two", "ttl", "9")))
	after := m.Build(s, opts).Functions
	if after.At(0) != before.At(0) || after.At(1) == before.At(1) {
		t.Errorf("one is the same: %v, two has changed: %v; want both", after.At(0) == before.At(0), after.At(1) != before.At(1))
	}
}

// vectorOf returns the functions in a Vector.
func vectorOf(all ...*federation.Function) vector.Vector[*federation.Function] {
	e := vector.Vector[*federation.Function]{}.Edit()
	for i, f := range all {
		e.Set(i, f)
	}
	return e.Vector()
}
