package steer

import (
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/nearcast/nearcast/internal/steering/locate"
)

// TestReachIsTheSetOfClustersThatClientsAreSentTo compares an export with the answers to
// clients of the location: none is sent to another cluster, and every cluster in it is
// used.
func TestReachIsTheSetOfClustersThatClientsAreSentTo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		compiled, s, _ := drawWorld(t)
		q := drawQuestion(t)
		reach, tier, anycast := compiled.Reach(nil, s, q)
		if anycast {
			t.Fatal("anycast without a VIP")
		}
		sent := map[int]bool{}
		for i := range 16000 {
			q.Client = netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 9})
			q.Turn = uint64(i)
			choice := compiled.Pick(s, q)
			if choice.Cluster < 0 {
				if len(reach) > 0 {
					t.Fatalf("no client is sent to %v", reach)
				}
				return
			}
			sent[choice.Cluster] = true
			if choice.Tier != tier || !slices.Contains(reach, choice.Cluster) {
				t.Fatalf("%v (%s), but a client is sent to %d (%s)", reach, tier, choice.Cluster, choice.Tier)
			}
		}
		if tier == Down {
			return // all of them are answered
		}
		for _, cluster := range reach {
			if !sent[cluster] && weightOf(compiled, cluster) > 6 { // a share that this many clients cannot miss
				t.Fatalf("%v, but no client is sent to %d", reach, cluster)
			}
		}
	})
}

// weightOf is a cluster's weight, or a large one if weights do not count.
func weightOf(t *Table, cluster int) uint32 {
	if m := t.functions.At(0).modifier; m != nil && m.Weights != nil {
		return m.Weights[cluster]
	}
	return 9
}

// TestAVantageSeesWhatItsLocationSees uses each location of the table as a Vantage.
func TestAVantageSeesWhatItsLocationSees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		compiled, s, _ := drawWorld(t)
		for id := range table.Len() {
			q := Question{Location: locate.ID(id)}
			from := q
			from.From, from.Location = compiled.From(table.Location(q.Location)), locate.Nowhere
			if table.Location(q.Location) == (locate.Location{}) {
				continue // these are treated as at the site
			}
			if a, b := compiled.Rank(nil, s, q), compiled.Rank(nil, s, from); !slices.Equal(a, b) {
				t.Fatalf("%s: %v, and as a vantage %v", table.Location(q.Location), a, b)
			}
		}
	})
}
