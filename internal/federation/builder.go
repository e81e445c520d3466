package federation

import (
	"maps"
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

// needs are what an entry depends on, beside what has its template's name.
type needs struct {
	workloads []Ref        // that are in Builder.users
	lookups   []string     // that are in Builder.lookups
	hosts     []string     // that are in Builder.probers
	occupied  []netip.Addr // VIPs of others that are addresses of its own
}

// lookup is one name of load balancers.
type lookup struct {
	endpoint Endpoint
	users    map[*entry]bool
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

// touch has the entry, which may be nil, made anew.
func (b *Builder) touch(e *entry) {
	if e != nil && !e.stale {
		e.stale = true
		b.stale = append(b.stale, e)
	}
}

// touchUsers touches the entries that looked at the resource's binding, or at the
// workload: templates of its own name look without being told to.
func (b *Builder) touchUsers(resource Ref) {
	b.touch(b.entries[resource])
	b.touch(b.entries[Ref{Kind: "Service", Namespace: resource.Namespace, Name: resource.Name}])
	b.touch(b.entries[Ref{Group: "networking.k8s.io", Kind: "Ingress", Namespace: resource.Namespace, Name: resource.Name}])
	for e := range b.users[resource].all() {
		b.touch(e)
	}
}

// touchAll touches every entry where moved says so, or else those that may answer with
// a VIP that came or is gone; it then looks at all of them, which allocates nothing and
// takes about a hundred milliseconds for a hundred thousand functions in eight clusters.
func (b *Builder) touchAll(moved bool) {
	if len(b.otherVIPs) == 0 && !moved {
		return
	}
	other := func(a netip.Addr) bool { return b.otherVIPs[a] }
	for _, e := range b.entries {
		if moved || b.mayAnswer(e, other) {
			b.touch(e)
		}
	}
}

// mayAnswer reports whether one of the entry's own addresses, beside gateways, is such.
func (b *Builder) mayAnswer(e *entry, such func(netip.Addr) bool) bool {
	if e.gone {
		return false
	}
	for _, byCluster := range e.template.Fixed {
		for _, fixed := range byCluster {
			if fixed.any(such) {
				return true
			}
		}
	}
	if binding := b.in.bindings.holder[e.template.Ref]; binding != nil {
		for _, member := range binding.Members {
			if member.Observed().LoadBalancer.any(such) {
				return true
			}
		}
	}
	return e.needs != nil && slices.ContainsFunc(e.needs.lookups, func(name string) bool { return b.lookups[name].endpoint.any(such) })
}

// touchSelectors touches the entries whose selectors may match workloads that are new.
func (b *Builder) touchSelectors() {
	seen := map[label]bool{}
	for _, w := range b.otherWork {
		for k, v := range w.PodLabels {
			l := label{w.Namespace, k, v}
			if seen[l] {
				continue
			}
			seen[l] = true
			for e := range b.selecting[l].all() {
				b.touch(e)
			}
		}
	}
}

// touchResolved touches the entries for which a load balancer's name has other
// addresses now.
func (b *Builder) touchResolved() {
	if b.Resolve == nil {
		return
	}
	for name, l := range b.lookups {
		e, _ := b.Resolve(name)
		if !e.equal(l.endpoint) {
			l.endpoint = e
			for user := range l.users {
				b.touch(user)
			}
		}
	}
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

// use notes what the entry needs now.
func (b *Builder) use(e *entry, now needs) {
	var before needs
	if e.needs != nil {
		before = *e.needs
	}
	if !slices.Equal(before.workloads, now.workloads) {
		for _, ref := range before.workloads {
			leave(b.users, ref, e)
		}
		for _, ref := range now.workloads {
			b.users[ref] = b.users[ref].with(e)
		}
	}
	for _, name := range before.lookups {
		delete(b.lookups[name].users, e)
	}
	for _, name := range now.lookups {
		b.lookups[name].users[e] = true
	}
	b.otherLookups = b.otherLookups || !slices.Equal(before.lookups, now.lookups)
	for _, name := range before.lookups {
		if len(b.lookups[name].users) == 0 {
			delete(b.lookups, name)
			b.otherLookups = true
		}
	}
	b.useHosts(e, before.hosts, now.hosts)
	b.occupy(e, before.occupied, now.occupied)
	if e.needs = nil; now.workloads != nil || now.lookups != nil || now.hosts != nil || now.occupied != nil {
		e.needs = new(now) // only here, as it is seldom needed
	}
}

func without[T comparable](all []T, one T) []T {
	return slices.DeleteFunc(all, func(o T) bool { return o == one })
}

// addressesOf returns what the name of a load balancer is resolved to.
func (b *Builder) addressesOf(name string) Endpoint {
	l := b.lookups[name]
	if l == nil {
		l = &lookup{users: map[*entry]bool{}}
		if b.Resolve != nil {
			l.endpoint, _ = b.Resolve(name)
		}
		b.lookups[name], b.otherLookups = l, true
	}
	return l.endpoint
}

// needed returns the names of load balancers, sorted.
func (b *Builder) needed() []Lookup {
	var all []Lookup
	for name, l := range b.lookups {
		in := map[string]bool{}
		for e := range l.users {
			in[e.template.Namespace] = true
		}
		all = append(all, Lookup{name, slices.Sorted(maps.Keys(in))})
	}
	slices.SortFunc(all, func(one, other Lookup) int { return one.Compare(other.Name) })
	return all
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
