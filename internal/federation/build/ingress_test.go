package build

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/claims"
	"github.com/nearcast/nearcast/internal/federation/staging"
)

// ingress returns an Ingress with hosts and backends, and no TLS.
func ingress(namespace, name string, hosts []string, backends ...string) *federation.Template {
	t := service(namespace, name)
	t.Meta = federation.NewMeta(federation.Ref{Group: "networking.k8s.io", Kind: "Ingress", Namespace: namespace, Name: name})
	slices.Sort(backends)
	t.Service = &federation.Service{TCPPort: 80, Balanced: true, Hosts: hosts, Backends: slices.Compact(backends)}
	return t
}

// backend returns a Service that declares no function and selects the pods of one app.
func backend(namespace, name, app string) *federation.Backend {
	return &federation.Backend{Meta: federation.NewMeta(federation.Ref{Kind: "Service", Namespace: namespace, Name: name}), Selector: federation.LabelsOf(map[string]string{"app": app})}
}

// pods returns a Deployment with pods of the app of its name.
func pods(name string) *federation.Workload {
	return &federation.Workload{Meta: federation.NewMeta(deployment(name)), PodLabels: federation.LabelsOf(map[string]string{"app": name})}
}

// atBalancers has the resource bound to clusters a, b and c with a load balancer in each.
func atBalancers(resource federation.Ref) *federation.Binding {
	b := bound(resource, "a", "b", "c")
	for i, c := range []string{"a", "b", "c"} {
		o := b.In(c).Observed()
		o.LoadBalancer = federation.Endpoint{}.Add(netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)}))
		b.Observe(c, o)
	}
	return b
}

// TestAnIngressIsServedWhereItsBackendsRun has an Ingress in three clusters.
func TestAnIngressIsServedWhereItsBackendsRun(t *testing.T) {
	web, api := federation.Ref{Kind: "Service", Namespace: "ns", Name: "web"}, federation.Ref{Kind: "Service", Namespace: "ns", Name: "api"}
	exposed := &federation.MultiClusterService{Meta: federation.NewMeta(federation.Ref{Group: "networking.karmada.io", Kind: "MultiClusterService", Namespace: "ns", Name: "web"})}
	everywhere := []string{"a", "b", "c"}
	missing := "its workload Deployment/app is not placed here"
	for name, c := range map[string]struct {
		backends []string
		objects  []federation.Object
		want     string
	}{
		"what its Service selects": {[]string{"web"}, []federation.Object{backend("ns", "web", "app"), bound(web, everywhere...), pods("app"), bound(deployment("app"), "b")},
			"b=192.0.2.2; !a: " + missing + "; !c: " + missing},
		"a Service that is a function too": {[]string{"web"}, []federation.Object{selecting(service("ns", "web"), "app"), bound(web, everywhere...), pods("app"), bound(deployment("app"), "b")},
			"b=192.0.2.2; !a: " + missing + "; !c: " + missing},
		"a Service in one cluster": {[]string{"web"}, []federation.Object{backend("ns", "web", "app"), bound(web, "c")},
			"c=192.0.2.3; !a: its backend Service/web is not placed here; !b: its backend Service/web is not placed here"},
		"a workload with the Service's name": {[]string{"web"}, []federation.Object{bound(web, everywhere...), bound(deployment("web"), "a")},
			"a=192.0.2.1; !b: its workload Deployment/web is not placed here; !c: its workload Deployment/web is not placed here"},
		"a workload of another kind": {[]string{"web"}, []federation.Object{bound(federation.Ref{Group: "example.org", Kind: "Fleet", Namespace: "ns", Name: "web"}, "a")},
			"a=192.0.2.1; !b: its workload Fleet/web is not placed here; !c: its workload Fleet/web is not placed here"},
		"of two, those that run both": {[]string{"web", "api"}, []federation.Object{bound(web, everywhere...), bound(api, everywhere...), bound(deployment("web"), "a", "b"), bound(deployment("api"), "b", "c")},
			"b=192.0.2.2; !a: its workload Deployment/api is not placed here; !c: its workload Deployment/web is not placed here"},
		"of two that never run together, those that run one": {[]string{"web", "api"}, []federation.Object{bound(deployment("web"), "a"), bound(deployment("api"), "b")},
			"a=192.0.2.1; b=192.0.2.2; !c: its workload Deployment/api is not placed here"},
		"of two, one of which runs nowhere, those that run the other": {[]string{"web", "api"}, []federation.Object{bound(deployment("web"), "a"), bound(api)},
			"a=192.0.2.1; !b: its backend Service/api is not placed here; !c: its backend Service/api is not placed here"},
		"a Service that other clusters use too": {[]string{"web"}, []federation.Object{backend("ns", "web", "app"), bound(web, "a"), exposed, pods("app"), bound(deployment("app"), "b")},
			"a=192.0.2.1; b=192.0.2.2; c=192.0.2.3"},
		"nothing is known of it":                                {[]string{"web"}, nil, "a=192.0.2.1; b=192.0.2.2; c=192.0.2.3"},
		"nothing is known of it, but of the Ingress's workload": {[]string{"web"}, []federation.Object{bound(deployment("front"), "c")}, "c=192.0.2.3; !a: its workload Deployment/front is not placed here; !b: its workload Deployment/front is not placed here"},
	} {
		t.Run(name, func(t *testing.T) {
			in := ingress("ns", "front", []string{"shop.fn.example.org."}, c.backends...)
			s := world(Options{}, append(c.objects, cluster("a", ""), cluster("b", ""), cluster("c", ""), in, atBalancers(in.Ref()))...)
			got := functionsOf(s)["ns/front"]
			if text := shape(s, got); text != c.want {
				t.Errorf("%s\nwant %s", text, c.want)
			}
			if unknown := slices.ContainsFunc(s.Faults, func(f federation.Fault) bool {
				return f.Warning && f.Key == "backend web"
			}); unknown != strings.HasPrefix(name, "nothing is known") {
				t.Errorf("%v", s.Faults)
			}
		})
	}
}

// TestAnIngressFollowsWhatIsBehindIt changes one object after the other, and builds each time.
func TestAnIngressFollowsWhatIsBehindIt(t *testing.T) {
	store, b, opts := staging.NewStore(), new(Builder), Options{Zones: []string{"fn.example.org."}}
	in, web := ingress("ns", "front", []string{"shop.fn.example.org."}, "web"), backend("ns", "web", "app")
	for _, o := range []federation.Object{cluster("a", ""), cluster("b", ""), cluster("c", ""), in, atBalancers(in.Ref())} {
		store.Put(staging.Whole(o))
	}
	exposed := &federation.MultiClusterService{Meta: federation.NewMeta(federation.Ref{Group: "networking.karmada.io", Kind: "MultiClusterService", Namespace: "ns", Name: "web"})}
	all := "a=192.0.2.1; b=192.0.2.2; c=192.0.2.3"
	for _, step := range []struct {
		name   string
		change staging.Reading
		want   string
	}{
		{"as it is", staging.Whole(in), all},
		{"a Deployment that nothing selects", staging.Whole(pods("app")), all},
		{"its binding", staging.Whole(bound(deployment("app"), "a")), all},
		{"the Service", staging.Whole(web), "a=192.0.2.1"},
		{"the Deployment moves", staging.Whole(bound(deployment("app"), "a", "b")), "a=192.0.2.1; b=192.0.2.2"},
		{"the Service's binding", staging.Whole(bound(web.Ref(), "b", "c")), "b=192.0.2.2"},
		{"another Deployment's binding", staging.Whole(bound(deployment("new"), "c")), "b=192.0.2.2"},
		{"the Service selects what is not there", staging.Whole(backend("ns", "web", "new")), "b=192.0.2.2; c=192.0.2.3"},
		{"then it is", staging.Whole(pods("new")), "c=192.0.2.3"},
		{"the Service declares a function", staging.Whole(selecting(service("ns", "web"), "app")), "b=192.0.2.2"},
		{"which selects another", staging.Whole(selecting(service("ns", "web"), "new")), "c=192.0.2.3"},
		{"which goes", staging.Reading{Ref: deployment("new")}, "b=192.0.2.2; c=192.0.2.3"},
		{"and comes", staging.Whole(pods("new")), "c=192.0.2.3"},
		{"the Service is exposed to all clusters", staging.Whole(exposed), all},
		{"and no longer", staging.Reading{Ref: exposed.Ref()}, "c=192.0.2.3"},
		{"the Service goes", staging.Reading{Ref: web.Ref()}, "b=192.0.2.2; c=192.0.2.3"},
		{"its binding too", staging.Reading{Ref: bound(web.Ref()).Ref()}, all},
		{"a workload of its name and another kind", staging.Whole(bound(federation.Ref{Group: "example.org", Kind: "Fleet", Namespace: "ns", Name: "web"}, "a")), "a=192.0.2.1"},
		{"which goes", staging.Reading{Ref: bound(federation.Ref{Group: "example.org", Kind: "Fleet", Namespace: "ns", Name: "web"}).Ref()}, all},
		{"a function is the Service", staging.Whole(selecting(service("ns", "web"), "app")), "a=192.0.2.1; b=192.0.2.2"},
		{"and goes", staging.Reading{Ref: web.Ref()}, all},
		{"a Service without a function again", staging.Whole(web), "a=192.0.2.1; b=192.0.2.2"},
		{"and goes", staging.Reading{Ref: web.Ref()}, all},
	} {
		store.Put(step.change)
		s := b.Build(store, opts)
		got, _, _ := strings.Cut(shape(s, functionsOf(s)["ns/front"]), "; !")
		if scratch := buildAll(store, opts); shape(scratch, functionsOf(scratch)["ns/front"]) != shape(s, functionsOf(s)["ns/front"]) {
			t.Errorf("%s: %s, and from scratch %s", step.name, shape(s, functionsOf(s)["ns/front"]), shape(scratch, functionsOf(scratch)["ns/front"]))
		}
		if got != step.want {
			t.Errorf("%s: %s, want %s", step.name, got, step.want)
		}
	}
}

// TestTheHostsOfAnIngressAreNames has hosts beside annotated names, and hosts that it may not have.
func TestTheHostsOfAnIngressAreNames(t *testing.T) {
	of := func(s *federation.State) string { return strings.Join(functionsOf(s)["ns/front"].Hostnames, " ") }
	in := ingress("ns", "front", []string{"shop.fn.example.org.", "www.example.com.", "*.api.fn.example.org.", "taken.fn.example.org."}, "web")
	in.Annotated = service("ns", "x", "hostname", "own.fn.example.org,shop.fn.example.org").Annotated
	older := dated(service("other", "web", "hostname", "taken.fn.example.org"), 1)
	s := world(Options{}, cluster("a", "192.0.2.1"), in, bound(in.Ref(), "a"), older, bound(older.Ref(), "a"))
	if got := of(s); got != "own.fn.example.org. shop.fn.example.org. *.api.fn.example.org." {
		t.Errorf("names %s", got)
	}
	var refused []string
	for _, f := range s.Faults {
		if f.Refuses() {
			refused = append(refused, f.Key+": "+f.Reason)
		}
	}
	if want := []string{"spec.rules: www.example.com. is not below any zone served here (fn.example.org.); hostname taken.fn.example.org. already belongs to Service other/web"}; !slices.Equal(refused, want) {
		t.Errorf("%q\nwant %q", refused, want)
	}
	if got := of(world(Options{}, cluster("a", "192.0.2.1"), ingress("ns", "front", nil, "web"))); got != "front.ns.fn.example.org." {
		t.Errorf("without hosts %s, want the default name", got)
	}
	closed := claims.List{{Namespace: "ns", Names: []string{"ns.fn.example.org."}}}
	s = world(Options{Claims: closed}, cluster("a", "192.0.2.1"), ingress("ns", "front", []string{"shop.fn.example.org.", "x.ns.fn.example.org."}))
	if got := of(s); got != "x.ns.fn.example.org." {
		t.Errorf("with a claim of another name %s", got)
	}
}

// TestWhatIsBehindAnIngressSaysHowItIs joins two workloads of which calls need both.
func TestWhatIsBehindAnIngressSaysHowItIs(t *testing.T) {
	in := ingress("ns", "front", []string{"shop.fn.example.org."}, "web", "api")
	web, api := bound(deployment("web"), "a"), bound(deployment("api"), "a")
	web.Observe("a", federation.Observed{Applied: true, Health: federation.Healthy, Capacity: &federation.Capacity{Desired: 4, Ready: 4}})
	api.Observe("a", federation.Observed{Applied: true, Health: federation.Unhealthy, Capacity: &federation.Capacity{Desired: 2, Ready: 1}})
	p := only(t, world(Options{}, cluster("a", ""), in, atBalancers(in.Ref()), web, api)).Placements[0]
	if p.Health != federation.Unhealthy || p.Replicas != 2 || p.Cold || *p.Capacity != (federation.Capacity{Desired: 2, Ready: 1}) {
		t.Errorf("%+v, %+v", p, p.Capacity)
	}
	if at := p.Target.Value().Addr.String(); at != "192.0.2.1:80" {
		t.Errorf("probes %s, want the port of an Ingress without TLS", at)
	}
	api.Observe("a", federation.Observed{Applied: true, Idle: true})
	if p := only(t, world(Options{}, cluster("a", ""), in, atBalancers(in.Ref()), web, api)).Placements[0]; !p.Cold {
		t.Error("one that has to start first is not cold")
	}
	unplace(api, "a")
	api.Evictions = []federation.Eviction{{Cluster: "a"}}
	if p := only(t, world(Options{}, cluster("a", ""), in, atBalancers(in.Ref()), web, api)).Placements[0]; p.Leaving == "" {
		t.Error("one is evicted, and the placement is not leaving")
	}
}
