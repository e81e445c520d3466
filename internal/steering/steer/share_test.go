package steer

import (
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/policy"
	"github.com/nearcast/nearcast/internal/steering/health"
)

// TestAShareMovesItsOwnClientsAlone drains more and more of a cluster, by its annotation or at the site,
// and then nothing: at each step more of its clients leave, none returns, no other client moves, and in
// the end all are where they were.
func TestAShareMovesItsOwnClientsAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table, _, _ := drawWorld(t)
		drained := rapid.IntRange(0, len(table.State.Clusters)-1).Draw(t, "cluster")
		atSite := rapid.Bool().Draw(t, "at the site")
		up := func(federation.SharedTarget) health.Verdict { return health.Verdict{State: health.Up} }
		at := func(share federation.Eighths, before *Table) *Table {
			state := &federation.State{Clusters: slices.Clone(table.State.Clusters), Functions: table.State.Functions}
			options := table.Options
			if atSite && share > 0 {
				options.Drains = []Drain{{Kind: DrainCluster, Pattern: state.Clusters[drained].Name, Share: share}}
			} else if !atSite {
				state.Clusters[drained].Shed = share
			}
			return Compile(state, options, before)
		}
		var clients []Question
		for range 40 {
			clients = append(clients, drawQuestion(t))
		}
		first := at(0, nil)
		standing := first.Stand(up, nil)
		answers := func(t *Table, s *Standing) (all []Choice) {
			for _, q := range clients {
				all = append(all, t.Pick(s, q))
			}
			return all
		}
		before, last, current := answers(first, standing), answers(first, standing), first
		for share := range federation.Everybody + 1 {
			current = at(share, current)
			if standing = current.Restand(up, standing, nil); !alike(standing, current.Stand(up, nil)) {
				t.Fatalf("at %s: it differs from a new Standing", share)
			}
			now := answers(current, standing)
			for i := range clients {
				switch {
				case before[i].Cluster != drained && now[i].Cluster != before[i].Cluster:
					t.Fatalf("at %s: a client of %d moved to %d", share, before[i].Cluster, now[i].Cluster)
				case last[i].Cluster != drained && now[i].Cluster != last[i].Cluster:
					t.Fatalf("at %s: a client moved again, from %d to %d", share, last[i].Cluster, now[i].Cluster)
				}
			}
			last = now
		}
		current = at(0, current)
		standing = current.Restand(up, standing, nil)
		for i, now := range answers(current, standing) {
			if now != before[i] {
				t.Fatalf("without a drain: %+v, before it was %+v", now, before[i])
			}
		}
	})
}

// TestAShareIsAsLargeAsItSays counts the clients of a thousand networks.
func TestAShareIsAsLargeAsItSays(t *testing.T) {
	state := world(function(federation.Annotated{}))
	for share := range federation.Everybody + 1 {
		options := Options{Site: Site{Cluster: "us-azure"}, Policy: policy.Default, Locations: table, Load: DefaultLoad}
		if share > 0 {
			options.Drains = []Drain{{Kind: DrainRegion, Pattern: "us*", Share: share}}
		}
		compiled := Compile(state, options, nil)
		s := compiled.Stand(Unprobed, nil)
		moved := 0
		for i := range 1000 {
			q := Question{Client: netip.AddrFrom4([4]byte{100, byte(64 + i/250), byte(i % 250), 1})} // a /24 each
			q.Location, _ = table.Lookup(netip.MustParseAddr("10.2.0.1"))
			if compiled.State.Clusters[compiled.Pick(s, q).Cluster].Name != "us-azure" {
				moved++
			}
		}
		if want := 1000 * int(share) / 8; moved < want-50 || moved > want+50 {
			t.Errorf("%s: %d of 1000 networks moved", share, moved)
		}
	}
}
