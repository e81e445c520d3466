package steer

import (
	"net/netip"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/policy"
	"github.com/nearcast/nearcast/internal/steering/health"
	"github.com/nearcast/nearcast/internal/steering/locate"
)

// TestNoStateBreaksAFence draws the fences of the function and of the operator, changes clusters and
// verdicts, and compares each answer with what it would be without fences.
func TestNoStateBreaksAFence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		free, _, _ := drawWorld(t)
		fences := []policy.Fence{drawFence(t, "clusters"), drawFence(t, "clusters"), drawFence(t, "clients"), drawFence(t, "clients")}
		own := *policy.Default
		if f := free.State.Functions.At(0); f.Policy != nil {
			own = *f.Policy
		}
		own.Clusters, own.Clients = fences[0], fences[2]
		zones := *policy.Default
		zones.Clusters, zones.Clients = fences[1], fences[3]
		state := &federation.State{Clusters: slices.Clone(free.State.Clusters), Functions: vectorOf(withPolicy(free.State.Functions.At(0), &own))}
		options := free.Options
		options.Policy = &zones
		fenced := Compile(state, options, nil)
		verdict := health.Verdict{}
		verdicts := func(federation.SharedTarget) health.Verdict { return verdict }
		standing := fenced.Stand(verdicts, nil)
		for range rapid.IntRange(1, 5).Draw(t, "steps") {
			state = &federation.State{Clusters: slices.Clone(state.Clusters), Functions: state.Functions}
			c := &state.Clusters[rapid.IntRange(0, len(state.Clusters)-1).Draw(t, "cluster")]
			c.Region = rapid.SampledFrom([]string{"", "mk", "us", "de"}).Draw(t, "region")
			c.Zones = rapid.SampledFrom([][]string{nil, {"mk-stip"}, {"mk-stip", "b"}}).Draw(t, "zones")
			c.Ready = rapid.SampledFrom([]federation.Readiness{federation.ReadyTrue, federation.ReadyFalse}).Draw(t, "ready")
			var judged []int
			if was := verdict.State; rapid.Bool().Draw(t, "other verdicts") {
				if verdict.State = rapid.SampledFrom([]health.State{health.Up, health.Down, health.Unknown}).Draw(t, "probes"); verdict.State != was {
					judged = []int{0}
				}
			}
			fenced = Compile(state, options, fenced)
			standing = fenced.Restand(verdicts, standing, judged)
			if again := Compile(state, options, nil); !alike(standing, again.Stand(verdicts, nil)) {
				t.Fatal("it differs from a new Standing")
			}
			holds(t, fenced, standing, fences)
		}
	})
}

// holds tries clients of every location and of none.
func holds(t *rapid.T, fenced *Table, s *Standing, fences []policy.Fence) {
	for _, client := range []string{"10.1.0.1", "10.2.0.1", "10.3.0.1", "10.4.0.1", "10.9.0.1"} {
		addr := netip.MustParseAddr(client)
		id, _ := table.Lookup(addr)
		q := Question{Location: id, Client: addr}
		choice, ranked := fenced.Pick(s, q), fenced.Rank(nil, s, q)
		reached, _, _ := fenced.Reach(nil, s, q)
		region, zones := fenced.here.region, fenced.here.zones
		if l := table.Location(id); !fenced.local[id] {
			if region, zones = l.Region, nil; l.Zone != "" {
				zones = []string{l.Zone}
			}
		}
		admitted := fences[2].Admits(region, zones) && fences[3].Admits(region, zones)
		if choice.Fenced == admitted || !admitted && (choice.Cluster >= 0 || choice.Anycast || fenced.Instead(0, choice) != nil || len(ranked)+len(reached) > 0) {
			t.Fatalf("%s in %s: admitted %t, and answered %+v of %v, reached %v", client, region, admitted, choice, ranked, reached)
		}
		for _, cluster := range append(ranked, reached...) {
			c := &fenced.State.Clusters[cluster]
			if !fences[0].Admits(c.Region, c.Zones) || !fences[1].Admits(c.Region, c.Zones) {
				t.Fatalf("%s is answered with %s in %s %v, outside of %v", client, c.Name, c.Region, c.Zones, fences)
			}
		}
		if choice.Cluster >= 0 && !slices.Contains(ranked, choice.Cluster) {
			t.Fatalf("%s is answered with %d, which is not ranked", client, choice.Cluster)
		}
		inside := 0
		for _, p := range fenced.State.Functions.At(0).Placements {
			if c := &fenced.State.Clusters[p.Cluster]; fences[0].Admits(c.Region, c.Zones) && fences[1].Admits(c.Region, c.Zones) {
				inside++
			}
		}
		if admitted && len(ranked) != inside {
			t.Fatalf("%s: %d candidates, want the %d inside the fences", client, len(ranked), inside)
		}
	}
}

func drawFence(t *rapid.T, of string) (f policy.Fence) {
	places := rapid.SliceOfN(rapid.SampledFrom([]policy.Place{{Region: "mk"}, {Region: "us"}, {Region: "de"}, {Region: "mk", Zone: "mk-stip"}, {Region: "br"}}), 0, 2)
	switch rapid.IntRange(0, 3).Draw(t, "fence of "+of) {
	case 0:
		f.Allow = places.Draw(t, "allowed")
	case 1:
		f.Deny = places.Draw(t, "denied")
	case 2:
		f.Allow, f.Deny = places.Draw(t, "allowed"), places.Draw(t, "denied")
	}
	return f
}

// withPolicy returns the function with another policy.
func withPolicy(f *federation.Function, rule *policy.Rule) *federation.Function {
	other, template, annotated := *f, *f.Template, *f.Annotated
	annotated.Policy = rule
	template.Annotated = &annotated
	other.Template = &template
	return &other
}

// TestAFenceHoldsWithoutATableOfLocations turns clients away whose location is not known because the
// table could not be read.
func TestAFenceHoldsWithoutATableOfLocations(t *testing.T) {
	missing, _ := locate.Files{Locations: filepath.Join(t.TempDir(), "missing.csv")}.Load()
	for _, text := range []string{"nearest allow clients mk", "nearest deny clients us"} {
		state := world(function(federation.Annotated{Policy: written(text)}))
		for at, want := range map[*locate.Table]bool{locate.Unread: true, missing: true, locate.Empty: false} {
			compiled := Compile(state, Options{Site: Site{Cluster: "hpc-kube"}, Policy: policy.Default, Locations: at}, nil)
			if got := compiled.Pick(compiled.Stand(Unprobed, nil), Question{}); got.Fenced != want {
				t.Errorf("%s: unread %t: %+v", text, want, got)
			}
		}
	}
}

// TestNoFenceIsRoundAVIP declares VIPs, which every site announces.
func TestNoFenceIsRoundAVIP(t *testing.T) {
	for text, c := range map[string]struct{ placed, anycast, fenced bool }{
		"anycast":                    {true, true, false},
		"nearest":                    {false, true, false},
		"nearest allow clusters mk":  {false, false, false},
		"anycast deny clients us,br": {true, true, true},
	} {
		f := function(federation.Annotated{Policy: written(text)})
		state := world(f)
		f.Unusual = &federation.Unusual{VIPs: []netip.Addr{netip.MustParseAddr("192.0.2.99")}}
		if !c.placed {
			f.Placements = nil
		}
		compiled := compile(state, "mk-core")
		s := compiled.Stand(Unprobed, nil)
		if got := compiled.Pick(s, Question{}); got.Anycast != c.anycast {
			t.Errorf("%s: %+v", text, got)
		}
		if id, _ := table.Lookup(netip.MustParseAddr("10.2.0.1")); compiled.Pick(s, Question{Location: id}).Fenced != c.fenced {
			t.Errorf("%s: a client in us", text)
		}
	}
	zones := written("nearest allow clusters mk")
	f := function(federation.Annotated{Policy: written("anycast")})
	f.Unusual = &federation.Unusual{VIPs: []netip.Addr{netip.MustParseAddr("192.0.2.99")}}
	compiled := Compile(world(f), Options{Site: Site{Cluster: "us-azure"}, Policy: zones, Locations: table}, nil)
	if got := compiled.Pick(compiled.Stand(Unprobed, nil), Question{}); got.Anycast || compiled.State.Clusters[got.Cluster].Region != "mk" {
		t.Errorf("with the operator's fence: %+v", got)
	}
}

// TestSeveralAreTheBestOfTheirTier compares what a policy answers and reaches with its ranking.
func TestSeveralAreTheBestOfTheirTier(t *testing.T) {
	for _, text := range []string{"nearest 2", "failover 3", "cheapest 2", "fastest 4", "nearest"} {
		f := function(federation.Annotated{Policy: written(text)})
		compiled := compile(world(f), "mk-core")
		s := compiled.Stand(verdicts{4: {State: health.Down}}.of, nil)
		q := Question{Client: netip.MustParseAddr("10.2.0.1")}
		q.Location, _ = table.Lookup(q.Client)
		choice := compiled.Pick(s, q)
		if int(choice.Most) != f.Policy.Most || choice.Tier != Up {
			t.Errorf("%s: %+v", text, choice)
		}
		want := compiled.RankTier(nil, s, q, Up)
		want = want[:min(len(want), int(choice.Most))]
		if got := compiled.Answers(s, q, choice); !slices.Equal(got, want) {
			t.Errorf("%s: answers %v, want %v", text, got, want)
		}
		if got, _, _ := compiled.Reach(nil, s, q); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
			t.Errorf("%s: reached %v, want the best, %v", text, got, want)
		}
	}
}

// TestTheNearestSayWhatIsAnsweredWhenAllIsDown tries each place that may say it.
func TestTheNearestSayWhatIsAnsweredWhenAllIsDown(t *testing.T) {
	when := func(text string) *policy.WhenDown {
		if text == "" {
			return nil
		}
		w, err := policy.ParseWhenDown(text)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	for _, c := range []struct{ function, zonesPolicy, zone, want string }{
		{"", "nearest", "", ""},
		{"fail", "nearest when-down answer", "answer", "fail"},
		{"answer", "nearest when-down fail", "fail", "answer"},
		{"", "nearest when-down fail", "answer", "fail"},
		{"", "nearest", "fallback 192.0.2.7", "fallback 192.0.2.7"},
		{"fallback 192.0.2.8", "nearest deny clusters br", "fallback 192.0.2.7", "fallback 192.0.2.7"},
		{"fail", "nearest deny clusters br", "answer", "fail"},
	} {
		f := function(federation.Annotated{})
		f.Unusual = &federation.Unusual{WhenDown: when(c.function)}
		nowhere := function(federation.Annotated{})
		nowhere.Unusual = f.Unusual
		state := world(f, nowhere)
		nowhere.Placements = nil
		compiled := Compile(state, Options{Site: Site{Cluster: "mk-core"}, Policy: written(c.zonesPolicy), WhenDown: when(c.zone), Locations: table}, nil)
		down := func(federation.SharedTarget) health.Verdict { return health.Verdict{State: health.Down} }
		if got := compiled.Instead(0, compiled.Pick(compiled.Stand(Unprobed, nil), Question{})); got != nil {
			t.Errorf("%+v: while it is up: %+v", c, got)
		}
		for i := range 2 {
			got := compiled.Instead(i, compiled.Pick(compiled.Stand(down, nil), Question{Function: i}))
			if got != compiled.WhenAllDown(i) || (got == nil) != (c.want == "") || got != nil && got.String() != c.want {
				t.Errorf("%+v: function %d: %v", c, i, got)
			}
		}
	}
}
