package steer

import (
	"net/netip"
	"slices"
	"testing"
	"unique"

	"pgregory.net/rapid"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/policy"
	"github.com/nearcast/nearcast/internal/steering/health"
)

// drawWorld makes a federation of up to 70 clusters (more than one word of a mask) with
// one function of any policy, and verdicts of its probes.
func drawWorld(t *rapid.T) (*Table, *Standing, map[int]Tier) {
	state := &federation.State{}
	n := rapid.IntRange(1, 70).Draw(t, "clusters")
	for i := range n {
		c := federation.Cluster{
			Meta:   federation.NewMeta(federation.Ref{Kind: "Cluster", Name: string([]byte{'a' + byte(i/26), 'a' + byte(i%26)})}),
			Region: rapid.SampledFrom([]string{"", "mk", "us", "de"}).Draw(t, "region"),
			Used:   rapid.SampledFrom([]float64{0, 0.9, 1}).Draw(t, "used"),
		}
		if rapid.Bool().Draw(t, "placed on the globe") {
			c.Coordinates = &federation.Coordinates{Lat: rapid.Float64Range(-90, 90).Draw(t, "lat"), Lon: rapid.Float64Range(-180, 180).Draw(t, "lon")}
		}
		if rapid.IntRange(0, 9).Draw(t, "leaving") == 0 {
			c.Leaving = "drained"
		}
		state.Clusters = append(state.Clusters, c)
	}
	f := function(federation.Annotated{
		Policy: written(rapid.SampledFrom([]string{"nearest", "failover", "weighted", "weighted sticky", "cheapest", "fastest", "spread", "nearest threshold 60%", "anycast"}).Draw(t, "policy")),
	})
	f.Name = "f"
	probes := map[federation.Target]health.Verdict{}
	for i := range n {
		if rapid.IntRange(0, 3).Draw(t, "placed") == 0 {
			continue
		}
		addr := netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
		p := &federation.Placement{
			Cluster: i, Health: federation.Healthy, Replicas: int32(rapid.IntRange(0, 5).Draw(t, "replicas")), Cold: rapid.Bool().Draw(t, "cold"),
			Endpoints: map[string]federation.Endpoint{"": federation.Endpoint{}.Add(addr)},
			Target:    unique.Make(federation.Target{Kind: federation.ProbeTCP, Addr: netip.AddrPortFrom(addr, 80)}),
		}
		f.Placements = append(f.Placements, p)
		probes[p.Target.Value()] = health.Verdict{
			State: rapid.SampledFrom([]health.State{health.Up, health.Up, health.Down, health.Unknown}).Draw(t, "probe"),
			Load:  rapid.SampledFrom([]float64{0, 0.5, 0.85, 0.99, 3}).Draw(t, "load"),
		}
		if rapid.Bool().Draw(t, "weighed") {
			f.Weights = append(f.Weights, federation.Weight{Cluster: state.Clusters[i].Name, Value: uint32(rapid.IntRange(0, 9).Draw(t, "weight"))})
		}
	}
	state.Functions = vectorOf(f)
	compiled := Compile(state, Options{Site: Site{Cluster: "aa"}, Policy: policy.Default, Locations: table, Load: DefaultLoad}, nil)
	s := compiled.Stand(func(t federation.SharedTarget) health.Verdict { return probes[t.Value()] }, nil)
	tiers := map[int]Tier{}
	for _, p := range f.Placements {
		tiers[p.Cluster] = Judge(p, &state.Clusters[p.Cluster], probes[p.Target.Value()]).Tier
	}
	return compiled, s, tiers
}

func drawQuestion(t *rapid.T) Question {
	client := netip.AddrFrom4([4]byte{10, byte(rapid.IntRange(0, 9).Draw(t, "place")), rapid.Byte().Draw(t, "net"), rapid.Byte().Draw(t, "host")})
	id, _ := table.Lookup(client)
	return Question{Location: id, Client: client, Turn: rapid.Uint64().Draw(t, "turn")}
}

// TestAnAnswerIsTheBestCandidate checks what every policy must do: a candidate answers if
// there is one, never a down one while an up one exists, Pick agrees with Rank, and Rank
// has every candidate once.
func TestAnAnswerIsTheBestCandidate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		compiled, s, tiers := drawWorld(t)
		q := drawQuestion(t)
		choice := compiled.Pick(s, q)
		if (choice.Cluster < 0) != (len(tiers) == 0) {
			t.Fatalf("cluster %d of %d candidates", choice.Cluster, len(tiers))
		}
		ranked := compiled.Rank(nil, s, q)
		if sorted := slices.Sorted(slices.Values(ranked)); len(ranked) != len(tiers) || len(slices.Compact(sorted)) != len(ranked) {
			t.Fatalf("ranked %v of %d candidates", ranked, len(tiers))
		}
		if choice.Cluster < 0 {
			return
		}
		if ranked[0] != choice.Cluster {
			t.Fatalf("picked %d, ranked %v", choice.Cluster, ranked)
		}
		got := tiers[choice.Cluster]
		for cluster, tier := range tiers {
			if tier < got {
				t.Fatalf("%s was picked (%d) while %d is %s", got, choice.Cluster, cluster, tier)
			}
		}
		if again := compiled.Pick(s, q); again != choice {
			t.Fatalf("picked again: %+v, then %+v", choice, again)
		}
	})
}

// TestSteeringChangesOnlyWithTheState judges an unchanged state twice.
func TestSteeringChangesOnlyWithTheState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		compiled, s, _ := drawWorld(t)
		recompiled := Compile(compiled.State, compiled.Options, compiled)
		again := recompiled.Stand(func(target federation.SharedTarget) health.Verdict { return health.Verdict{} }, s)
		first := compiled.Stand(func(target federation.SharedTarget) health.Verdict { return health.Verdict{} }, s)
		if !alike(first, again) {
			t.Fatal("the same state compiled again has another Standing")
		}
		for range 5 {
			q := drawQuestion(t)
			if a, b := compiled.Pick(first, q), recompiled.Pick(again, q); a != b {
				t.Fatalf("%+v and %+v", a, b)
			}
		}
	})
}

// TestStickyMovesAtMostItsShare removes one candidate: only its own clients move.
func TestStickyMovesAtMostItsShare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		compiled, _, tiers := drawWorld(t)
		f := compiled.State.Functions.At(0)
		f.Policy = written("weighted sticky")
		compiled = Compile(compiled.State, compiled.Options, nil)
		if len(tiers) < 2 {
			return
		}
		up := func(federation.SharedTarget) health.Verdict { return health.Verdict{State: health.Up} }
		s := compiled.Stand(up, nil)
		lost := f.Placements[rapid.IntRange(0, len(f.Placements)-1).Draw(t, "lost")]
		without := compiled.Stand(func(target federation.SharedTarget) health.Verdict {
			if target == lost.Target {
				return health.Verdict{State: health.Down}
			}
			return up(target)
		}, nil)
		for range 10 {
			q := drawQuestion(t)
			before, after := compiled.Pick(s, q), compiled.Pick(without, q)
			if before.Cluster != lost.Cluster && before.Cluster != after.Cluster && before.Tier == after.Tier {
				t.Fatalf("%s moved from %d to %d when %d was lost", q.Client, before.Cluster, after.Cluster, lost.Cluster)
			}
		}
	})
}

// alike reports whether the two, of one Table or of equal ones, answer alike.
func alike(a, b *Standing) bool {
	for i := range max(a.functions.Len(), b.functions.Len()) {
		if one, other := a.functions.At(i), b.functions.At(i); one != other && (one == nil || other == nil || one.key != other.key) {
			return false
		}
	}
	return a.Candidates == b.Candidates && slices.Equal(a.order, b.order) && slices.Equal(a.rtts, b.rtts)
}

// TestARestandEqualsAFreshStand changes clusters and verdicts.
func TestARestandEqualsAFreshStand(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table, _, _ := drawWorld(t)
		probes := map[federation.Target]health.Verdict{}
		verdicts := func(target federation.SharedTarget) health.Verdict { return probes[target.Value()] }
		standing := table.Stand(verdicts, nil)
		for range rapid.IntRange(1, 4).Draw(t, "steps") {
			state := &federation.State{Clusters: slices.Clone(table.State.Clusters), Functions: table.State.Functions}
			for range rapid.IntRange(0, 2).Draw(t, "clusters said otherwise of") {
				c := &state.Clusters[rapid.IntRange(0, len(state.Clusters)-1).Draw(t, "cluster")]
				switch rapid.IntRange(0, 3).Draw(t, "what") {
				case 0:
					c.Ready = rapid.SampledFrom([]federation.Readiness{federation.ReadyTrue, federation.ReadyFalse}).Draw(t, "ready")
				case 1:
					c.Leaving = rapid.SampledFrom([]string{"", "drained"}).Draw(t, "leaving")
				case 2:
					c.Used = rapid.SampledFrom([]float64{0, 0.9, 1}).Draw(t, "used")
				case 3:
					c.Region = rapid.SampledFrom([]string{"", "mk", "us", "de"}).Draw(t, "region")
				}
			}
			var judged []int
			if rapid.Bool().Draw(t, "other verdicts") {
				for _, p := range table.State.Functions.At(0).Placements {
					probes[p.Target.Value()] = health.Verdict{State: rapid.SampledFrom([]health.State{health.Up, health.Down, health.Unknown}).Draw(t, "probe")}
				}
				judged = []int{0}
			}
			table = Compile(state, table.Options, table)
			standing = table.Restand(verdicts, standing, judged)
			if !alike(standing, table.Stand(verdicts, nil)) {
				t.Fatal("it differs from a new Standing")
			}
			if table.Restand(verdicts, standing, nil) != standing {
				t.Fatal("an unchanged Standing is not reused")
			}
		}
	})
}
