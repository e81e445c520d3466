package steer

import (
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unique"
	"unsafe"

	"github.com/nearcast/nearcast/internal/base/vector"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/policy"
	"github.com/nearcast/nearcast/internal/steering/health"
	"github.com/nearcast/nearcast/internal/steering/locate"
)

// function is declared by the template, and not placed yet.
func function(a federation.Annotated) *federation.Function {
	return &federation.Function{Template: &federation.Template{Meta: federation.NewMeta(federation.Ref{}), Annotated: &a}, Unusual: &federation.Unusual{}}
}

// world is the federation of the lab with functions placed in every cluster but mk-core.
func world(functions ...*federation.Function) *federation.State {
	at := func(lat, lon float64) *federation.Coordinates { return &federation.Coordinates{Lat: lat, Lon: lon} }
	c := func(name, region, zone string, where *federation.Coordinates) federation.Cluster {
		return federation.Cluster{
			Meta:   federation.NewMeta(federation.Ref{Kind: "Cluster", Name: name}),
			Region: region, Zones: []string{zone}, Coordinates: where, Ready: federation.ReadyTrue,
		}
	}
	s := &federation.State{Clusters: []federation.Cluster{
		c("de-wide", "de", "de-fra", at(50.11, 8.68)), c("hpc-kube", "mk", "mk-skopje", at(42.00, 21.41)),
		c("l26-ugd", "mk", "mk-stip", at(41.74, 22.19)), c("mk-core", "mk", "mk-skopje", at(42.00, 21.43)),
		c("us-azure", "us", "us-east", at(37.37, -79.81)),
	}, Functions: vectorOf(functions...)}
	for i, f := range functions {
		f.Meta = federation.NewMeta(federation.Ref{Kind: "Service", Namespace: "demo", Name: fmt.Sprint("f", i)})
		for _, cluster := range []int{0, 1, 2, 4} {
			addr := netip.AddrFrom4([4]byte{192, 0, 2, byte(cluster)})
			f.Placements = append(f.Placements, &federation.Placement{
				Cluster: cluster, Health: federation.Healthy, Replicas: int32(cluster + 1),
				Endpoints: map[string]federation.Endpoint{"": federation.Endpoint{}.Add(addr)},
				Target:    unique.Make(federation.Target{Kind: federation.ProbeTCP, Addr: netip.AddrPortFrom(addr, 80)}),
			})
		}
	}
	return s
}

// rule parses a policy.
func written(text string) *policy.Rule {
	p, err := policy.Parse(text)
	if err != nil {
		panic(err)
	}
	return p
}

var table = locate.New([]locate.Entry{
	{Prefix: netip.MustParsePrefix("10.1.0.0/16"), Location: locate.Location{Region: "mk"}},
	{Prefix: netip.MustParsePrefix("10.2.0.0/16"), Location: locate.Location{Region: "us"}},
	{Prefix: netip.MustParsePrefix("10.3.0.0/16"), Location: locate.Location{Region: "mk", Zone: "mk-stip"}},
	{Prefix: netip.MustParsePrefix("10.4.0.0/16"), Location: locate.Location{Region: "br", Coordinates: &federation.Coordinates{Lat: -23, Lon: -46}}},
	{Prefix: netip.MustParsePrefix("10.5.0.0/16"), Location: locate.Location{Region: "at"}},
})

// verdicts gives verdicts by cluster index; a missing one is up.
type verdicts map[int]health.Verdict

func (v verdicts) of(t federation.SharedTarget) health.Verdict {
	if verdict, ok := v[int(t.Value().Addr.Addr().As4()[3])]; ok {
		return verdict
	}
	return health.Verdict{State: health.Up}
}

func compile(s *federation.State, site string) *Table {
	return Compile(s, Options{Site: Site{Cluster: site}, Policy: policy.Default, Locations: table, Load: DefaultLoad}, nil)
}

// ranked returns the order of answers for a client, by name.
func ranked(t *Table, s *Standing, client string) string {
	addr := netip.MustParseAddr(client)
	id, _ := table.Lookup(addr)
	var names []string
	for _, c := range t.Rank(nil, s, Question{Location: id, Client: addr}) {
		names = append(names, t.State.Clusters[c].Name)
	}
	return strings.Join(names, " ")
}

func TestNearestIsBySiteThenZoneThenRegionThenDistance(t *testing.T) {
	state := world(function(federation.Annotated{}))
	for _, c := range []struct{ site, client, want string }{
		// Other locations: every site gives the same answer.
		{"us-azure", "10.1.0.1", "hpc-kube l26-ugd de-wide us-azure"},
		{"de-wide", "10.1.0.1", "hpc-kube l26-ugd de-wide us-azure"},
		{"us-azure", "10.3.0.1", "l26-ugd hpc-kube de-wide us-azure"},
		{"hpc-kube", "10.3.0.1", "l26-ugd hpc-kube de-wide us-azure"},
		{"de-wide", "10.4.0.1", "us-azure de-wide hpc-kube l26-ugd"},
		{"de-wide", "10.5.0.1", "de-wide hpc-kube l26-ugd us-azure"}, // no coordinates, no cluster there: by name
		// At the site: its own cluster first.
		{"us-azure", "10.2.0.1", "us-azure de-wide hpc-kube l26-ugd"},
		{"l26-ugd", "10.1.0.1", "l26-ugd hpc-kube de-wide us-azure"}, // its region, no zone: at the site
		{"hpc-kube", "10.1.0.1", "hpc-kube l26-ugd de-wide us-azure"},
		{"mk-core", "192.0.2.1", "hpc-kube l26-ugd de-wide us-azure"}, // in no location: at the site, which runs nothing
		{"us-azure", "192.0.2.1", "us-azure de-wide hpc-kube l26-ugd"},
	} {
		compiled := compile(state, c.site)
		if got := ranked(compiled, compiled.Stand(verdicts{}.of, nil), c.client); got != c.want {
			t.Errorf("%s asked at %s: %s, want %s", c.client, c.site, got, c.want)
		}
	}
}

func TestMeasuredTimeRanksOnlyForTheSitesOwnClients(t *testing.T) {
	compiled := compile(world(function(federation.Annotated{})), "mk-core")
	far := verdicts{1: {State: health.Up, RTT: 300 * time.Millisecond}, 4: {State: health.Up, RTT: 2 * time.Millisecond}}
	s := compiled.Stand(far.of, nil)
	if got, want := ranked(compiled, s, "192.0.2.1"), "l26-ugd us-azure de-wide hpc-kube"; got != want {
		t.Errorf("at the site: %s, want %s", got, want)
	}
	if got, want := ranked(compiled, s, "10.4.0.1"), "us-azure de-wide hpc-kube l26-ugd"; got != want {
		t.Errorf("at another site: %s, want %s", got, want)
	}
}

func TestTheSitesOwnClusterIsFirstEvenIfSlow(t *testing.T) {
	compiled := compile(world(function(federation.Annotated{})), "hpc-kube")
	slow := verdicts{1: {State: health.Up, RTT: 300 * time.Millisecond}, 2: {State: health.Up, RTT: 2 * time.Millisecond}}
	if got := ranked(compiled, compiled.Stand(slow.of, nil), "192.0.2.1"); !strings.HasPrefix(got, "hpc-kube ") {
		t.Errorf("%s, want the site's own cluster first", got)
	}
}

func TestNoiseDoesNotReorder(t *testing.T) {
	compiled := compile(world(function(federation.Annotated{})), "mk-core")
	at := func(a, b time.Duration) verdicts {
		return verdicts{0: {State: health.Up, RTT: a}, 4: {State: health.Up, RTT: b}}
	}
	before := compiled.Stand(at(40*time.Millisecond, 50*time.Millisecond).of, nil)
	noisy := compiled.Stand(at(47*time.Millisecond, 42*time.Millisecond).of, before)
	if !slices.Equal(before.order, noisy.order) {
		t.Errorf("noise reordered %v to %v", before.order, noisy.order)
	}
	moved := compiled.Stand(at(47*time.Millisecond, 20*time.Millisecond).of, before)
	if slices.Equal(before.order, moved.order) {
		t.Error("a real change did not reorder")
	}
}

func TestTiersComeBeforePolicies(t *testing.T) {
	state := world(function(federation.Annotated{}))
	leaving := func(cluster string) *federation.State {
		s := *state
		s.Clusters = slices.Clone(state.Clusters)
		s.Clusters[s.ClusterIndex(cluster)].Leaving = "drained by annotation"
		return &s
	}
	down := health.Verdict{State: health.Down, Reason: "refused"}
	for name, c := range map[string]struct {
		state    *federation.State
		verdicts verdicts
		want     string
	}{
		"all up":             {state, nil, "us-azure de-wide hpc-kube l26-ugd"},
		"own cluster down":   {state, verdicts{4: down}, "de-wide hpc-kube l26-ugd us-azure"},
		"own leaving":        {leaving("us-azure"), nil, "de-wide hpc-kube l26-ugd us-azure"},
		"leaving and down":   {leaving("us-azure"), verdicts{4: down, 0: down}, "hpc-kube l26-ugd us-azure de-wide"},
		"all others down":    {leaving("us-azure"), verdicts{0: down, 1: down, 2: down}, "us-azure de-wide hpc-kube l26-ugd"},
		"everything is down": {state, verdicts{0: down, 1: down, 2: down, 4: down}, "us-azure de-wide hpc-kube l26-ugd"},
	} {
		compiled := compile(c.state, "us-azure")
		s := compiled.Stand(c.verdicts.of, nil)
		if got := ranked(compiled, s, "10.2.0.1"); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		choice := compiled.Pick(s, Question{})
		if first, _, _ := strings.Cut(c.want, " "); compiled.State.Clusters[choice.Cluster].Name != first {
			t.Errorf("%s: Pick and Rank disagree", name)
		}
	}
}

func TestJudgeWeighsProbesAndKarmadaCorrectly(t *testing.T) {
	up, down, unknown := health.Verdict{State: health.Up}, health.Verdict{State: health.Down, Reason: "refused"}, health.Verdict{}
	plain := unique.Make(federation.Target{Kind: federation.ProbeTCP})
	ready, notReady := federation.Cluster{Ready: federation.ReadyTrue}, federation.Cluster{Ready: federation.ReadyFalse}
	for name, c := range map[string]struct {
		p       federation.Placement
		cluster federation.Cluster
		probe   health.Verdict
		want    Tier
	}{
		"a passing probe beats Unhealthy":             {federation.Placement{Health: federation.Unhealthy, Target: plain}, ready, up, Up},
		"but not if it only reaches a shared gateway": {federation.Placement{Health: federation.Unhealthy, Target: plain, ProbesGateway: true}, ready, up, Down},
		"a real probe of a gateway does":              {federation.Placement{Health: federation.Unhealthy, Target: unique.Make(federation.Target{Kind: federation.ProbeHTTP}), ProbesGateway: true}, ready, up, Up},
		"a passing probe beats NotReady":              {federation.Placement{Health: federation.Healthy}, notReady, up, Up},
		"a failing probe beats Healthy":               {federation.Placement{Health: federation.Healthy}, ready, down, Down},
		"without a probe Healthy is up":               {federation.Placement{Health: federation.Healthy}, ready, unknown, Up},
		"without a probe Unhealthy is down":           {federation.Placement{Health: federation.Unhealthy}, ready, unknown, Down},
		"without a probe NotReady is unknown":         {federation.Placement{Health: federation.Healthy}, notReady, unknown, Unknown},
		"without a probe Unknown is unknown":          {federation.Placement{}, ready, unknown, Unknown},
		"a failed update is unknown":                  {federation.Placement{Outdated: true}, ready, unknown, Unknown},
		"a failed update that answers is up":          {federation.Placement{Outdated: true}, ready, up, Up},
		"evicted but passing is leaving":              {federation.Placement{Leaving: "evicted"}, ready, up, Leaving},
		"evicted and failing is down":                 {federation.Placement{Leaving: "evicted"}, ready, down, Down},
	} {
		v := Judge(&c.p, &c.cluster, c.probe)
		if v.Tier != c.want || v.Reason == "" {
			t.Errorf("%s: %s (%s), want %s", name, v.Tier, v.Reason, c.want)
		}
	}
}

func TestFailoverFollowsItsOrder(t *testing.T) {
	state := world(function(federation.Annotated{Policy: written("failover"), Weights: []federation.Weight{{Cluster: "us-azure", Value: 9}, {Cluster: "l26-ugd", Value: 3}}}))
	compiled := compile(state, "de-wide")
	s := compiled.Stand(verdicts{}.of, nil)
	for _, client := range []string{"10.1.0.1", "10.2.0.1", "192.0.2.1"} {
		if got := ranked(compiled, s, client); !strings.HasPrefix(got, "l26-ugd us-azure ") {
			t.Errorf("%s: %s, want the given order first", client, got)
		}
	}
}

func TestWeightedSharesInProportion(t *testing.T) {
	weights := []federation.Weight{{Cluster: "de-wide", Value: 3}, {Cluster: "us-azure", Value: 1}, {Cluster: "hpc-kube", Value: 0}}
	compiled := compile(world(function(federation.Annotated{Policy: written("weighted"), Weights: weights})), "mk-core")
	s := compiled.Stand(verdicts{}.of, nil)
	// Draws are smooth: after any number of them, a share is off by a handful at most.
	count := map[string]int{}
	for turn := range uint64(2000) {
		c := compiled.Pick(s, Question{Client: netip.MustParseAddr("10.2.0.1"), Turn: turn})
		count[compiled.State.Clusters[c.Cluster].Name]++
		if n := float64(turn + 1); math.Abs(float64(count["de-wide"])-0.75*n) > 4 || count["hpc-kube"] > 0 {
			t.Fatalf("%v after %d turns of one client, want 3 to 1", count, turn+1)
		}
	}
	// Over clients they are as even as chance: within four standard deviations.
	count = map[string]int{}
	const clients = 20000
	for client := range clients {
		addr := netip.AddrFrom4([4]byte{10, 2, byte(client >> 8), byte(client)})
		c := compiled.Pick(s, Question{Client: addr, Turn: 7})
		count[compiled.State.Clusters[c.Cluster].Name]++
		if again := compiled.Pick(s, Question{Client: addr, Turn: 7}); again != c {
			t.Fatal("one client in one turn got two clusters")
		}
	}
	if off := math.Abs(float64(count["de-wide"]) - 0.75*clients); off > 4*math.Sqrt(clients*0.75*0.25) {
		t.Errorf("%v of %d, want 3 to 1", count, clients)
	}
	alone := compiled.Stand(verdicts{0: {State: health.Down}, 4: {State: health.Down}}.of, nil)
	if c := compiled.Pick(alone, Question{}); compiled.State.Clusters[c.Cluster].Name != "hpc-kube" {
		t.Errorf("%s if the weights of those up are all zero, want the nearest", compiled.State.Clusters[c.Cluster].Name)
	}
}

func TestWeightsDefaultToReplicas(t *testing.T) {
	f := function(federation.Annotated{Policy: written("weighted")})
	compiled := compile(world(f), "mk-core")
	if got, want := compiled.functions.At(0).modifier.Weights, []uint32{1, 2, 3, 0, 5}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want the replicas %v", got, want)
	}
}

func TestAHorizonWithoutAnAddressHasNoCandidate(t *testing.T) {
	state := world(function(federation.Annotated{}))
	f := state.Functions.At(0)
	f.Placements[1].Endpoints = map[string]federation.Endpoint{"vpn": f.Placements[1].Endpoints[""]}
	compiled := Compile(state, Options{Site: Site{Cluster: "hpc-kube"}, Policy: policy.Default, Locations: table, Load: DefaultLoad, Horizons: []string{"vpn"}}, nil)
	s := compiled.Stand(verdicts{}.of, nil)
	if c := compiled.Pick(s, Question{}); compiled.State.Clusters[c.Cluster].Name == "hpc-kube" {
		t.Error("offered although it cannot be reached")
	}
	if c := compiled.Pick(s, Question{Horizon: 1}); compiled.State.Clusters[c.Cluster].Name != "hpc-kube" {
		t.Error("not offered although it can be reached")
	}
	explained := compiled.Explain(s, Question{}, verdicts{}.of)
	i := slices.IndexFunc(explained, func(c Candidate) bool { return c.Cluster == "hpc-kube" })
	if i < 0 || explained[i].Tier != "refused" || explained[i].Reason != "no address in the client's horizon" {
		t.Errorf("%+v, want hpc-kube refused with the reason", explained)
	}
}

func TestEqualStandingsShareTheirMasks(t *testing.T) {
	functions := make([]*federation.Function, 100)
	for i := range functions {
		functions[i] = function(federation.Annotated{Policy: written("weighted")})
	}
	compiled := compile(world(functions...), "mk-core")
	s := compiled.Stand(verdicts{}.of, nil)
	if s.functions.At(0) != s.functions.At(99) || compiled.functions.At(0).modifier != compiled.functions.At(99).modifier {
		t.Error("equal functions do not share masks or modifiers")
	}
}

func TestPickDoesNotAllocate(t *testing.T) {
	var functions []*federation.Function
	for _, text := range append(policy.Names(), "weighted sticky", "nearest 2 allow clients us,mk/mk-stip deny clusters br") {
		functions = append(functions, function(federation.Annotated{Policy: written(text)}))
	}
	state := world(functions...)
	compiled := compile(state, "mk-core")
	s := compiled.Stand(verdicts{0: {State: health.Up, Load: 0.9}}.of, nil)
	client := netip.MustParseAddr("10.2.0.1")
	for f := range state.Functions.Len() {
		for _, at := range []string{"10.2.0.1", "10.3.0.1", "192.0.2.1"} {
			id, _ := table.Lookup(netip.MustParseAddr(at))
			if n := testing.AllocsPerRun(100, func() { compiled.Pick(s, Question{Function: f, Client: client, Location: id}) }); n > 0 {
				t.Errorf("%s from %s: %.0f allocations", state.Functions.At(f).Policy, at, n)
			}
		}
	}
}

func TestGreatCircle(t *testing.T) {
	got := greatCircle(federation.Coordinates{Lat: 0, Lon: 179}, federation.Coordinates{Lat: 0, Lon: -179})
	if want := 2 * earthRadius * math.Pi / 180; math.Abs(got-want) > 0.001 {
		t.Errorf("across the date line: %f km, want %f", got, want)
	}
}

// TestWhatIsCompiledOfAFunctionIsShared holds that functions with equal placements and annotations
// have only a seed for themselves.
func TestWhatIsCompiledOfAFunctionIsShared(t *testing.T) {
	if size := unsafe.Sizeof(compiled{}); size > 16 {
		t.Errorf("%d bytes for each function, want at most 16", size)
	}
	state := alikeState()
	table := Compile(state, Options{Policy: policy.Default, Locations: table}, nil)
	all := map[*common]bool{}
	for i := few; i < state.Functions.Len(); i++ {
		all[table.functions.Ptr(i).common] = true
	}
	if most := 2 * 4 * 3; len(all) > most {
		t.Errorf("%d are compiled for %d functions, want one for each list, rule and weights: at most %d", len(all), state.Functions.Len(), most)
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
