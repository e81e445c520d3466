package steer

import (
	"slices"

	"github.com/nearcast/nearcast/internal/base/vector"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/policy"
	"github.com/nearcast/nearcast/internal/steering/locate"
)

// Options are the operator's choices for steering.
type Options struct {
	Site Site
	// Policy applies to functions that name none.
	Policy *policy.Rule
	// WhenDown applies to functions that say nothing of it themselves, unless Policy does; nil
	// answers with all candidates.
	WhenDown *policy.WhenDown
	// Horizons are all horizons except the default one.
	Horizons []string
	// Independent allows each address family to be answered from a different cluster.
	Independent bool
	Load        Load
	Drains      []Drain
	// Locations is the table to which the location IDs in queries refer.
	Locations *locate.Table
}

// Table is a State compiled for answering queries.
type Table struct {
	State *federation.State
	Options

	home int   // the site's own cluster, or -1
	here place // where the site is
	*geography
	// rule is the compiled form of Options.Policy.
	rule  *rule
	costs []float64
	// seeds are hashes of the clusters' names.
	seeds     []uint64
	functions vector.Vector[compiled]
	// drained says, by cluster, why it is drained at this site.
	drained []string
	// shed says, by cluster, which share of the clients leaves it.
	shed []shedding
	*memo
}

// memo stores values that functions have in common. It is passed on from Table to Table,
// and is used only while the next Table is made.
type memo struct {
	modifiers map[string]*Modifier
	standings map[string]*functionStanding
}

// mostInterned bounds the values that a memo holds: beyond it the memo starts over, and
// values in use stay in use.
const mostInterned = 1 << 14

func newMemo() *memo {
	return &memo{modifiers: map[string]*Modifier{}, standings: map[string]*functionStanding{}}
}

// geography is derived from where clusters and locations are. Most changes of a State do
// not affect it.
type geography struct {
	orders []Order
	// latencies are estimates in milliseconds, by location and cluster.
	latencies [][]float32
	// local marks the locations whose clients are at this site; they use the Standing's
	// order and latencies, which include measurements.
	local []bool
}

// Compile makes the Table of a state. It reuses what did not change since before, which
// may be nil. Tables that are derived from one another must be made by one goroutine.
func Compile(state *federation.State, opts Options, before *Table) *Table {
	t := &Table{State: state, Options: opts, home: state.ClusterIndex(opts.Site.Cluster), rule: newRule(opts.Policy)}
	t.here = place{opts.Site.Region, opts.Site.Zones, opts.Site.Coordinates}
	if t.home >= 0 {
		c := &state.Clusters[t.home]
		t.here = placeOf(c)
	}
	if t.here.coordinates == nil {
		t.here.coordinates = centre(state.Clusters, t.here.region)
	}
	t.drained, t.shed = make([]string, len(state.Clusters)), make([]shedding, len(state.Clusters))
	t.costs, t.seeds = make([]float64, len(state.Clusters)), make([]uint64, len(state.Clusters))
	for i := range state.Clusters {
		t.costs[i], t.seeds[i] = state.Clusters[i].Price(), seedOf(state.Clusters[i].Name)
		t.drained[i], t.shed[i] = t.clusterDrain(&state.Clusters[i]), t.sheddingOf(&state.Clusters[i])
	}
	if before != nil && before.Locations == opts.Locations && t.sameGeography(before) {
		t.geography = before.geography
	} else {
		t.geography = t.survey()
	}
	t.compileFrom(before)
	return t
}

// sameClusters reports whether masks, modifiers and classes have the same meaning in
// both.
func (t *Table) sameClusters(before *Table) bool {
	return t.Independent == before.Independent && slices.Equal(t.Horizons, before.Horizons) &&
		slices.EqualFunc(t.State.Clusters, before.State.Clusters, func(a, b federation.Cluster) bool { return a.Name == b.Name })
}

// survey orders the clusters for every location.
func (t *Table) survey() *geography {
	g := &geography{
		orders:    make([]Order, t.Locations.Len()),
		latencies: make([][]float32, t.Locations.Len()),
		local:     make([]bool, t.Locations.Len()),
	}
	for id := range g.orders {
		l := t.Locations.Location(locate.ID(id))
		if g.local[id] = l.Region == "" && l.Coordinates == nil || t.isHere(l); !g.local[id] {
			from := t.placeOf(l)
			g.orders[id], g.latencies[id] = t.orderFrom(from), t.latenciesFrom(from)
		}
	}
	return g
}

// sameGeography reports whether all that survey reads is unchanged.
func (t *Table) sameGeography(before *Table) bool {
	return t.home == before.home && t.here.equal(before.here) &&
		slices.EqualFunc(t.State.Clusters, before.State.Clusters, func(a, b federation.Cluster) bool {
			return a.Name == b.Name && placeOf(&a).equal(placeOf(&b))
		})
}

// isHere reports whether a location's clients are at this site: in its zone, or in its
// region if the location names no zone.
func (t *Table) isHere(l locate.Location) bool {
	if l.Region == "" || l.Region != t.here.region {
		return false
	}
	return l.Zone == "" || len(t.here.zones) == 0 || slices.Contains(t.here.zones, l.Zone)
}

// RuleOf returns the rule that orders the function's candidates.
func (t *Table) RuleOf(f *federation.Function) *policy.Rule {
	if f.Policy != nil {
		return f.Policy
	}
	return t.Policy
}

// Placements returns the placements of the function.
func (t *Table) Placements(function int) federation.Placements {
	return t.functions.Ptr(function).placements
}

// HasFamily reports whether any placement of the function has an IPv6 address (if v6 is
// set) or an IPv4 address.
func (t *Table) HasFamily(function int, v6 bool) bool {
	c := t.functions.Ptr(function)
	if v6 {
		return c.v6
	}
	return c.v4
}
