package federation

import (
	"net/netip"
	"reflect"
	"slices"

	"github.com/nearcast/nearcast/internal/vector"
)

// Builder makes States of a Store, each from the one before: of a hundred thousand functions a
// change touches one, and the others are as they were. It belongs to one goroutine and one Store.
// The zero Builder has made none.
//
// What a build costs follows from what changed; only other clusters and other gateways
// are a matter of every function.
type Builder struct {
	Options
	read     Cookie // up to which the Store was read
	in       staged
	clusters []*Cluster
	entries  map[Ref]*entry
	// hostnames are the entries' that ask for them.
	hostnames contest[string, *entry]
	// owners are whose the hostnames are that this build has asked about.
	owners map[string]*entry
	// namespaces are how many templates each has.
	namespaces map[string]int
	// roused are the hostnames whose askers were touched since the last build.
	roused map[string]bool
	// below are the entries that ask for names at or below another's: see Builder.watch.
	below map[string]askers
	vips
	// users are the entries by the workloads that they looked at, where these have
	// another name than the template: see touchUsers.
	users map[Ref]askers
	// selecting are the entries by one of the labels that they select workloads by.
	selecting map[label]askers
	// probers are the entries by the names on which the host of their probe depends.
	probers map[string][]*entry
	faults  faults
	// lookups are what the names of load balancers were resolved to.
	lookups map[string]*lookup

	// shared are placements that functions have in common.
	shared map[likeness]*Placement
	lists  lists

	// What changed since the last build.
	stale         []*entry
	otherWork     []*Workload
	otherClusters bool
	otherVIPs     map[netip.Addr]bool // that came or are gone
	otherLookups  bool

	state State
	free  []int32 // indices of State.Functions without a function
}

// entry is one template with everything that was made of it.
type entry struct {
	template *Template
	function *Function
	index    int32 // of the function; -1 without one
	stale    bool
	gone     bool // the template is no more
	// asked are the hostnames that it may have if no other has them.
	asked []string
	// vips are the annotated ones that its claims allow.
	vips []netip.Addr
	// barred are the faults for which it may not have others, or is no function.
	barred []Fault
	faults []Fault
	needs  *needs // nil for none, as most have
}

// forget makes b as if it had never built; the indices begin at 0 again.
func (b *Builder) forget() {
	*b = Builder{
		Options: b.Options, in: newStaged(), entries: map[Ref]*entry{}, hostnames: newContest[string](b.beats), vips: newVIPs(),
		owners: map[string]*entry{}, roused: map[string]bool{}, namespaces: map[string]int{}, below: map[string]askers{},
		users: map[Ref]askers{}, selecting: map[label]askers{}, faults: faults{in: map[string]*faultsOf{}, changed: true}, lookups: map[string]*lookup{},
		shared: map[likeness]*Placement{}, otherClusters: true, otherVIPs: map[netip.Addr]bool{},
	}
}

// Build makes a State of what the store holds, from the last one that b made of it and what
// changed since.
func (b *Builder) Build(s *Store, opts Options) *State {
	b.Options = opts
	b.read = s.Changes(b.read, b.take)
	return b.build()
}

// take stages what changed.
func (b *Builder) take(changes Changes) {
	if changes.Everything {
		b.forget()
	}
	for c := range changes.Objects {
		b.stage(c.Was, c.Is)
		b.faults.stage(c.Ref, c.Faults)
	}
	b.faults.stageFiles(changes.Files)
}

func (b *Builder) build() *State {
	b.touchAll(b.settleClusters())
	b.touchSelectors()
	b.touchResolved()
	b.settle(&pass{Builder: b})
	return b.end()
}

// settleClusters reports whether placements may be others for the clusters' sake.
func (b *Builder) settleClusters() (moved bool) {
	if !b.otherClusters {
		return false
	}
	all := b.in.sortedClusters()
	b.state.Clusters = make([]Cluster, 0, len(all))
	for _, c := range all[:min(len(all), maxClusters)] {
		b.state.Clusters = append(b.state.Clusters, *c)
	}
	b.faults.changed = b.faults.changed || len(all) > maxClusters || len(b.clusters) > maxClusters
	moved = !slices.EqualFunc(b.clusters, all, samePlace)
	if b.clusters = all; moved {
		b.settleGateways()
	}
	return moved
}

// samePlace reports whether placements in the two are the same.
func samePlace(a, b *Cluster) bool {
	return a == b || a.Name == b.Name && reflect.DeepEqual(a.Gateways, b.Gateways)
}

// settle makes the stale entries anew, and gives what they were made of to the State.
func (b *Builder) settle(now *pass) {
	functions := b.state.Functions.Edit()
	for b.touchDisputed(); len(b.stale) > 0; b.touchDisputed() { // one may have others' VIP for its address
		stale := b.stale
		b.stale = nil
		slices.SortFunc(stale, func(one, other *entry) int { return one.template.compare(other.template.Ref) })
		for _, e := range stale {
			e.stale = false
			now.renew(e)
			b.seat(e, functions)
			if e.gone {
				delete(b.entries, e.template.Ref)
			}
		}
	}
	b.state.Functions = functions.Vector()
}

// seat puts the entry's function where it was before, or else where there is room.
func (b *Builder) seat(e *entry, functions *vector.Editor[*Function]) {
	switch {
	case e.function == nil && e.index < 0:
		return
	case e.function == nil:
		b.free = append(b.free, e.index)
	case e.index < 0 && len(b.free) > 0:
		e.index = b.free[len(b.free)-1]
		b.free = b.free[:len(b.free)-1]
	case e.index < 0:
		e.index = int32(functions.Len()) //nolint:gosec // a number of functions
	}
	if i := int(e.index); functions.Get(i) != e.function {
		functions.Set(i, e.function)
	}
	if e.function == nil {
		e.index = -1
	}
}

// refusals returns the faults, sorted.
func (b *Builder) refusals() []Fault {
	all := b.faults.list()
	if len(b.clusters) > maxClusters {
		all = append(all, b.clusters[maxClusters].fault("", "is more than the %d clusters that a federation may have, and so are all after it", maxClusters))
	}
	return slices.Clip(all) // the site adds its own
}

// end sums up what was built.
func (b *Builder) end() *State {
	if b.faults.changed {
		b.state.Faults = b.refusals()
	}
	if b.otherLookups {
		b.state.Lookups = b.needed()
	}
	b.otherWork = nil
	clear(b.owners)
	clear(b.roused)
	b.otherClusters, b.faults.changed, b.otherLookups = false, false, false
	clear(b.otherVIPs)
	state := b.state
	return &state
}
