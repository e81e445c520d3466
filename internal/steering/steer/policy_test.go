package steer

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unique"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/policy"
	"github.com/nearcast/nearcast/internal/steering/health"
)

func TestStickyMovesOnlyTheClientsOfALostCluster(t *testing.T) {
	compiled := compile(world(function(federation.Annotated{Policy: written("weighted sticky")})), "mk-core")
	all := compiled.Stand(verdicts{}.of, nil)
	lost := compiled.Stand(verdicts{2: {State: health.Down}}.of, nil)
	count := map[int]int{}
	const clients = 4000
	for i := range clients {
		q := Question{Client: netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 9})}
		before, after := compiled.Pick(all, q), compiled.Pick(lost, q)
		count[before.Cluster]++
		if before.Cluster != 2 && before.Cluster != after.Cluster {
			t.Fatalf("%s moved from %d to %d", q.Client, before.Cluster, after.Cluster)
		}
		q.Client, q.Turn = netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 77}), 5
		if again := compiled.Pick(all, q); again.Cluster != before.Cluster || again.Grain != ByPrefix {
			t.Fatalf("the prefix of %s has two clusters", q.Client)
		}
	}
	for cluster, weight := range map[int]int{0: 1, 1: 2, 2: 3, 4: 5} { // their replicas
		share := float64(count[cluster]) / clients
		if want := float64(weight) / 11; share < 0.8*want || share > 1.2*want {
			t.Errorf("cluster %d has %.3f of the clients, want %.3f", cluster, share, want)
		}
	}
}

// TestStickyDoesNotNumberClusters adds a cluster that is first by name: only the clients
// that move to it move.
func TestStickyDoesNotNumberClusters(t *testing.T) {
	before := compile(world(function(federation.Annotated{Policy: written("weighted sticky")})), "mk-core")
	state := world(function(federation.Annotated{Policy: written("weighted sticky")}))
	added := federation.Cluster{Meta: federation.NewMeta(federation.Ref{Kind: "Cluster", Name: "aa"}), Region: "aa"}
	state.Clusters = append([]federation.Cluster{added}, state.Clusters...)
	f := state.Functions.At(0)
	for i := range f.Placements {
		f.Placements[i].Cluster++
	}
	addr := netip.MustParseAddr("192.0.2.99")
	f.Placements = append([]*federation.Placement{{Cluster: 0, Replicas: 2, Endpoints: map[string]federation.Endpoint{"": federation.Endpoint{}.Add(addr)},
		Target: unique.Make(federation.Target{Kind: federation.ProbeTCP, Addr: netip.AddrPortFrom(addr, 80)})}}, f.Placements...)
	after := compile(state, "mk-core")
	old, young := before.Stand(verdicts{}.of, nil), after.Stand(verdicts{}.of, nil)
	moved := 0
	for i := range 2000 {
		q := Question{Client: netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 9})}
		a, b := before.State.Clusters[before.Pick(old, q).Cluster].Name, state.Clusters[after.Pick(young, q).Cluster].Name
		switch {
		case b == "aa":
			moved++
		case a != b:
			t.Fatalf("%s moved from %s to %s", q.Client, a, b)
		}
	}
	if share := float64(moved) / 2000; share < 0.1 || share > 0.2 {
		t.Errorf("%.3f of the clients moved, want 2 in 13", share)
	}
}

func TestCheapestStaysWithinItsBudget(t *testing.T) {
	state := world(function(federation.Annotated{Policy: written("cheapest budget 30ms")}))
	for i, cost := range []float64{3, 5, 4, 1, 1} {
		state.Clusters[i].Cost = &cost
	}
	compiled := compile(state, "mk-core")
	s := compiled.Stand(verdicts{}.of, nil)
	// us-azure is the cheapest, at 80 ms; within 30 ms, de-wide is.
	if got := ranked(compiled, s, "10.1.0.1"); got != "de-wide l26-ugd hpc-kube us-azure" {
		t.Errorf("from mk: %s", got)
	}
	if got := ranked(compiled, s, "10.2.0.1"); !strings.HasPrefix(got, "us-azure ") {
		t.Errorf("from us: %s", got)
	}
	// Equal costs: the nearest, as hpc-kube and de-wide cost the same.
	state.Clusters[1].Cost = state.Clusters[0].Cost
	compiled = compile(state, "mk-core")
	if got := ranked(compiled, compiled.Stand(verdicts{}.of, nil), "10.1.0.1"); got != "hpc-kube de-wide l26-ugd us-azure" {
		t.Errorf("among equal costs: %s", got)
	}
	// None is within the budget: the nearest.
	if got := ranked(compiled, s, "10.4.0.1"); !strings.HasPrefix(got, "us-azure de-wide ") {
		t.Errorf("from br: %s", got)
	}
}

func TestFastestWeighsDistanceAgainstColdStart(t *testing.T) {
	for _, c := range []struct {
		policy  string
		runtime federation.Runtime
		want    string
	}{
		// A second for a container outweighs the ocean, ten milliseconds for wasm do not.
		{"fastest", federation.Runtime{}, "de-wide"},
		{"fastest", federation.Runtime{Class: "wasmtime-spin-v2"}, "hpc-kube"},
		{"fastest", federation.Runtime{Spin: true}, "hpc-kube"},
		{"fastest", federation.Runtime{Class: "kata"}, "de-wide"},
		{"fastest cold kata 20ms", federation.Runtime{Class: "kata"}, "hpc-kube"},
		{"fastest cold wasm 1s", federation.Runtime{Class: "wasmtime"}, "de-wide"},
		{"fastest trips 100", federation.Runtime{}, "hpc-kube"},
	} {
		state := world(function(federation.Annotated{Policy: written(c.policy)}))
		for _, p := range state.Functions.At(0).Placements {
			p.Runtime = c.runtime
			p.Cold = p.Cluster == 1 || p.Cluster == 2 // both in mk
		}
		compiled := compile(state, "us-azure")
		s := compiled.Stand(verdicts{}.of, nil)
		if got := ranked(compiled, s, "10.1.0.1"); !strings.HasPrefix(got, c.want+" ") {
			t.Errorf("%s on %+v: %s, want %s first", c.policy, c.runtime, got, c.want)
			for _, e := range compiled.Explain(s, Question{Location: 3}, verdicts{}.of) {
				t.Log(e.Cluster, e.Term)
			}
		}
	}
}

func TestSpreadAnswersWithAllAndRotates(t *testing.T) {
	compiled := compile(world(function(federation.Annotated{Policy: written("spread")})), "mk-core")
	s := compiled.Stand(verdicts{4: {State: health.Down}}.of, nil)
	first := map[string]int{}
	for turn := range uint64(300) {
		q := Question{Turn: turn}
		if choice := compiled.Pick(s, q); choice.Most != 0 || choice.Tier != Up {
			t.Fatalf("%+v, want all that are up", choice)
		}
		all := compiled.RankTier(nil, s, q, Up)
		if len(all) != 3 {
			t.Fatalf("%v, want the three that are up", all)
		}
		first[fmt.Sprint(all[0])]++
	}
	for cluster, n := range first {
		if n < 90 || n > 110 {
			t.Errorf("cluster %s was first %d times of 300, want a third", cluster, n)
		}
	}
}

func TestARegionUnderItsThresholdGivesWay(t *testing.T) {
	state := world(function(federation.Annotated{Policy: written("nearest threshold 60%")}), function(federation.Annotated{}))
	compiled := compile(state, "mk-core")
	down := health.Verdict{State: health.Down}
	order := func(v verdicts, function int) string {
		s := compiled.Stand(v.of, nil)
		var names []string
		for _, c := range compiled.Rank(nil, s, Question{Function: function}) {
			names = append(names, state.Clusters[c].Name)
		}
		return strings.Join(names, " ")
	}
	if got := order(verdicts{}, 0); got != "hpc-kube l26-ugd de-wide us-azure" {
		t.Errorf("all up: %s", got)
	}
	// One of mk's two is up: half, so the region gives way, but stays before clusters
	// that are down.
	if got := order(verdicts{1: down}, 0); got != "de-wide us-azure l26-ugd hpc-kube" {
		t.Errorf("half of mk up: %s", got)
	}
	if got := order(verdicts{1: down}, 1); got != "l26-ugd de-wide us-azure hpc-kube" {
		t.Errorf("half of mk up, no threshold: %s", got)
	}
	// Just at the threshold is enough.
	state.Functions.At(0).Policy = written("nearest threshold 50%")
	compiled = compile(state, "mk-core")
	if got := order(verdicts{1: down}, 0); got != "l26-ugd de-wide us-azure hpc-kube" {
		t.Errorf("half of mk up, half is enough: %s", got)
	}
	state.Functions.At(0).Policy = written("nearest threshold 60%")
	compiled = compile(state, "mk-core")
	// Every region is below its threshold: the policy orders those that are up.
	if got := order(verdicts{1: down, 0: down, 4: down}, 0); got != "l26-ugd hpc-kube de-wide us-azure" {
		t.Errorf("all below the threshold: %s", got)
	}
}

func TestLoadIsShedSmoothlyAndClientsStay(t *testing.T) {
	compiled := compile(world(function(federation.Annotated{})), "hpc-kube")
	const clients = 4000
	here := func(load float64) map[int]bool {
		s := compiled.Stand(verdicts{1: {State: health.Up, Load: load}}.of, nil)
		stay := map[int]bool{}
		for i := range clients {
			q := Question{Client: netip.AddrFrom4([4]byte{172, 16 + byte(i>>8), byte(i), 1})}
			choice := compiled.Pick(s, q)
			if choice.Cluster == 1 {
				stay[i] = true
			} else if choice.Cluster != 2 {
				t.Fatalf("shed to %d, want the next in the order", choice.Cluster)
			}
			if (load > 0.8) != (choice.Grain == ByPrefix) {
				t.Fatalf("load %.2f: grain %d", load, choice.Grain)
			}
		}
		return stay
	}
	before := here(0.5)
	if len(before) != clients {
		t.Errorf("%d of %d stay at load 0.5", len(before), clients)
	}
	for _, c := range []struct{ load, share float64 }{{0.8, 1}, {0.85, 0.75}, {0.9, 0.5}, {0.97, 0.125}, {1, 0}, {7, 0}} {
		stay := here(c.load)
		if share := float64(len(stay)) / clients; share < c.share-0.05 || share > c.share+0.05 {
			t.Errorf("load %.2f: %.3f of the clients stay, want %.3f", c.load, share, c.share)
		}
		for i := range stay {
			if !before[i] {
				t.Fatalf("load %.2f: client %d came back", c.load, i)
			}
		}
		before = stay
	}
	// If everything is overloaded, everything serves.
	s := compiled.Stand(verdicts{0: {State: health.Up, Load: 2}, 1: {State: health.Up, Load: 2}, 2: {State: health.Up, Load: 2}, 4: {State: health.Up, Load: 2}}.of, nil)
	if choice := compiled.Pick(s, Question{}); choice.Cluster != 1 {
		t.Errorf("all overloaded: %d, want the nearest", choice.Cluster)
	}
}

func TestLoadIsEstimatedFromReplicasAndFreeCapacity(t *testing.T) {
	up := health.Verdict{State: health.Up}
	for _, c := range []struct {
		p     federation.Placement
		used  float64
		probe health.Verdict
		want  float64
	}{
		{federation.Placement{}, 0.99, up, 0}, // a full cluster does not affect running replicas
		{federation.Placement{Cold: true}, 0.95, up, 0.95},
		{federation.Placement{Capacity: &federation.Capacity{Desired: 4, Ready: 4}}, 0, up, 0},
		{federation.Placement{Capacity: &federation.Capacity{Desired: 4, Ready: 3}}, 0, up, 0.8},
		{federation.Placement{Capacity: &federation.Capacity{Desired: 4, Ready: 2}}, 0, up, 1.2},
		{federation.Placement{Capacity: &federation.Capacity{Desired: 4, Ready: 0}}, 0, up, 2.4},
		{federation.Placement{Capacity: &federation.Capacity{Desired: 4, Ready: 2}}, 0, health.Verdict{Load: 0.3}, 0.3},
	} {
		got, source := loadOf(&c.p, &federation.Cluster{Used: c.used}, c.probe)
		if how := source.describe(got, &c.p); got < c.want-1e-9 || got > c.want+1e-9 || (got > 0) != (how != "") {
			t.Errorf("%+v: load %g (%s), want %g", c.p, got, how, c.want)
		}
	}
}

func TestFamiliesAreLinkedUnlessIndependent(t *testing.T) {
	state := world(function(federation.Annotated{}))
	six := netip.MustParseAddr("2001:db8::4")
	state.Functions.At(0).Placements[3].Endpoints = map[string]federation.Endpoint{"": federation.Endpoint{}.Add(six)}
	for _, independent := range []bool{false, true} {
		compiled := Compile(state, Options{Site: Site{Cluster: "hpc-kube"}, Policy: policy.Default, Locations: table, Independent: independent}, nil)
		s := compiled.Stand(verdicts{}.of, nil)
		v4, v6 := compiled.Pick(s, Question{Family: V4}), compiled.Pick(s, Question{Family: V6})
		if want := map[bool]int{false: 1, true: 4}[independent]; v4.Cluster != 1 || v6.Cluster != want {
			t.Errorf("independent %v: clusters %d and %d", independent, v4.Cluster, v6.Cluster)
		}
	}
}

func TestAChoiceSaysHowLongItLasts(t *testing.T) {
	compiled := compile(world(function(federation.Annotated{})), "hpc-kube")
	for _, c := range []struct {
		probe         health.Verdict
		probed, shaky bool
	}{
		{health.Verdict{}, false, false},
		{health.Verdict{State: health.Up}, true, false},
		{health.Verdict{State: health.Up, Shaky: true}, true, true},
	} {
		choice := compiled.Pick(compiled.Stand(verdicts{1: c.probe}.of, nil), Question{})
		if choice.Probed != c.probed || choice.Shaky != c.shaky {
			t.Errorf("%+v: %+v", c.probe, choice)
		}
	}
}

func TestGeographyIsReusedWhileNothingMoved(t *testing.T) {
	state := world(function(federation.Annotated{}))
	before := compile(state, "mk-core")
	more := world(function(federation.Annotated{}), function(federation.Annotated{}))
	opts := before.Options
	if after := Compile(more, opts, before); after.geography != before.geography {
		t.Error("a new function recomputed the distances")
	}
	more.Clusters[0].Coordinates = &federation.Coordinates{Lat: 1, Lon: 1}
	after := Compile(more, opts, before)
	if after.geography == before.geography {
		t.Error("a cluster moved, but the orders did not change")
	}
	if d := after.latencies[4][0]; time.Duration(d)*time.Millisecond < 10*time.Millisecond {
		t.Errorf("latency %v ms from the USA to the Gulf of Guinea", d)
	}
}

// TestMissingReplicasMoveOnlyClientsBeyondTheRemainingCapacity covers placements that do
// not report their load: nothing would show that enough clients have left.
func TestMissingReplicasMoveOnlyClientsBeyondTheRemainingCapacity(t *testing.T) {
	for _, c := range []struct {
		desired, ready int32
		want           int
	}{{4, 4, 0}, {4, 3, 0}, {3, 2, 1}, {4, 2, 3}, {6, 3, 3}, {4, 1, 6}, {9, 1, 7}} {
		p := &federation.Placement{Capacity: &federation.Capacity{Desired: c.desired, Ready: c.ready}}
		load, known := loadOf(p, &federation.Cluster{}, health.Verdict{})
		if got := DefaultLoad.step(load, known); got != c.want {
			t.Errorf("%d of %d ready: %d of %d clients leave, want %d", c.ready, c.desired, got, steps, c.want)
		}
	}
	if got := DefaultLoad.step(1.2, reported); got != steps {
		t.Errorf("a reported load of 1.2: %d leave, want all", got)
	}
}
