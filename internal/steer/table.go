package steer

import (
	"hash/fnv"
	"net/netip"
	"slices"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/locate"
)

// Options are what the operator decides about steering.
type Options struct {
	Site Site
	// Policy is for functions that name none.
	Policy string
	// Horizons are all but the default one.
	Horizons []string
	// Locations is the table whose IDs queries carry.
	Locations *locate.Table
}

// Table is a State compiled for answering.
type Table struct {
	State *federation.State
	Options

	home   int   // the site's own cluster, or -1
	here   place // where the site is
	orders []Order
	// local are the locations whose clients are at this site; they use the
	// Standing's order, which knows what was measured.
	local     []bool
	functions []compiled
}

// compiled is what a query needs of one function.
type compiled struct {
	policy   Policy
	modifier *Modifier
	seed     uint64
	anycast  bool
	// perClient is set where clients of one location get different clusters.
	perClient bool
	// v4 and v6 say whether any placement has an address of the family.
	v4, v6 bool
}

// Compile makes the Table of a state.
func Compile(state *federation.State, opts Options) *Table {
	t := &Table{State: state, Options: opts, home: state.ClusterIndex(opts.Site.Cluster)}
	t.here = place{opts.Site.Region, opts.Site.Zones, opts.Site.Coordinates}
	if t.home >= 0 {
		c := &state.Clusters[t.home]
		t.here = place{c.Region, c.Zones, c.Coordinates}
	}
	if t.here.coordinates == nil {
		t.here.coordinates = centre(state.Clusters, t.here.region)
	}
	t.orders = make([]Order, opts.Locations.Len())
	t.local = make([]bool, opts.Locations.Len())
	for id := range t.orders {
		l := opts.Locations.Location(locate.ID(id))
		if t.local[id] = l.Region == "" || t.isHere(l); !t.local[id] {
			t.orders[id] = t.orderFrom(t.placeOf(l))
		}
	}
	interned := map[string]*Modifier{}
	t.functions = make([]compiled, len(state.Functions))
	for i, f := range state.Functions {
		t.functions[i] = t.compile(f, interned)
	}
	return t
}

// isHere reports whether a location's clients are at this site: in its zone, or
// in its region where the location names no zone.
func (t *Table) isHere(l locate.Location) bool {
	if l.Region != t.here.region {
		return false
	}
	return l.Zone == "" || len(t.here.zones) == 0 || slices.Contains(t.here.zones, l.Zone)
}

func (t *Table) compile(f *federation.Function, interned map[string]*Modifier) compiled {
	name := f.Policy
	if name == "" {
		name = t.Policy
	}
	c := compiled{policy: policies[name], seed: seedOf(f)}
	if name == "failover" || name == "weighted" {
		c.modifier = t.modifier(f, interned)
	}
	c.perClient = name == "weighted"
	for i := range f.Placements {
		for _, e := range f.Placements[i].Endpoints {
			c.v4, c.v6 = c.v4 || len(e.V4) > 0, c.v6 || len(e.V6) > 0
		}
	}
	c.anycast = len(f.VIPs) > 0 && (name == "anycast" || len(f.Placements) == 0)
	return c
}

// seedOf is the same in every process: two servers of one site must send one
// client to one cluster.
func seedOf(f *federation.Function) uint64 {
	h := fnv.New64a()
	h.Write([]byte(f.String()))
	return h.Sum64()
}

// PolicyOf returns the name of the policy that orders the function.
func (t *Table) PolicyOf(function int) string {
	if p := t.State.Functions[function].Policy; p != "" {
		return p
	}
	return t.Policy
}

// HasFamily reports whether any placement of the function has an IPv6 address,
// or an IPv4 address.
func (t *Table) HasFamily(function int, v6 bool) bool {
	if v6 {
		return t.functions[function].v6
	}
	return t.functions[function].v4
}

// Question is one client's wish for one function.
type Question struct {
	// Function indexes State.Functions.
	Function int
	Location locate.ID
	// Horizon is 0 for the default one, else 1 + its index in Options.Horizons.
	Horizon int
	// Client is the address that the client is known by.
	Client netip.Addr
	// Window numbers the spans of time in which a client keeps its cluster.
	Window int64
}

// Choice is what to answer.
type Choice struct {
	// Cluster indexes State.Clusters; -1 where there is no candidate.
	Cluster int
	Tier    Tier
	// Anycast is set where the function's VIPs are the answer.
	Anycast bool
	// Steered is set where the answer depends on who asks, PerClient where it
	// differs between clients of one location.
	Steered, PerClient bool
}

// Pick answers the question. It does not allocate.
func (t *Table) Pick(s *Standing, q Question) Choice {
	c := &t.functions[q.Function]
	if c.anycast {
		return Choice{Cluster: -1, Anycast: true}
	}
	masks := s.masks(q.Function, q.Horizon)
	for tier := range masks {
		if !masks[tier].empty() {
			cluster := c.policy.Pick(masks[tier], t.input(s, c, q))
			return Choice{Cluster: cluster, Tier: Tier(tier), Steered: true, PerClient: c.perClient}
		}
	}
	return Choice{Cluster: -1}
}

// Rank appends every candidate to dst, in the order in which they would answer.
func (t *Table) Rank(dst []int, s *Standing, q Question) []int {
	c := &t.functions[q.Function]
	in := t.input(s, c, q)
	for _, mask := range s.masks(q.Function, q.Horizon) {
		for mask = slices.Clone(mask); !mask.empty(); {
			cluster := c.policy.Pick(mask, in)
			dst = append(dst, cluster)
			mask.clear(cluster)
		}
	}
	return dst
}

func (t *Table) input(s *Standing, c *compiled, q Question) Input {
	in := Input{
		Order: t.orders[q.Location], Modifier: c.modifier,
		table: t, standing: s, location: int(q.Location),
	}
	if t.local[q.Location] {
		in.Order = s.order
	}
	if c.modifier != nil {
		in.Point = point(c.seed, q.Client, q.Window)
	}
	return in
}

// point mixes its arguments evenly over 64 bits (the finaliser of SplitMix64).
func point(seed uint64, client netip.Addr, window int64) uint64 {
	raw := client.As16()
	x := seed
	for _, b := range raw {
		x = (x ^ uint64(b)) * 0x100000001b3 // FNV-1a
	}
	x += uint64(window) * 0x9e3779b97f4a7c15
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// nearness says how far the cluster is from the client.
func (in Input) nearness(cluster int) string {
	t := in.table
	if !t.local[in.location] {
		l := t.Locations.Location(locate.ID(in.location))
		return t.placeOf(l).to(&t.State.Clusters[cluster]).String()
	}
	switch rtt := in.standing.rtts[cluster]; {
	case cluster == t.home:
		return "this site"
	case rtt > 0:
		return "rtt " + rtt.Round(10*time.Microsecond).String() + ", " + t.here.to(&t.State.Clusters[cluster]).String()
	}
	return t.here.to(&t.State.Clusters[cluster]).String()
}
