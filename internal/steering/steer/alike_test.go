package steer

import (
	"fmt"
	"net/netip"
	"reflect"
	"testing"
	"unique"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/policy"
	"github.com/nearcast/nearcast/internal/steering/health"
)

// alikeState has thousands of functions in all of which two lists of placements, four
// policies and three lists of weights recur.
func alikeState() *federation.State {
	s := &federation.State{}
	for i := range 8 {
		s.Clusters = append(s.Clusters, federation.Cluster{Meta: federation.NewMeta(federation.Ref{Name: fmt.Sprint("c", i)}), Region: fmt.Sprint("r", i/4), Ready: federation.ReadyTrue})
	}
	list := func(of ...int) (all federation.Placements) {
		for _, c := range of {
			addr := netip.AddrFrom4([4]byte{192, 0, 2, byte(c)})
			all = append(all, &federation.Placement{
				Cluster: c, Health: federation.Healthy, Replicas: 1, Endpoints: map[string]federation.Endpoint{"": federation.Endpoint{}.Add(addr)},
				Target: unique.Make(federation.Target{Kind: federation.ProbeTCP, Addr: netip.AddrPortFrom(addr, 80)}),
			})
		}
		return all
	}
	lists := []federation.Placements{list(0, 1, 2, 3), list(2, 3, 4, 5, 6, 7)}
	rules := []*policy.Rule{nil, {Options: policy.Weighted{}}, {Options: policy.Failover{}, Threshold: 0.9}, {Options: policy.Fastest{Trips: 2}}}
	weights := [][]federation.Weight{nil, {{Cluster: "c2", Value: 3}}, {{Cluster: "c2", Value: 3}, {Cluster: "c3", Value: 2}}}
	var all []*federation.Function
	for i := range 24 * 100 {
		all = append(all, &federation.Function{
			Template: &federation.Template{
				Meta:      federation.NewMeta(federation.Ref{Kind: "Service", Namespace: fmt.Sprint("ns", i/24%5), Name: fmt.Sprint("f", i)}),
				Annotated: &federation.Annotated{Policy: rules[i/2%4], Weights: weights[i/8%3]},
			},
			Placements: lists[i%2], Unusual: &federation.Unusual{},
		})
	}
	s.Functions = vectorOf(all...)
	return s
}

// TestAFunctionIsCompiledAndJudgedAsIfItWereAlone compares what is worked out once for functions
// that are alike with what is worked out for each.
func TestAFunctionIsCompiledAndJudgedAsIfItWereAlone(t *testing.T) {
	state := alikeState()
	opts := Options{Site: Site{Cluster: "c0"}, Policy: policy.Default, Locations: table, Load: DefaultLoad, Drains: []Drain{{Kind: DrainFunction, Pattern: "ns3/*"}, {Kind: DrainCluster, Pattern: "c5"}}}
	compiled := Compile(state, opts, nil)
	verdicts := func(target federation.SharedTarget) health.Verdict {
		if target.Value().Addr.Addr().As4()[3]%4 == 2 {
			return health.Verdict{State: health.Down}
		}
		return health.Verdict{State: health.Up, Shaky: true}
	}
	s := compiled.Stand(verdicts, nil)
	standings := map[string]bool{}
	for i, f := range state.All() {
		alone := newCompiling(compiled).compile(f)
		got := *compiled.functions.Ptr(i)
		if !reflect.DeepEqual(got, alone) {
			t.Fatalf("%s is compiled to %+v, want %+v", f, got, alone)
		}
		j := compiled.judging(verdicts, &Standing{table: compiled})
		j.judge(i)
		if got, want := s.functions.At(i), j.functions.Get(i); got.key != want.key {
			t.Fatalf("%s stands as %q, want %q", f, got.key, want.key)
		}
		standings[s.functions.At(i).key] = true
	}
	if len(standings) != 6 {
		t.Errorf("%d standings, want those of two lists: plain, below a threshold, and drained", len(standings))
	}
}

// TestClustersThatMovedAreFoundInEveryFunction has a cluster that one of the two lists contains
// become unreachable.
func TestClustersThatMovedAreFoundInEveryFunction(t *testing.T) {
	state := alikeState()
	before := Compile(state, Options{Policy: policy.Default, Locations: table}, nil)
	standing := before.Stand(Unprobed, nil)
	changed := alikeState().Clusters
	changed[1].Ready = federation.ReadyFalse
	after := Compile(&federation.State{Clusters: changed, Functions: state.Functions}, before.Options, before)
	got, want := after.Restand(Unprobed, standing, nil), after.Stand(Unprobed, nil)
	for i, f := range state.All() {
		if got.functions.At(i).key != want.functions.At(i).key {
			t.Fatalf("%s stands as before", f)
		}
	}
	if got.Candidates != want.Candidates || got.Candidates[Unknown] == 0 {
		t.Errorf("%v candidates, want %v", got.Candidates, want.Candidates)
	}
}
