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
	// Policy is for functions that name none; it is a *Rule.
	Policy federation.Policy
	// Horizons are all but the default one.
	Horizons []string
	// Independent lets each address family be answered from a cluster of its own.
	Independent bool
	Load        Load
	Drains      []Drain
	// Locations is the table whose IDs queries carry.
	Locations *locate.Table
}

// Table is a State compiled for answering.
type Table struct {
	State *federation.State
	Options

	home int   // the site's own cluster, or -1
	here place // where the site is
	*geography
	costs []float64
	// seeds are a hash of each cluster's name.
	seeds     []uint64
	functions []compiled
	// drained says by cluster why it is drained at this site.
	drained []string
}

// geography is what follows from where clusters and locations are. Most changes
// of a State leave it as it is.
type geography struct {
	orders []Order
	// latencies are estimates in milliseconds, by location and cluster.
	latencies [][]float32
	// local are the locations whose clients are at this site; they use the
	// Standing's order and latencies, which know what was measured.
	local []bool
}

// compiled is what a query needs of one function.
type compiled struct {
	rule     *Rule
	modifier *Modifier
	seed     uint64
	anycast  bool
	all      bool
	grain    Grain
	// v4 and v6 say whether any placement has an address of the family.
	v4, v6 bool
	// drained says why the function is drained at this site; "" if it is not.
	drained string
}

// Compile makes the Table of a state. From before, which may be nil, it takes
// what did not change.
func Compile(state *federation.State, opts Options, before *Table) *Table {
	t := &Table{State: state, Options: opts, home: state.ClusterIndex(opts.Site.Cluster)}
	t.here = place{opts.Site.Region, opts.Site.Zones, opts.Site.Coordinates}
	if t.home >= 0 {
		c := &state.Clusters[t.home]
		t.here = place{c.Region, c.Zones, c.Coordinates}
	}
	if t.here.coordinates == nil {
		t.here.coordinates = centre(state.Clusters, t.here.region)
	}
	t.drained = make([]string, len(state.Clusters))
	t.costs, t.seeds = make([]float64, len(state.Clusters)), make([]uint64, len(state.Clusters))
	for i := range state.Clusters {
		t.costs[i], t.seeds[i] = state.Clusters[i].Price(), seedOf(state.Clusters[i].Name)
		t.drained[i] = t.clusterDrain(&state.Clusters[i])
	}
	if before != nil && before.Locations == opts.Locations && t.sameGeography(before) {
		t.geography = before.geography
	} else {
		t.geography = t.survey()
	}
	interned := map[string]*Modifier{}
	t.functions = make([]compiled, len(state.Functions))
	for i, f := range state.Functions {
		t.functions[i] = t.compile(f, interned)
	}
	return t
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

// sameGeography reports whether all that survey reads is as it was.
func (t *Table) sameGeography(before *Table) bool {
	return t.home == before.home && t.here.equal(before.here) &&
		slices.EqualFunc(t.State.Clusters, before.State.Clusters, func(a, b federation.Cluster) bool {
			return a.Name == b.Name && placeOf(&a).equal(placeOf(&b))
		})
}

// isHere reports whether a location's clients are at this site: in its zone, or
// in its region where the location names no zone.
func (t *Table) isHere(l locate.Location) bool {
	if l.Region == "" || l.Region != t.here.region {
		return false
	}
	return l.Zone == "" || len(t.here.zones) == 0 || slices.Contains(t.here.zones, l.Zone)
}

func (t *Table) compile(f *federation.Function, interned map[string]*Modifier) compiled {
	rule := t.RuleOf(f)
	c := compiled{rule: rule, seed: seedOf(f.String()), drained: t.drainOf(DrainFunction, f.Namespace+"/"+f.Name)}
	if p, ok := rule.Policy.(modifying); ok {
		c.modifier = intern(interned, p.modifier(t, f))
	}
	if p, ok := rule.Policy.(grained); ok {
		c.grain = p.grain()
	}
	_, c.all = rule.Policy.(interface{ all() })
	for i := range f.Placements {
		for _, e := range f.Placements[i].Endpoints {
			c.v4, c.v6 = c.v4 || len(e.V4) > 0, c.v6 || len(e.V6) > 0
		}
	}
	c.anycast = len(f.VIPs) > 0 && (rule.name == "anycast" || len(f.Placements) == 0)
	return c
}

func intern(interned map[string]*Modifier, m *Modifier) *Modifier {
	key := m.key()
	if same := interned[key]; same != nil {
		return same
	}
	interned[key] = m
	return m
}

// seedOf is the same in every process: two servers of one site must send one
// client to one cluster.
func seedOf(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return mix(h.Sum64())
}

// RuleOf returns the rule that orders the function's candidates.
func (t *Table) RuleOf(f *federation.Function) *Rule {
	if f.Policy != nil {
		return f.Policy.(*Rule)
	}
	return t.Policy.(*Rule)
}

// HasFamily reports whether any placement of the function has an IPv6 address,
// or an IPv4 address.
func (t *Table) HasFamily(function int, v6 bool) bool {
	if v6 {
		return t.functions[function].v6
	}
	return t.functions[function].v4
}

// Family is an address family that a question is limited to.
type Family uint8

// The families of a Question.
const (
	AnyFamily Family = iota
	V4
	V6
	families
)

// Question is one client's wish for one function.
type Question struct {
	// Function indexes State.Functions.
	Function int
	Location locate.ID
	// Horizon is 0 for the default one, else 1 + its index in Options.Horizons.
	Horizon int
	// Family counts where families are independent, and is else ignored.
	Family Family
	// Client is the address that the client is known by.
	Client netip.Addr
	// Turn numbers the draws of a client. Questions that must agree, such as those
	// for A and AAAA, have one turn.
	Turn uint64
}

// Choice is what to answer.
type Choice struct {
	// Cluster indexes State.Clusters; -1 where there is no candidate.
	Cluster int
	Tier    Tier
	// Anycast is set where the function's VIPs are the answer.
	Anycast bool
	// All is set where every candidate of the tier is the answer.
	All bool
	// Steered is set where the answer depends on who asks, and Grain says how finely.
	Steered bool
	Grain   Grain
	// Probed is set where probes can end the answer, Shaky where the next one may.
	Probed, Shaky bool
}

// Pick answers the question. It does not allocate.
func (t *Table) Pick(s *Standing, q Question) Choice {
	c := &t.functions[q.Function]
	if c.anycast {
		return Choice{Cluster: -1, Anycast: true}
	}
	at := s.functions[q.Function]
	r := &at.ranks[t.class(q)]
	for tier := range r.tiers {
		if r.tiers[tier].empty() {
			continue
		}
		in := t.input(s, c, q)
		choice := Choice{Tier: Tier(tier), Steered: true, Grain: c.grain, All: c.all}
		mask := r.tiers[tier]
		if Tier(tier) == Up && r.spare != nil {
			mask, choice.Grain = r.spare[in.step()], max(c.grain, ByPrefix)
		}
		choice.Cluster = c.rule.Pick(mask, in)
		choice.Probed, choice.Shaky = at.probed.has(choice.Cluster), at.shaky.has(choice.Cluster)
		return choice
	}
	return Choice{Cluster: -1}
}

// Rank appends every candidate to dst, in the order in which they would answer.
func (t *Table) Rank(dst []int, s *Standing, q Question) []int {
	for tier := range Tiers {
		dst = t.RankTier(dst, s, q, Tier(tier))
	}
	return dst
}

// RankTier appends the tier's candidates to dst, in the order in which they
// would answer.
func (t *Table) RankTier(dst []int, s *Standing, q Question, tier Tier) []int {
	c := &t.functions[q.Function]
	in := t.input(s, c, q)
	r := &s.functions[q.Function].ranks[t.class(q)]
	left := slices.Clone(r.tiers[tier])
	take := func(mask Mask) {
		for !mask.empty() {
			cluster := c.rule.Pick(mask, in)
			dst = append(dst, cluster)
			mask.clear(cluster)
			left.clear(cluster)
		}
	}
	if tier == Up && r.spare != nil {
		take(slices.Clone(r.spare[in.step()]))
	}
	take(left)
	return dst
}

// class indexes a function's ranks.
func (t *Table) class(q Question) int {
	if !t.Independent {
		return q.Horizon
	}
	return q.Horizon*int(families) + int(q.Family)
}

func (t *Table) input(s *Standing, c *compiled, q Question) Input {
	in := Input{Order: t.orders[q.Location], Modifier: c.modifier, question: q, seed: c.seed, table: t, standing: s}
	if t.local[q.Location] {
		in.Order = s.order
	}
	return in
}

// latency returns estimates of the round-trip time to each cluster, in
// milliseconds.
func (in *Input) latency() []float32 {
	if in.table.local[in.question.Location] {
		return in.standing.latency
	}
	return in.table.latencies[in.question.Location]
}

// StickyPrefix returns how many bits of an address tell apart clients that
// sticky policies and shed load tell apart: what one site or home is given.
func StickyPrefix(a netip.Addr) int {
	if a.Is4() {
		return 24
	}
	return 56
}

// client is a number for the client's prefix and the function, spread evenly.
func (in *Input) client() uint64 {
	a := in.question.Client
	if !a.IsValid() {
		return mix(in.seed)
	}
	raw, keep := a.As16(), StickyPrefix(a)
	if a.Is4() {
		keep += 96
	}
	return in.hash(raw[:keep/8])
}

// draw is a number for the client, the function and the turn, spread evenly over
// clients and functions, and more evenly than that over turns.
func (in *Input) draw() uint64 {
	raw := in.question.Client.As16()
	const golden = 0x9e3779b97f4a7c15 // 2^64 / φ
	return in.hash(raw[:]) + in.question.Turn*golden
}

// step is the client's share of load to shed: see ranks.spare.
func (in *Input) step() int {
	return int(mix(in.client()+1) >> (64 - stepBits))
}

func (in *Input) hash(data []byte) uint64 {
	x := in.seed
	for _, b := range data {
		x = (x ^ uint64(b)) * 0x100000001b3 // FNV-1a
	}
	return mix(x)
}

// mix spreads x evenly over 64 bits (the finaliser of SplitMix64).
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// nearness says how far the cluster is from the client.
func (in *Input) nearness(cluster int) string {
	t := in.table
	if !t.local[in.question.Location] {
		l := t.Locations.Location(in.question.Location)
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
