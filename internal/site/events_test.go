package site

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/build"
	"github.com/nearcast/nearcast/internal/federation/staging"
	"github.com/nearcast/nearcast/internal/steering/health"
	"github.com/nearcast/nearcast/internal/steering/locate"
	"github.com/nearcast/nearcast/internal/steering/steer"
)

// TestEventsReportEveryStateThatNeedsAttention checks which Events a function gets in each
// of its states, and that a healthy one gets none.
func TestEventsReportEveryStateThatNeedsAttention(t *testing.T) {
	ref := federation.Ref{Kind: "Service", Namespace: "ns", Name: "web"}
	template := &federation.Template{Meta: federation.NewMeta(ref), Annotated: &federation.Annotated{}, Service: &federation.Service{TCPPort: 80}}
	template.UID = federation.UIDOf("1")
	cluster := func(name, addr string) *federation.Cluster {
		return &federation.Cluster{
			Meta:     federation.NewMeta(federation.Ref{Group: "cluster.karmada.io", Kind: "Cluster", Name: name}),
			Gateways: map[string]federation.Endpoint{"": {V4: []netip.Addr{netip.MustParseAddr(addr)}, Gateway: true}},
		}
	}
	binding := func(clusters ...string) *federation.Binding {
		b := federation.NewBinding(federation.NewMeta(federation.Ref{Kind: "ResourceBinding", Namespace: "ns", Name: "web-service"}), ref)
		for _, c := range clusters {
			b.Place(c, 1)
			b.Observe(c, federation.Observed{Applied: true, Health: federation.Healthy})
		}
		return b
	}
	down := func(addr string) steer.Verdicts {
		return func(target federation.SharedTarget) health.Verdict {
			if target.Value().Addr.Addr().String() == addr {
				return health.Verdict{State: health.Down, Reason: "connection refused"}
			}
			return health.Verdict{State: health.Up}
		}
	}
	for name, c := range map[string]struct {
		objects  []federation.Object
		verdicts steer.Verdicts
		want     []string
	}{
		"well":       {[]federation.Object{template, binding("a", "b")}, down(""), nil},
		"not placed": {[]federation.Object{template}, down(""), []string{"NoEligibleCluster: no cluster can be answered: no ResourceBinding of Service ns/web: it is not propagated"}},
		"no such cluster": {[]federation.Object{template, binding("z")}, down(""),
			[]string{"NoEligibleCluster: no cluster can be answered: z: no Cluster has this name, or it was refused"}},
		"one is down": {[]federation.Object{template, binding("a", "b")}, down("192.0.2.1"), []string{"Failover: moved away from a (down): probe fails: connection refused"}},
		"all are down": {[]federation.Object{template, binding("a")}, down("192.0.2.1"), []string{
			"AllDown: all candidates are down: answering all of them", "Failover: moved away from a (down): probe fails: connection refused"}},
		"a file's": {[]federation.Object{&federation.Template{Meta: federation.NewMeta(ref), Annotated: &federation.Annotated{}, Service: &federation.Service{TCPPort: 80}}}, down(""), nil},
	} {
		store := staging.NewStore()
		for _, o := range append(c.objects, cluster("a", "192.0.2.1"), cluster("b", "192.0.2.2")) {
			store.Put(staging.Whole(o))
		}
		config := Config{Zones: []string{"fn.example.org."}, Where: steer.Site{Region: "r"}}
		at := locations{table: locate.Empty}
		v := firstView(config, stateOf(config, store, at, nil, new(build.Builder)), at.table)
		v.Standing = v.Stand(c.verdicts, nil)
		var got []string
		for _, e := range v.events(c.verdicts)[template.Identity()] {
			got = append(got, fmt.Sprintf("%s: %s", e.Reason, e.Note))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestIgnoredKeysAreReportedToTheirAuthor covers objects that can have Events: Clusters
// have no namespace for them.
func TestIgnoredKeysAreReportedToTheirAuthor(t *testing.T) {
	eventsAbout := func(group, kind, namespace, uid string) []federation.Event {
		m := federation.NewMeta(federation.Ref{Group: group, Kind: kind, Namespace: namespace, Name: "web"})
		m.UID = federation.UIDOf(uid)
		v := &View{Table: &steer.Table{State: &federation.State{Faults: []federation.Fault{m.Ignored("label nearcast.dev/function", "is not read")}}}}
		return v.events(nil)[m.Identity()]
	}
	want := []federation.Event{{Reason: federation.ReasonIgnored, Note: "label nearcast.dev/function: is not read", Warning: true}}
	if got := eventsAbout("apps", "Deployment", "ns", "1"); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := append(eventsAbout("cluster.karmada.io", "Cluster", "", "1"), eventsAbout("apps", "Deployment", "ns", "")...); len(got) > 0 {
		t.Errorf("a Cluster, or an object in a file: %v", got)
	}
}

func TestOnlyAFailoverIsFollowedByARecoveryEvent(t *testing.T) {
	failover, refused := federation.Event{Reason: federation.ReasonFailover}, federation.Event{Reason: federation.ReasonRefused}
	for _, c := range []struct {
		before, now []federation.Event
		want        bool
	}{
		{[]federation.Event{failover}, nil, true},
		{[]federation.Event{failover, refused}, []federation.Event{refused}, true},
		{[]federation.Event{failover}, []federation.Event{failover}, false},
		{[]federation.Event{refused}, nil, false},
	} {
		if got := recovered(c.before, c.now); got != c.want {
			t.Errorf("%v then %v: %v", c.before, c.now, got)
		}
	}
}

// TestEventsAreDistributedFairlyAmongNamespaces checks that a namespace with thousands of
// objects leaves others their turn.
func TestEventsAreDistributedFairlyAmongNamespaces(t *testing.T) {
	events := map[federation.Identity][]federation.Event{}
	about := func(namespace, name string) federation.Identity {
		return federation.Identity{Ref: federation.Ref{Kind: "Service", Namespace: namespace, Name: name}, UID: name}
	}
	for i := range 1000 {
		events[about("evil", fmt.Sprint(i))] = nil
	}
	events[about("bank", "a")], events[about("bank", "b")], events[about("shop", "a")] = nil, nil, nil
	for turn := range 4 {
		all := inTurn(events, turn)
		in := map[string]int{}
		for _, a := range all[:5] {
			in[a.Namespace]++
		}
		if len(all) != len(events) || in["bank"] != 2 || in["shop"] != 1 || in["evil"] != 2 {
			t.Errorf("turn %d: %d of %d, of the first five %v", turn, len(all), len(events), in)
		}
	}
	if first, second := inTurn(events, 0)[0], inTurn(events, 1)[0]; first.Namespace == second.Namespace {
		t.Errorf("two turns begin with %s", first.Namespace)
	}
}

// TestEventsOfAHealthyFederationCostNothing: a site looks for Events every few seconds.
func TestEventsOfAHealthyFederationCostNothing(t *testing.T) {
	s, at := still(t, size{1000, 16, 100, 16})
	s.rebuild(at)
	v := s.View()
	if n := testing.AllocsPerRun(5, func() {
		if found := v.events(s.prober.Verdict); len(found) > 0 {
			t.Errorf("there are Events about %d functions", len(found))
		}
	}); n > 10 {
		t.Errorf("%v allocations for 1,000 functions that are all up", n)
	}
}
