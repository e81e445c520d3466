// Package build makes a federation.State of what sources staged: which function has which
// names, addresses and VIPs, and where each may run. It decides between objects that want
// the same, and names what it refuses.
//
// It is pure: a Builder belongs to one goroutine, and the States that it makes are immutable.
package build

import (
	"net/netip"
	"reflect"
	"slices"

	"github.com/nearcast/nearcast/internal/base/index"
	"github.com/nearcast/nearcast/internal/base/vector"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/staging"
)

// Builder makes States of a Store, each from the previous one: a change touches one of a hundred
// thousand functions, and the others stay as they are. A Builder belongs to one goroutine and one
// Store. The zero Builder has built nothing yet.
//
// The cost of a build follows from what changed; only changes of clusters and gateways
// touch every function.
type Builder struct {
	Options
	read     staging.Cookie // how far the Store has been read
	in       staged
	clusters []*federation.Cluster
	entries  index.Index[federation.Ref, *entry]
	// hostnames decides which of the entries that ask for a hostname gets it.
	hostnames contest[string, *entry]
	// owners caches the owners of the hostnames that this build has looked up.
	owners map[string]*entry
	// namespaces counts the templates of each namespace.
	namespaces map[string]int
	// touchedNames are the hostnames for which an asking entry was touched since the last
	// build.
	touchedNames map[string]bool
	// below holds the entries that ask for names at or below a name: see Builder.watch.
	below map[string]askers
	vips
	// users holds entries by the workloads that they looked at, if these have another
	// name than the template: see touchUsers.
	users map[federation.Ref]askers
	// selecting holds entries by one of the labels by which they select workloads.
	selecting index.Index[label, askers]
	// probers holds entries by the names on which their probe's host depends.
	probers map[string][]*entry
	faults  faults
	// lookups are the resolved addresses of load balancers' names.
	lookups map[string]*lookup

	// shared are placements that several functions use.
	shared map[likeness]*federation.Placement
	lists  lists

	opened rare // of the entry between open and close

	// What changed since the last build.
	first           bool // everything: nothing has been built since forget
	stale           []*entry
	newWorkloads    []*federation.Workload
	clustersChanged bool
	changedVIPs     map[netip.Addr]bool // added or removed
	lookupsChanged  bool

	state federation.State
	free  []int32 // unused indices of State.Functions
}

// entry is one template and everything derived from it.
type entry struct {
	template *federation.Template
	function *federation.Function
	index    int32 // of the function; -1 without one
	stale    bool
	gone     bool // the template was deleted
	// asked are the hostnames that the entry may have unless another entry has them.
	asked []string
	// rare is never nil. Entries that have nothing of it share one: it is only changed between open and
	// close.
	*rare
}

// rare is what few entries have.
type rare struct {
	// vips are the annotated VIPs that its claims allow.
	vips []netip.Addr
	// barred are the faults because of which it may not have other hostnames or VIPs, or
	// is not a function.
	barred []federation.Fault
	faults []federation.Fault
	needs  needs
}

// none is the rare of every entry that has nothing of it.
var none = &rare{}

// open lets the rare of the entry be changed, until close. One entry is open at a time.
func (b *Builder) open(e *entry) {
	b.opened = *e.rare
	e.rare = &b.opened
}

func (b *Builder) close(e *entry) { e.rare = b.opened.kept() }

// kept returns what an entry keeps of r.
func (r rare) kept() *rare {
	if r.vips == nil && r.barred == nil && r.faults == nil && r.needs.nothing() {
		return none
	}
	return new(r)
}

// is reports whether the entry is that of the template with the reference.
func (e *entry) is(ref federation.Ref) bool { return e.template.Ref() == ref }

// asks reports whether the entry asks for the hostname and may have it.
func (e *entry) asks(hostname string) bool { return slices.Contains(e.asked, hostname) }

// forget resets b as if it had never built; indices start at 0 again.
func (b *Builder) forget() {
	*b = Builder{
		Options: b.Options, in: newStaged(), entries: index.New((*entry).is), hostnames: newContest((*entry).asks, b.beats), vips: newVIPs(),
		owners: map[string]*entry{}, touchedNames: map[string]bool{}, namespaces: map[string]int{}, below: map[string]askers{},
		users: map[federation.Ref]askers{}, selecting: index.New(askers.selectBy), faults: faults{in: map[string]*faultsOf{}, changed: true}, lookups: map[string]*lookup{},
		shared: map[likeness]*federation.Placement{}, first: true, clustersChanged: true, changedVIPs: map[netip.Addr]bool{},
	}
}

// Build makes a State of what the store holds, from the last State that b made of it and
// the changes since.
func (b *Builder) Build(s *staging.Store, opts Options) *federation.State {
	b.Options = opts
	b.read = s.Changes(b.read, b.take)
	return b.build()
}

// take stages what changed.
func (b *Builder) take(changes staging.Changes) {
	if changes.Everything {
		b.forget()
	}
	for c := range changes.Objects {
		b.stage(c.Was, c.Is)
		b.faults.stage(c.Ref, c.Faults)
	}
	b.faults.stageFiles(changes.Files)
}

func (b *Builder) build() *federation.State {
	b.touchAll(b.settleClusters())
	b.touchSelectors()
	b.touchResolved()
	b.settle(b.newPass())
	return b.end()
}

// settleClusters reports whether placements may have changed because of the clusters.
func (b *Builder) settleClusters() (moved bool) {
	if !b.clustersChanged {
		return false
	}
	all := b.in.sortedClusters()
	b.state.Clusters = make([]federation.Cluster, 0, len(all))
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

// samePlace reports whether the two clusters lead to the same placements.
func samePlace(a, b *federation.Cluster) bool {
	return a == b || a.Name == b.Name && reflect.DeepEqual(a.Gateways, b.Gateways)
}

// settle makes the functions of the stale entries again and puts them into the State.
func (b *Builder) settle(now *pass) {
	functions := b.state.Functions.Edit()
	for b.touchDisputed(); len(b.stale) > 0; b.touchDisputed() { // an entry's address may be a VIP of others
		stale := sorted(b.stale)
		b.stale = nil
		for _, e := range stale {
			e.stale = false
			now.renew(e)
			b.seat(e, functions)
			if e.gone {
				b.entries.Delete(e.template.Ref())
			}
		}
	}
	b.state.Functions = functions.Vector()
}

// sorted sorts the entries by their references. It reads each reference once: a hundred thousand of
// them do not fit into the processor's cache.
func sorted(entries []*entry) []*entry {
	type byRef struct {
		federation.Ref
		*entry
	}
	all := make([]byRef, len(entries))
	for i, e := range entries {
		all[i] = byRef{e.template.Ref(), e}
	}
	slices.SortFunc(all, func(one, other byRef) int { return one.Ref.Compare(other.Ref) })
	for i := range all {
		entries[i] = all[i].entry
	}
	return entries
}

// seat puts the entry's function at its previous index, or at a free one.
func (b *Builder) seat(e *entry, functions *vector.Editor[*federation.Function]) {
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
func (b *Builder) refusals() []federation.Fault {
	all := b.faults.list()
	if len(b.clusters) > maxClusters {
		all = append(all, b.clusters[maxClusters].Fault("", "exceeds the limit of %d clusters for a federation, as do all clusters after it", maxClusters))
	}
	return slices.Clip(all) // the site appends its own
}

// end assembles the State.
func (b *Builder) end() *federation.State {
	if b.faults.changed {
		b.state.Faults = b.refusals()
	}
	if b.lookupsChanged {
		b.state.Lookups = b.needed()
	}
	b.newWorkloads, b.first = nil, false
	b.owners, b.touchedNames = map[string]*entry{}, map[string]bool{} // which keep the room of the largest build if cleared
	b.clustersChanged, b.faults.changed, b.lookupsChanged = false, false, false
	clear(b.changedVIPs)
	state := b.state
	return &state
}
