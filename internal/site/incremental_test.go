package site

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/annotation"
	"github.com/nearcast/nearcast/internal/federation/build"
	"github.com/nearcast/nearcast/internal/federation/staging"
	"github.com/nearcast/nearcast/internal/source/resolve"
	"github.com/nearcast/nearcast/internal/steering/health"
	"github.com/nearcast/nearcast/internal/steering/locate"
	"github.com/nearcast/nearcast/internal/steering/steer"
)

// TestWhatIsPublishedAfterChangesEqualsAFreshBuild changes a federation, the verdicts of
// its probes and its drains at random. After each step, the view that followed the
// changes explains every name to every client like a view made from scratch.
func TestWhatIsPublishedAfterChangesEqualsAFreshBuild(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var failure any // it belongs to rapid, and must be thrown where it called us
		synctest.Test(t, func(*testing.T) {
			defer func() { failure = recover() }()
			w := newRandomWorld(rt)
			ctx, stop := context.WithCancel(context.Background())
			done := make(chan struct{})
			go func() { w.site.prober.Run(ctx); close(done) }()
			defer func() { stop(); <-done }()
			for range rapid.IntRange(1, 15).Draw(rt, "steps") {
				for range rapid.SampledFrom([]int{1, 1, 2, 6}).Draw(rt, "changes") {
					w.change()
				}
				w.publish()
				w.compare()
			}
		})
		if failure != nil {
			panic(failure)
		}
	})
}

// randomWorld is a Site of which only the prober runs.
type randomWorld struct {
	*rapid.T
	site *Site
	at   locations
	mu   sync.Mutex
	down map[netip.Addr]bool
}

var (
	someClients = []string{"192.0.2.1", "10.1.0.1", "10.2.0.1", "10.9.0.1", "203.0.113.1"}
	someNames   = []string{
		"web.ns.fn.example.org", "api.ns.fn.example.org", "web.other.fn.example.org", "api.other.fn.example.org",
		"shared.fn.example.org", "x.shared.fn.example.org", "y.x.shared.fn.example.org", "ns.fn.example.org", "fn.example.org",
	}
)

func newRandomWorld(t *rapid.T) *randomWorld {
	prefix := func(s string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(s)} }
	w := &randomWorld{T: t, down: map[netip.Addr]bool{}}
	config := Config{
		Zones: []string{"fn.example.org.", "2.0.192.in-addr.arpa."}, Where: steer.Site{Cluster: "a"},
		Tenants:  []Tenant{{"ns", prefix("10.0.0.0/8")}, {"other", prefix("10.1.0.0/16")}},
		Horizons: []Horizon{{"vpn", prefix("10.9.0.0/16")}},
		Probe:    health.Config{Interval: time.Second, Timeout: time.Second, Rise: 1, Fall: 1, InFlight: 8, Idle: time.Hour},
	}
	config.Independent = rapid.Bool().Draw(t, "independent")
	w.at.table = locate.New([]locate.Entry{
		{Prefix: netip.MustParsePrefix("10.1.0.0/16"), Location: locate.Location{Region: "mk"}},
		{Prefix: netip.MustParsePrefix("10.2.0.0/16"), Location: locate.Location{Region: "us"}},
	})
	w.site = &Site{
		config: config, log: &testLog{}, store: staging.NewStore(), prober: health.New(config.Probe, w.probe), targets: targets{},
		resolver: resolve.New(nil, nil), drains: &drains{}, activity: newActivities(config.Probe.Idle), first: make(chan struct{}),
	}
	w.site.next.Store(new(make(chan struct{})))
	return w
}

// probe waits long enough between probes that each counts.
func (w *randomWorld) probe(_ context.Context, target federation.Target) (health.Sample, error) {
	addr := target.Addr.Addr()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down[addr] {
		return health.Sample{}, fmt.Errorf("down")
	}
	last := addr.As16()[15]
	return health.Sample{RTT: 10 * time.Millisecond << (last % 4), Load: float64(last%3) / 2}, nil
}

func (w *randomWorld) one(label string, of ...string) string {
	return rapid.SampledFrom(of).Draw(w.T, label)
}

func (w *randomWorld) addr() string {
	return fmt.Sprintf("192.0.2.%d", rapid.IntRange(1, 6).Draw(w.T, "address"))
}

func (w *randomWorld) change() {
	s := w.site.store
	ref := federation.Ref{Kind: "Service", Namespace: w.one("namespace", "ns", "ns", "other"), Name: w.one("name", "web", "api")}
	work := federation.Ref{Group: "apps", Kind: "Deployment", Namespace: ref.Namespace, Name: w.one("work", "web", "job")}
	cluster := federation.Ref{Group: "cluster.karmada.io", Kind: "Cluster", Name: w.one("cluster", "a", "b", "c")}
	bound := rapid.SampledFrom([]federation.Ref{ref, ref, work}).Draw(w.T, "bound")
	binding := federation.Ref{Kind: "ResourceBinding", Namespace: bound.Namespace, Name: bound.Name + bound.Kind}
	switch rapid.IntRange(0, 13).Draw(w.T, "what") {
	case 0, 1:
		c := &federation.Cluster{Meta: federation.NewMeta(cluster), Region: w.one("region", "mk", "us")}
		annotations := map[string]string{"nearcast.dev/address": w.addr()}
		if w.one("horizon", "no", "yes") == "yes" {
			annotations["nearcast.dev/address.vpn"] = w.addr()
		}
		c.Annotations = annotation.Own(annotations, nil)
		if faults := annotation.Parse(c); faults != nil {
			w.Fatal(faults)
		}
		c.Ready = federation.Readiness(rapid.IntRange(0, 2).Draw(w.T, "ready"))
		c.Leaving = w.one("leaving", "", "", "drained")
		c.Used = rapid.SampledFrom([]float64{0, 0.9}).Draw(w.T, "used")
		s.Put(staging.Whole(c))
	case 2:
		s.Put(staging.Reading{Ref: cluster})
	case 3, 4, 5:
		t := &federation.Template{Meta: federation.NewMeta(ref), Service: &federation.Service{TCPPort: 80}}
		annotations := map[string]string{}
		for range rapid.IntRange(0, 3).Draw(w.T, "annotations") {
			a := strings.SplitN(w.one("annotation", "hostname=shared.fn.example.org", "hostname=*.shared.fn.example.org,web.ns.fn.example.org",
				"hostname=x.shared.fn.example.org", "vip="+w.addr(), "access=private", "policy=weighted sticky", "policy=nearest threshold 60%", "policy=fastest", "policy=anycast",
				"probe=none", "probe=http://:8080/", "weights=a=1,b=2", "address=a="+w.addr(), "workload=Deployment/job"), "=", 2)
			annotations["nearcast.dev/"+a[0]] = a[1]
		}
		t.Annotations = annotation.Own(annotations, nil)
		if faults := annotation.Parse(t); faults != nil {
			w.Fatal(faults)
		}
		federation.Share(t)
		s.Put(staging.Whole(t))
	case 6:
		s.Put(staging.Reading{Ref: ref})
	case 7:
		s.Put(staging.Reading{Ref: ref, Faults: []federation.Fault{{Object: ref.String(), Reason: w.one("reason", "bad", "worse")}}})
	case 8, 9, 10:
		b := federation.NewBinding(federation.NewMeta(binding), bound)
		for _, c := range []string{"a", "b", "c"} {
			if how := w.one("placed", "no", "yes", "yes", "unhealthy"); how != "no" {
				o := federation.Observed{Applied: true, Health: federation.Healthy}
				if how == "unhealthy" {
					o.Health = federation.Unhealthy
				}
				if w.one("balancer", "no", "no", "yes") == "yes" {
					o.LoadBalancer = o.LoadBalancer.Add(netip.MustParseAddr(w.addr()))
				}
				b.Place(c, int32(rapid.IntRange(0, 2).Draw(w.T, "replicas"))) //nolint:gosec // small
				b.Observe(c, o)
			}
		}
		federation.Share(b)
		s.Put(staging.Whole(b))
	case 11:
		s.Put(staging.Reading{Ref: binding})
	case 12:
		addr := netip.MustParseAddr(w.addr())
		synctest.Wait() // no probe is in flight
		w.mu.Lock()
		w.down[addr] = !w.down[addr]
		w.mu.Unlock()
		time.Sleep(10 * time.Second) // in the bubble
	case 13:
		w.site.drains.all = nil
		if pattern := w.one("drain", "", "ns/web", "*/api"); pattern != "" {
			w.site.drains.all = []steer.Drain{{Kind: steer.DrainFunction, Pattern: pattern}}
		}
	}
}

// publish does what the publisher does, with or without a change.
func (w *randomWorld) publish() {
	w.site.rebuild(w.at)
	synctest.Wait() // for the probes of new targets
	w.site.restand(false)
	w.site.restand(true)
}

func (w *randomWorld) compare() {
	s, got := w.site, w.site.View()
	state := complete(s.config, new(build.Builder).Build(s.store, options(s.config, s.resolver.Get)), w.at)
	want := newView(s.config, state, w.at.table, s.drains.all, nothing)
	want.Standing = want.Stand(s.prober.Verdict, nil)
	if !reflect.DeepEqual(got.State.Faults, want.State.Faults) || got.Standing.Candidates != want.Standing.Candidates {
		w.Fatalf("faults %v, candidates %v\nafresh %v, %v", got.State.Faults, got.Standing.Candidates, want.State.Faults, want.Standing.Candidates)
	}
	for _, from := range someClients {
		client := netip.MustParseAddr(from)
		for _, name := range someNames {
			mine, err1 := got.Explain(name, client, s.prober.Verdict, nil)
			fresh, err2 := want.Explain(name, client, s.prober.Verdict, nil)
			if fmt.Sprint(err1) != fmt.Sprint(err2) || !reflect.DeepEqual(mine, fresh) {
				w.Fatalf("%s from %s: %+v, %v\nafresh %+v, %v", name, from, mine, err1, fresh, err2)
			}
		}
		for i := range 6 {
			name := []byte(fmt.Sprintf("%d.2.0.192.in-addr.arpa.", i+1))
			if a, b := w.pointers(got, client, name), w.pointers(want, client, name); !slices.Equal(a, b) {
				w.Fatalf("%s from %s: %v, afresh %v", name, from, a, b)
			}
		}
	}
	probes, all := targets{}, map[federation.Target]bool{}
	probes.follow(functions{}, want.State.Functions)
	for target := range probes {
		all[target.Value()] = true
	}
	for target := range s.prober.Verdicts() {
		if !all[target] {
			w.Fatalf("%s is probed needlessly", target)
		}
		delete(all, target)
	}
	if len(all) > 0 {
		w.Fatalf("%v are not probed", slices.Collect(maps.Keys(all)))
	}
	for i, f := range got.State.All() {
		if got.activity.At(i) == nil {
			w.Fatalf("%s has no activity", f)
		}
	}
}

// pointers returns the functions of the reverse name as the client sees it.
func (w *randomWorld) pointers(v *View, client netip.Addr, name []byte) (all []string) {
	who := v.Locate(client, netip.Prefix{})
	for _, i := range v.Names.Pointers(name, who.Own) {
		all = append(all, v.State.Functions.At(int(i)).String())
	}
	if function, e := v.Names.Lookup(name, who.Own); function >= 0 || e == Exact {
		w.Fatalf("%s belongs to a function", name)
	}
	slices.Sort(all)
	return append(all, fmt.Sprint(v.Names.Lookup(name, who.Own)))
}
