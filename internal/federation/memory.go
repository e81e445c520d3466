package federation

import (
	"maps"
	"net/netip"
	"reflect"
	"slices"

	"github.com/nearcast/nearcast/internal/vector"
)

// Memory is what one build leaves to the next: of a hundred thousand functions a
// change touches one, and the others are as they were. It belongs to one goroutine,
// one Store and one set of Options. The zero Memory remembers nothing.
//
// What a build costs follows from what changed; only other clusters and other gateways
// are a matter of every function.
type Memory struct {
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
	// below are the entries that ask for names at or below another's: see Memory.watch.
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
	workloads []Ref        // that are in Memory.users
	lookups   []string     // that are in Memory.lookups
	hosts     []string     // that are in Memory.probers
	occupied  []netip.Addr // VIPs of others that are addresses of its own
}

// lookup is one name of load balancers.
type lookup struct {
	endpoint Endpoint
	users    map[*entry]bool
}

// forget makes m as if it had never built; the indices begin at 0 again.
func (m *Memory) forget() {
	*m = Memory{
		Options: m.Options, in: newStaged(), entries: map[Ref]*entry{}, hostnames: newContest[string](m.beats), vips: newVIPs(),
		owners: map[string]*entry{}, roused: map[string]bool{}, namespaces: map[string]int{}, below: map[string]askers{},
		users: map[Ref]askers{}, selecting: map[label]askers{}, faults: faults{in: map[string]*faultsOf{}, changed: true}, lookups: map[string]*lookup{},
		shared: map[likeness]*Placement{}, otherClusters: true, otherVIPs: map[netip.Addr]bool{},
	}
}

// touch has the entry, which may be nil, made anew.
func (m *Memory) touch(e *entry) {
	if e != nil && !e.stale {
		e.stale = true
		m.stale = append(m.stale, e)
	}
}

// touchUsers touches the entries that looked at the resource's binding, or at the
// workload: templates of its own name look without being told to.
func (m *Memory) touchUsers(resource Ref) {
	m.touch(m.entries[resource])
	m.touch(m.entries[Ref{Kind: "Service", Namespace: resource.Namespace, Name: resource.Name}])
	m.touch(m.entries[Ref{Group: "networking.k8s.io", Kind: "Ingress", Namespace: resource.Namespace, Name: resource.Name}])
	for e := range m.users[resource].all() {
		m.touch(e)
	}
}

// touchAll touches every entry where moved says so, or else those that may answer with
// a VIP that came or is gone; it then looks at all of them, which allocates nothing and
// takes about a hundred milliseconds for a hundred thousand functions in eight clusters.
func (m *Memory) touchAll(moved bool) {
	if len(m.otherVIPs) == 0 && !moved {
		return
	}
	other := func(a netip.Addr) bool { return m.otherVIPs[a] }
	for _, e := range m.entries {
		if moved || m.mayAnswer(e, other) {
			m.touch(e)
		}
	}
}

// mayAnswer reports whether one of the entry's own addresses, beside gateways, is such.
func (m *Memory) mayAnswer(e *entry, such func(netip.Addr) bool) bool {
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
	if b := m.in.bindings.holder[e.template.Ref]; b != nil {
		for _, member := range b.Members {
			if member.Observed().LoadBalancer.any(such) {
				return true
			}
		}
	}
	return e.needs != nil && slices.ContainsFunc(e.needs.lookups, func(name string) bool { return m.lookups[name].endpoint.any(such) })
}

// touchSelectors touches the entries whose selectors may match workloads that are new.
func (m *Memory) touchSelectors() {
	seen := map[label]bool{}
	for _, w := range m.otherWork {
		for k, v := range w.PodLabels {
			l := label{w.Namespace, k, v}
			if seen[l] {
				continue
			}
			seen[l] = true
			for e := range m.selecting[l].all() {
				m.touch(e)
			}
		}
	}
}

// touchResolved touches the entries for which a load balancer's name has other
// addresses now.
func (m *Memory) touchResolved() {
	if m.Resolve == nil {
		return
	}
	for name, l := range m.lookups {
		e, _ := m.Resolve(name)
		if !e.equal(l.endpoint) {
			l.endpoint = e
			for user := range l.users {
				m.touch(user)
			}
		}
	}
}

// settleClusters reports whether placements may be others for the clusters' sake.
func (m *Memory) settleClusters() (moved bool) {
	if !m.otherClusters {
		return false
	}
	all := m.in.sortedClusters()
	m.state.Clusters = make([]Cluster, 0, len(all))
	for _, c := range all[:min(len(all), maxClusters)] {
		m.state.Clusters = append(m.state.Clusters, *c)
	}
	m.faults.changed = m.faults.changed || len(all) > maxClusters || len(m.clusters) > maxClusters
	moved = !slices.EqualFunc(m.clusters, all, samePlace)
	if m.clusters = all; moved {
		m.settleGateways()
	}
	return moved
}

// samePlace reports whether placements in the two are the same.
func samePlace(a, b *Cluster) bool {
	return a == b || a.Name == b.Name && reflect.DeepEqual(a.Gateways, b.Gateways)
}

// settle makes the stale entries anew, and gives what they were made of to the State.
func (m *Memory) settle(b *builder) {
	functions := m.state.Functions.Edit()
	for m.touchDisputed(); len(m.stale) > 0; m.touchDisputed() { // one may have others' VIP for its address
		stale := m.stale
		m.stale = nil
		slices.SortFunc(stale, func(a, b *entry) int { return a.template.compare(b.template.Ref) })
		for _, e := range stale {
			e.stale = false
			b.renew(e)
			m.seat(e, functions)
			if e.gone {
				delete(m.entries, e.template.Ref)
			}
		}
	}
	m.state.Functions = functions.Vector()
}

// seat puts the entry's function where it was before, or else where there is room.
func (m *Memory) seat(e *entry, functions *vector.Editor[*Function]) {
	switch {
	case e.function == nil && e.index < 0:
		return
	case e.function == nil:
		m.free = append(m.free, e.index)
	case e.index < 0 && len(m.free) > 0:
		e.index = m.free[len(m.free)-1]
		m.free = m.free[:len(m.free)-1]
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
func (m *Memory) refusals() []Fault {
	all := m.faults.list()
	if len(m.clusters) > maxClusters {
		all = append(all, m.clusters[maxClusters].fault("", "is more than the %d clusters that a federation may have, and so are all after it", maxClusters))
	}
	return slices.Clip(all) // the site adds its own
}

// use notes what the entry needs now.
func (m *Memory) use(e *entry, now needs) {
	var before needs
	if e.needs != nil {
		before = *e.needs
	}
	if !slices.Equal(before.workloads, now.workloads) {
		for _, ref := range before.workloads {
			leave(m.users, ref, e)
		}
		for _, ref := range now.workloads {
			m.users[ref] = m.users[ref].with(e)
		}
	}
	for _, name := range before.lookups {
		delete(m.lookups[name].users, e)
	}
	for _, name := range now.lookups {
		m.lookups[name].users[e] = true
	}
	m.otherLookups = m.otherLookups || !slices.Equal(before.lookups, now.lookups)
	for _, name := range before.lookups {
		if len(m.lookups[name].users) == 0 {
			delete(m.lookups, name)
			m.otherLookups = true
		}
	}
	m.useHosts(e, before.hosts, now.hosts)
	m.occupy(e, before.occupied, now.occupied)
	if e.needs = nil; now.workloads != nil || now.lookups != nil || now.hosts != nil || now.occupied != nil {
		e.needs = new(now) // only here, as it is seldom needed
	}
}

func without[T comparable](all []T, one T) []T {
	return slices.DeleteFunc(all, func(o T) bool { return o == one })
}

// addressesOf returns what the name of a load balancer is resolved to.
func (m *Memory) addressesOf(name string) Endpoint {
	l := m.lookups[name]
	if l == nil {
		l = &lookup{users: map[*entry]bool{}}
		if m.Resolve != nil {
			l.endpoint, _ = m.Resolve(name)
		}
		m.lookups[name], m.otherLookups = l, true
	}
	return l.endpoint
}

// needed returns the names of load balancers, sorted.
func (m *Memory) needed() []Lookup {
	var all []Lookup
	for name, l := range m.lookups {
		in := map[string]bool{}
		for e := range l.users {
			in[e.template.Namespace] = true
		}
		all = append(all, Lookup{name, slices.Sorted(maps.Keys(in))})
	}
	slices.SortFunc(all, func(a, b Lookup) int { return a.Compare(b.Name) })
	return all
}

// end sums up what was built.
func (m *Memory) end() *State {
	if m.faults.changed {
		m.state.Faults = m.refusals()
	}
	if m.otherLookups {
		m.state.Lookups = m.needed()
	}
	m.otherWork = nil
	clear(m.owners)
	clear(m.roused)
	m.otherClusters, m.faults.changed, m.otherLookups = false, false, false
	clear(m.otherVIPs)
	state := m.state
	return &state
}
