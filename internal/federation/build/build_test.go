package build

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/annotation"
	"github.com/nearcast/nearcast/internal/federation/claims"
	"github.com/nearcast/nearcast/internal/federation/staging"
)

// world stages objects and builds them; the helpers below make the objects.
func world(opts Options, objects ...federation.Object) *federation.State {
	s := staging.NewStore()
	for _, o := range objects {
		s.Put(staging.Whole(o))
	}
	if opts.Zones == nil {
		opts.Zones = []string{"fn.example.org."}
	}
	return buildAll(s, opts)
}

func cluster(name, gateway string) *federation.Cluster {
	c := &federation.Cluster{Meta: federation.NewMeta(federation.Ref{Group: "cluster.karmada.io", Kind: "Cluster", Name: name}), Ready: federation.ReadyTrue}
	if gateway != "" {
		parsed := &federation.Cluster{Meta: federation.Meta{Common: &federation.Common{}, Annotations: federation.Annotations{{Key: annotation.Address, Value: gateway}}}}
		if faults := annotation.Parse(parsed); len(faults) > 0 {
			panic(faults[0])
		}
		c.Gateways = parsed.Gateways
	}
	return c
}

func service(namespace, name string, annotations ...string) *federation.Template {
	all := map[string]string{}
	for pair := range slices.Chunk(annotations, 2) {
		all[annotation.Prefix+pair[0]] = pair[1]
	}
	t := &federation.Template{Meta: federation.Meta{
		Common: &federation.Common{Kind: "Service", Namespace: namespace}, Name: name, Annotations: annotation.Own(all, nil),
	}, Service: &federation.Service{TCPPort: 80}}
	if faults := annotation.Parse(t); len(faults) > 0 {
		panic(faults[0])
	}
	federation.Share(t)
	t.Service, t.Common = new(*t.Service), new(*t.Common) // which tests change
	return t
}

// bound binds a resource to clusters in which it is applied and healthy.
func bound(resource federation.Ref, clusters ...string) *federation.Binding {
	b := federation.NewBinding(federation.NewMeta(federation.Ref{Kind: "ResourceBinding", Namespace: resource.Namespace, Name: resource.Name + "-" + resource.Group + resource.Kind}), resource)
	for _, c := range clusters {
		b.Place(c, 1)
		b.Observe(c, federation.Observed{Applied: true, Health: federation.Healthy})
	}
	return b
}

// renamed is the binding with another name or UID.
func renamed(b *federation.Binding, edit func(*federation.Meta)) *federation.Binding {
	m := federation.MetaOf(b)
	edit(m)
	other := federation.NewBinding(*m, b.Resource())
	other.Placing = b.Placing
	return other
}

// unplace has the cluster, which the binding names, run its resource no more, as far as
// that is wanted.
func unplace(b *federation.Binding, cluster string) {
	for i, m := range b.Members {
		if m.Cluster() == cluster {
			b.Members[i].Placed, b.Members[i].Replicas = false, 0
		}
	}
}

func deployment(name string) federation.Ref {
	return federation.Ref{Group: "apps", Kind: "Deployment", Namespace: "ns", Name: name}
}

// shape formats a function as one line: its placements, then what was refused.
func shape(s *federation.State, f *federation.Function) string {
	var parts []string
	for _, p := range f.Placements {
		text := s.Clusters[p.Cluster].Name + "=" + p.Endpoint("").First().String()
		if p.Leaving != "" {
			text += " leaving"
		}
		if p.Cold {
			text += " cold"
		}
		if p.Outdated {
			text += " outdated"
		}
		parts = append(parts, text)
	}
	for _, r := range f.Refused {
		parts = append(parts, "!"+r.Cluster+": "+r.Reason)
	}
	return strings.Join(parts, "; ")
}

func only(t *testing.T, s *federation.State) *federation.Function {
	t.Helper()
	if s.Functions.Len() != 1 {
		t.Fatalf("%d functions, want one; faults: %v", s.Functions.Len(), s.Faults)
	}
	return s.Functions.At(0)
}

// TestFunctionsWithEqualPlacementsShareOne has six functions, made in the order of
// their names: containers and WebAssembly alternate; one does not run what was requested,
// and another has its own address, which is not in the key.
func TestFunctionsWithEqualPlacementsShareOne(t *testing.T) {
	objects := []federation.Object{cluster("a", "192.0.2.1")}
	for _, name := range []string{"a-container", "b-spin", "c-container", "d-spin", "e-outdated", "f-own"} {
		f := service("ns", name)
		binding := bound(f.Ref(), "a")
		work := deployment(name)
		switch name {
		case "b-spin", "d-spin":
			work = federation.Ref{Group: "core.spinkube.dev", Kind: "SpinApp", Namespace: "ns", Name: name}
		case "e-outdated":
			binding.Observe("a", federation.Observed{WasApplied: true, Health: federation.Healthy})
		case "f-own":
			f = service("ns", name, "address", "a=192.0.2.1")
		}
		objects = append(objects, f, binding, bound(work, "a"))
	}
	at := map[string]*federation.Placement{}
	for _, f := range world(Options{}, objects...).All() {
		at[f.Name] = f.Placements[0]
	}
	if at["a-container"] != at["c-container"] || at["b-spin"] != at["d-spin"] {
		t.Error("two alike do not share a placement")
	}
	if !at["b-spin"].Runtime.Spin || at["c-container"].Runtime.Spin || !at["e-outdated"].Outdated || at["c-container"].Outdated {
		t.Errorf("%+v, %+v, %+v", *at["b-spin"], *at["c-container"], *at["e-outdated"])
	}
	if at["f-own"].Endpoint("").Gateway || !at["a-container"].Endpoint("").Gateway {
		t.Errorf("own %+v, the cluster's %+v", *at["f-own"], *at["a-container"])
	}
}

func TestPlacementsAreWhatKarmadaPlacedAppliedAndAddressed(t *testing.T) {
	a, b := cluster("a", "192.0.2.1"), cluster("b", "192.0.2.2")
	web := service("ns", "web")
	for name, c := range map[string]struct {
		objects []federation.Object
		want    string
	}{
		"placed":     {[]federation.Object{web, bound(web.Ref(), "a", "b")}, "a=192.0.2.1; b=192.0.2.2"},
		"no binding": {[]federation.Object{web}, ""},
		"a cluster that does not exist": {[]federation.Object{web, bound(web.Ref(), "a", "z")},
			"a=192.0.2.1; !z: no Cluster has this name, or it was refused"},
		"a cluster without an address": {[]federation.Object{web, cluster("c", ""), bound(web.Ref(), "c")},
			"!c: no address: neither a fixed one, nor a load balancer's, nor the cluster's"},
		// A dead cluster stays applied and Healthy in the aggregated status (trap 1).
		"seen but not placed": {[]federation.Object{web, func() *federation.Binding {
			binding := bound(web.Ref(), "a", "b")
			unplace(binding, "b")
			return binding
		}()}, "a=192.0.2.1"},
		// Its replacement is not healthy yet, and the first still runs.
		"moved, and not running there yet": {[]federation.Object{web, func() *federation.Binding {
			binding := bound(web.Ref(), "a", "b")
			unplace(binding, "a")
			binding.Observe("b", federation.Observed{})
			return binding
		}()}, "a=192.0.2.1 leaving; !b: not applied yet"},
		"moved, and running there": {[]federation.Object{web, func() *federation.Binding {
			binding := bound(web.Ref(), "a", "b")
			unplace(binding, "a")
			return binding
		}()}, "b=192.0.2.2"},
		"its workload moved, and is not healthy there yet": {[]federation.Object{web, bound(web.Ref(), "a", "b"), func() *federation.Binding {
			binding := bound(deployment("web"), "a", "b")
			unplace(binding, "a")
			binding.Observe("b", federation.Observed{})
			return binding
		}()}, "a=192.0.2.1 leaving; !b: its workload Deployment/web is not applied yet"},
		"no longer placed": {[]federation.Object{web, func() *federation.Binding {
			binding := bound(web.Ref(), "a")
			unplace(binding, "a")
			return binding
		}()}, ""},
		"not applied": {[]federation.Object{web, func() *federation.Binding {
			binding := bound(web.Ref(), "a", "b")
			binding.Observe("b", federation.Observed{Message: "no such kind"})
			return binding
		}()}, "a=192.0.2.1; !b: not applied yet: no such kind"},
		"evicting": {[]federation.Object{web, func() *federation.Binding {
			binding := bound(web.Ref(), "a", "b")
			unplace(binding, "b")
			binding.Evictions = []federation.Eviction{{Cluster: "b"}}
			return binding
		}()}, "a=192.0.2.1; b=192.0.2.2 leaving"},
		"evicted, and the Work is deleted": {[]federation.Object{web, func() *federation.Binding {
			binding := bound(web.Ref(), "a")
			binding.Evictions = []federation.Eviction{{Cluster: "b"}}
			return binding
		}()}, "a=192.0.2.1; !b: evicted by Karmada, and its Work is deleted"},
		"purged at once": {[]federation.Object{web, func() *federation.Binding {
			binding := bound(web.Ref(), "a", "b")
			unplace(binding, "b")
			binding.Evictions = []federation.Eviction{{Cluster: "b", Purged: true}}
			return binding
		}()}, "a=192.0.2.1"},
		// The Service goes to all clusters, its Deployment only to some (trap 2).
		"workload in another cluster": {[]federation.Object{web, bound(web.Ref(), "a", "b"), bound(deployment("web"), "a")},
			"a=192.0.2.1; !b: its workload Deployment/web is not placed here"},
		"workload cold": {[]federation.Object{web, bound(web.Ref(), "a"), func() *federation.Binding {
			binding := bound(deployment("web"), "a")
			binding.Place("a", 0)
			return binding
		}()}, "a=192.0.2.1 cold"},
		// A binding's name leaves out the group (trap 5).
		"a Knative Service of the same name": {[]federation.Object{web, bound(web.Ref(), "a", "b"),
			bound(federation.Ref{Group: "serving.knative.dev", Kind: "Service", Namespace: "ns", Name: "web"}, "b")},
			"b=192.0.2.2; !a: its workload Service/web is not placed here"},
		"load balancer before gateway": {[]federation.Object{web, func() *federation.Binding {
			binding := bound(web.Ref(), "a")
			o := binding.In("a").Observed()
			o.LoadBalancer = o.LoadBalancer.Add(netip.MustParseAddr("198.51.100.7"))
			binding.Observe("a", o)
			return binding
		}()}, "a=198.51.100.7"},
	} {
		s := world(Options{}, append(c.objects, a, b)...)
		f := only(t, s)
		got := strings.Split(shape(s, f), "; ")
		want := strings.Split(c.want, "; ")
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %s, want %s", name, shape(s, f), c.want)
		}
	}
}

func TestWorkloadIsFoundBySelectorBeforeByName(t *testing.T) {
	web := service("ns", "web")
	web.Selector = federation.LabelsOf(map[string]string{"app": "shop"})
	for name, c := range map[string]struct {
		objects []federation.Object
		want    string
	}{
		"selected": {[]federation.Object{
			&federation.Workload{Meta: federation.NewMeta(deployment("shop-v1")), PodLabels: federation.LabelsOf(map[string]string{"app": "shop", "v": "1"})},
			bound(deployment("shop-v1"), "a"), bound(deployment("web"), "b"),
		}, "a=192.0.2.1; !b: its workload Deployment/shop-v1 is not placed here"},
		"two selected, either is accepted": {[]federation.Object{
			&federation.Workload{Meta: federation.NewMeta(deployment("v1")), PodLabels: federation.LabelsOf(map[string]string{"app": "shop"})},
			&federation.Workload{Meta: federation.NewMeta(deployment("v2")), PodLabels: federation.LabelsOf(map[string]string{"app": "shop"})},
			bound(deployment("v1"), "a"), bound(deployment("v2"), "b"),
		}, "a=192.0.2.1; b=192.0.2.2"},
		"annotated": {[]federation.Object{
			service("ns", "web", "workload", "Deployment/other"), bound(deployment("other"), "b"),
		}, "b=192.0.2.2; !a: its workload Deployment/other is not placed here"},
	} {
		objects := append([]federation.Object{cluster("a", "192.0.2.1"), cluster("b", "192.0.2.2"), web, bound(web.Ref(), "a", "b")}, c.objects...)
		s := world(Options{}, objects...)
		if got := shape(s, only(t, s)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// TestAnAppliedPlacementOutlivesAFailedUpdate covers trap 7.
func TestAnAppliedPlacementOutlivesAFailedUpdate(t *testing.T) {
	web := service("ns", "web")
	first := bound(web.Ref(), "a")
	o := first.In("a").Observed()
	o.LoadBalancer = o.LoadBalancer.Add(netip.MustParseAddr("198.51.100.7"))
	first.Observe("a", o)
	failed := bound(web.Ref(), "a")
	failed.Observe("a", federation.Observed{Message: "the API cannot be reached"})

	s := staging.NewStore()
	for _, object := range []federation.Object{cluster("a", ""), web, first, failed} {
		s.Put(staging.Whole(object))
	}
	state := buildAll(s, Options{Zones: []string{"fn.example.org."}})
	if got := shape(state, only(t, state)); got != "a=198.51.100.7 outdated" {
		t.Errorf("%s, want the last address, outdated", got)
	}
	if h := state.Functions.At(0).Placements[0].Health; h != federation.HealthUnknown {
		t.Errorf("health %s, want Unknown", h)
	}

	recreated := renamed(bound(web.Ref(), "a"), func(m *federation.Meta) { m.UID = federation.UIDOf("another") })
	recreated.Observe("a", federation.Observed{})
	s.Put(staging.Whole(recreated))
	state = buildAll(s, Options{Zones: []string{"fn.example.org."}})
	if got := shape(state, only(t, state)); got != "!a: not applied yet" {
		t.Errorf("another binding of the name: %s, want nothing remembered", got)
	}
}

func TestAVIPIsNeverAPlacementsAddress(t *testing.T) {
	web, other := service("ns", "web", "vip", "198.51.100.80"), service("ns", "other")
	binding := bound(other.Ref(), "a")
	o := binding.In("a").Observed()
	o.LoadBalancer = o.LoadBalancer.Add(netip.MustParseAddr("198.51.100.80"))
	binding.Observe("a", o)
	s := world(Options{}, cluster("a", ""), web, other, binding)
	if got := shape(s, s.Functions.At(0)); !strings.Contains(got, "198.51.100.80 is a VIP") {
		t.Errorf("%s, want the VIP refused", got)
	}
	other.Balanced = true
	s = world(Options{}, cluster("a", "192.0.2.1"), web, other, binding)
	if got := shape(s, s.Functions.At(0)); got != "a=192.0.2.1" {
		t.Errorf("%s, want the gateway: there is a load balancer, whose address is every site's", got)
	}
}

func TestOneNameHasOneOwner(t *testing.T) {
	const old, young = 1000, 2000
	named := func(name string, created int64) *federation.Template {
		t := service("ns", name, "hostname", "shop.fn.example.org")
		t.Created = created
		return t
	}
	for name, c := range map[string]struct {
		objects []federation.Object
		owner   string
	}{
		"the older":            {[]federation.Object{named("a", young), named("b", old)}, "b"},
		"dated before undated": {[]federation.Object{named("a", 0), named("b", young)}, "b"},
		"the first by name":    {[]federation.Object{named("b", old), named("a", old)}, "a"},
		"default before annotated": {[]federation.Object{service("shop", "web"), func() *federation.Template {
			t := service("ns", "a", "hostname", "web.shop.fn.example.org")
			t.Created = old
			return t
		}()}, "web"},
	} {
		s := world(Options{}, c.objects...)
		if f := only(t, s); f.Name != c.owner {
			t.Errorf("%s: %s won, want %s", name, f.Name, c.owner)
		}
		if len(s.Faults) != 1 || !strings.Contains(s.Faults[0].Reason, "belongs to") && !strings.Contains(s.Faults[0].Reason, "namespace shop's") {
			t.Errorf("%s: the loser is not reported: %v", name, s.Faults)
		}
	}
}

func TestClaimsLimitWhatAnnotationsDeclare(t *testing.T) {
	allowed := claims.List{{Namespace: "media", Names: []string{"media.fn.example.org."}, Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}}
	for name, c := range map[string]struct {
		template *federation.Template
		claims   claims.List
		fault    string // "" if the function is served
	}{
		"its own name":                     {service("media", "w", "hostname", "x.media.fn.example.org"), allowed, ""},
		"its own wildcard":                 {service("media", "w", "hostname", "*.media.fn.example.org"), allowed, ""},
		"another's name":                   {service("evil", "w", "hostname", "x.media.fn.example.org"), allowed, "not claimed for namespace evil"},
		"a name that only looks like it":   {service("media", "w", "hostname", "xmedia.fn.example.org"), allowed, "not claimed"},
		"a default name needs no claim":    {service("evil", "w"), allowed, ""},
		"another's address":                {service("evil", "w", "address", "a=192.0.2.9"), allowed, "address 192.0.2.9 is not claimed"},
		"its address":                      {service("media", "w", "address", "a=192.0.2.9"), allowed, ""},
		"the metadata service":             {service("any", "w", "address", "a=169.254.169.254"), nil, "is link-local"},
		"the client itself":                {service("any", "w", "address", "a=127.0.0.1"), nil, "is loopback"},
		"a horizon's address":              {service("any", "w", "address.vpn", "a=224.0.0.1"), nil, "is multicast"},
		"the apex":                         {service("any", "w", "hostname", "fn.example.org"), nil, "is the apex of a zone"},
		"the apex with a claim of its own": {service("media", "w", "hostname", "fn.example.org"), claims.List{{Namespace: "media", Names: []string{"fn.example.org."}}}, ""},
		"the apex with a claim of all":     {service("media", "w", "hostname", "fn.example.org"), claims.List{{Namespace: claims.AnyNamespace, Names: []string{"."}}}, "is the apex of a zone"},
		"a name outside the zone":          {service("any", "w", "hostname", "www.example.org"), nil, "is not below any zone"},
	} {
		s := world(Options{Claims: c.claims}, c.template, cluster("a", "192.0.2.1"))
		switch {
		case c.fault == "" && (s.Functions.Len() != 1 || len(s.Faults) > 0):
			t.Errorf("%s: refused: %v", name, s.Faults)
		case c.fault != "" && (s.Functions.Len() != 0 || len(s.Faults) != 1 || !strings.Contains(s.Faults[0].Reason, c.fault)):
			t.Errorf("%s: %d functions, faults %v; want it refused for %q", name, s.Functions.Len(), s.Faults, c.fault)
		}
	}
}

func TestAClustersSpecialAddressAlsoNeedsAClaim(t *testing.T) {
	web := service("ns", "web")
	s := world(Options{}, cluster("a", "127.0.0.9"), web, bound(web.Ref(), "a"))
	if got := shape(s, only(t, s)); !strings.Contains(got, "loopback") {
		t.Errorf("%s, want loopback refused", got)
	}
	allow := claims.List{{Namespace: "ns", Addresses: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}}
	s = world(Options{Claims: allow}, cluster("a", "127.0.0.9"), web, bound(web.Ref(), "a"))
	if got := shape(s, only(t, s)); got != "a=127.0.0.9" {
		t.Errorf("%s, want it answered as claimed", got)
	}
}

func TestTargetsFollowTheSpec(t *testing.T) {
	for _, c := range []struct {
		annotations []string
		gateway     string
		want        string
	}{
		{nil, "192.0.2.1", "tcp://192.0.2.1:443"},
		{nil, "192.0.2.1:8080", "tcp://192.0.2.1:8080"},
		{nil, "[2001:db8::1]:8080", "tcp://[2001:db8::1]:8080"},
		{[]string{"probe", "none"}, "192.0.2.1", "none"},
		{[]string{"probe", "tcp://:99", "port", "99"}, "192.0.2.1:8080", "tcp://192.0.2.1:99"},
		{[]string{"probe", "http:///healthz"}, "192.0.2.1", "http://192.0.2.1:80/healthz (host web.ns.fn.example.org)"},
		{[]string{"probe", "https://x.fn.example.org:8443/a?b=c", "hostname", "v.fn.example.org,x.fn.example.org", "port", "8443"}, "192.0.2.1", "https://192.0.2.1:8443/a?b=c (host x.fn.example.org)"},
		{[]string{"probe", "http:///", "hostname", "*.w.fn.example.org, v.fn.example.org"}, "192.0.2.1:81", "http://192.0.2.1:81/ (host v.fn.example.org)"},
		{[]string{"address", "a=192.0.2.7"}, "192.0.2.1", "tcp://192.0.2.7:80"},
	} {
		web := service("ns", "web", c.annotations...)
		s := world(Options{}, cluster("a", c.gateway), web, bound(web.Ref(), "a"))
		if got := only(t, s).Placements[0].Target.Value().String(); got != c.want {
			t.Errorf("%v on %s: %s, want %s", c.annotations, c.gateway, got, c.want)
		}
	}
}

func TestAColdPlacementIsNeverCalled(t *testing.T) {
	web := service("ns", "web", "probe", "http://:8080/run", "port", "8080")
	cold := bound(deployment("web"), "a")
	cold.Place("a", 0)
	s := world(Options{}, cluster("a", "192.0.2.1"), web, bound(web.Ref(), "a"), cold)
	if got := only(t, s).Placements[0].Target.Value().String(); got != "tcp://192.0.2.1:8080" {
		t.Errorf("%s, want only a connection", got)
	}
}

func TestARefusedVersionKeepsTheLastValidOne(t *testing.T) {
	s := staging.NewStore()
	web := service("ns", "web")
	s.Put(staging.Whole(web))
	s.Replace(staging.Listing{Readings: []staging.Reading{{Ref: web.Ref(), Faults: []federation.Fault{{Reason: "typo"}}}}})
	state := buildAll(s, Options{Zones: []string{"fn.example.org."}})
	if state.Functions.Len() != 1 || len(state.Faults) != 1 {
		t.Errorf("%d functions, %v; want the last valid version and the fault", state.Functions.Len(), state.Faults)
	}
}

// TestASuccessorKeepsValidVersionsAndNoDeletedObjects covers what a reload hands over.
func TestASuccessorKeepsValidVersionsAndNoDeletedObjects(t *testing.T) {
	web, gone := service("ns", "web"), service("ns", "gone")
	before := staging.NewStore()
	for _, o := range []federation.Object{cluster("a", "192.0.2.1"), web, gone, bound(web.Ref(), "a")} {
		before.Put(staging.Whole(o))
	}
	s := staging.NewStore()
	s.Inherit(before)
	failed := bound(web.Ref(), "a")
	failed.Observe("a", federation.Observed{Message: "the API cannot be reached"})
	s.Put(staging.Whole(cluster("a", "192.0.2.1")))
	s.Put(staging.Whole(failed))
	s.Put(staging.Reading{Ref: web.Ref(), Faults: []federation.Fault{{Reason: "typo"}}})
	state := buildAll(s, Options{Zones: []string{"fn.example.org."}})
	if got := shape(state, only(t, state)); got != "a=192.0.2.1 outdated" {
		t.Errorf("%s, want the last valid version, applied once", got)
	}
}

// TestALoadBalancersNameIsAnsweredWithItsAddresses resolves it, fails to, and gives it a
// name that leads back here.
func TestALoadBalancersNameIsAnsweredWithItsAddresses(t *testing.T) {
	at := func(name string, resolve func(string) (federation.Endpoint, bool)) (*federation.State, *federation.Function) {
		web := service("ns", "web")
		b := bound(web.Ref(), "a")
		b.Observe("a", federation.Observed{Applied: true, LoadBalancerNames: []string{name}})
		s := world(Options{Resolve: resolve}, cluster("a", ""), web, b)
		return s, only(t, s)
	}
	found := func(string) (federation.Endpoint, bool) {
		return federation.Endpoint{}.Add(netip.MustParseAddr("198.51.100.7")).Add(netip.MustParseAddr("127.0.0.1")), true
	}
	s, f := at("lb.example.net.", found)
	if len(f.Placements) != 1 || len(f.Placements[0].Endpoint("").V4) != 1 || f.Placements[0].Endpoint("").First().String() != "198.51.100.7" {
		t.Errorf("%s, want the only address that may be answered", placements(f))
	}
	if len(s.Lookups) != 1 || s.Lookups[0].Name != "lb.example.net." || !slices.Equal(s.Lookups[0].Namespaces, []string{"ns"}) {
		t.Errorf("lookups %v", s.Lookups)
	}
	unknown := func(string) (federation.Endpoint, bool) { return federation.Endpoint{}, false }
	if s, f := at("lb.example.net.", unknown); len(f.Placements) != 0 || f.Refused[0].Reason != "the load balancer has no address yet: its name lb.example.net. does not resolve" || len(s.Lookups) != 1 {
		t.Errorf("%+v, lookups %v", f.Refused, s.Lookups)
	}
	if s, f := at("web.ns.fn.example.org.", found); len(f.Placements) != 0 || len(s.Lookups) != 0 {
		t.Errorf("a name of our own zone was looked up: %s, lookups %v", placements(f), s.Lookups)
	}
}

func TestNoFunctionHasANameInAReverseZone(t *testing.T) {
	s := world(Options{Zones: []string{"fn.example.org.", "in-addr.arpa.", "8.b.d.0.1.0.0.2.ip6.arpa."}},
		service("ns", "web"), service("ns", "thief", "hostname", "1.2.0.192.in-addr.arpa"))
	if f := only(t, s); !slices.Equal(f.Hostnames, []string{"web.ns.fn.example.org."}) {
		t.Errorf("names %v", f.Hostnames)
	}
	if len(s.Faults) != 1 || !strings.Contains(s.Faults[0].Reason, "is not below any zone served here") {
		t.Errorf("faults %v", s.Faults)
	}
}

// TestSnapshotObjectsYieldToTheSource restores two objects, one of which the source
// has.
func TestSnapshotObjectsYieldToTheSource(t *testing.T) {
	s, then := staging.NewStore(), time.Now().Add(-time.Hour)
	s.Restore([]federation.Object{cluster("gone", ""), cluster("stays", "")}, then)
	names := func() string {
		var all []string
		for _, c := range buildAll(s, Options{}).Clusters {
			all = append(all, c.Name)
		}
		return strings.Join(all, " ")
	}
	if _, synced := s.Held(); names() != "gone stays" || !s.Confirmed().Equal(time.Unix(0, then.UnixNano())) || synced {
		t.Errorf("%s, confirmed %s, synced %v", names(), s.Confirmed(), synced)
	}
	s.Put(staging.Whole(cluster("new", "")))
	if names() != "gone new stays" {
		t.Errorf("%s before the source has listed all", names())
	}
	s.ReplaceKind("cluster.karmada.io", "Cluster", "", []staging.Reading{staging.Whole(cluster("stays", "")), staging.Whole(cluster("new", ""))})
	s.Confirm(time.Now())
	if held, synced := s.Held(); names() != "new stays" || len(held) != 2 || !synced {
		t.Errorf("%s after it, %d kept, synced %v", names(), len(held), synced)
	}
}

// TestReplacingAKindKeepsTheOthers checks that objects that vanished while nothing watched are
// gone after the next list, only in the namespace that was listed.
func TestReplacingAKindKeepsTheOthers(t *testing.T) {
	s := staging.NewStore()
	for _, o := range []federation.Object{cluster("a", "192.0.2.1"), service("ns", "web"), service("ns", "old"), service("other", "web")} {
		s.Put(staging.Whole(o))
	}
	<-s.Changed()
	fault := []federation.Fault{{Object: "Service ns/bad", Reason: "no"}}
	l := []staging.Reading{staging.Whole(service("ns", "web")), {Ref: federation.Ref{Kind: "Service", Namespace: "ns", Name: "bad"}, Faults: fault}}
	s.ReplaceKind("", "Service", "ns", l)
	<-s.Changed()
	state := buildAll(s, Options{Zones: []string{"fn.example.org."}})
	var names []string
	for _, f := range state.All() {
		names = append(names, f.Namespace+"/"+f.Name)
	}
	if got := strings.Join(names, " "); got != "ns/web other/web" || len(state.Clusters) != 1 || len(state.Faults) != 1 {
		t.Errorf("%s, %d clusters, faults %v", got, len(state.Clusters), state.Faults)
	}
	s.ReplaceKind("", "Service", "ns", l)
	select {
	case <-s.Changed():
		t.Error("an identical object is reported as a change")
	default:
	}
}

// TestAListedKindReplacesTheSnapshots checks that one kind does not wait for
// another: Clusters have their own API server, which may be unreachable.
func TestAListedKindReplacesTheSnapshots(t *testing.T) {
	s := staging.NewStore()
	web, old := service("ns", "web"), service("ns", "old")
	binding := bound(web.Ref(), "a")
	binding.Observe("a", federation.Observed{Applied: true})
	s.Restore([]federation.Object{cluster("a", "192.0.2.1"), web, old, binding}, time.Now().Add(-time.Hour))
	s.ReplaceKind("", "Service", "", []staging.Reading{staging.Whole(service("ns", "web"))})
	state := buildAll(s, Options{Zones: []string{"fn.example.org."}})
	if f := only(t, state); f.Name != "web" || len(f.Placements) != 1 {
		t.Errorf("%s with %d placements, want web in the snapshot's cluster", f.Name, len(f.Placements))
	}
}

func TestOnlyProvidersArePlacements(t *testing.T) {
	web := service("ns", "web")
	exposed := &federation.MultiClusterService{Meta: federation.NewMeta(federation.Ref{Group: "networking.karmada.io", Kind: "MultiClusterService", Namespace: "ns", Name: "web"})}
	clusters := []federation.Object{cluster("a", "192.0.2.1"), cluster("b", "192.0.2.2"), web, bound(web.Ref(), "a", "b"), exposed}
	s := world(Options{}, clusters...)
	if got := shape(s, only(t, s)); got != "a=192.0.2.1; b=192.0.2.2" {
		t.Errorf("%s, want both if it names no provider", got)
	}
	exposed.Providers = []string{"b"}
	s = world(Options{}, clusters...)
	if got := shape(s, only(t, s)); got != "b=192.0.2.2; !a: its MultiClusterService has no provider here" {
		t.Error(got)
	}
}

// buildAll makes a State of everything in the store.
func buildAll(s *staging.Store, opts Options) *federation.State {
	return new(Builder).Build(s, opts)
}
