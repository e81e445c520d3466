package build

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/annotation"
	"github.com/nearcast/nearcast/internal/federation/claims"
)

// Options are the operator's choices for building a State.
type Options struct {
	// Zones are canonical. A function without a hostname annotation is named
	// <name>.<namespace> in each of them.
	Zones []string
	// Servers are the names of the zones' name servers, canonical. No function gets one
	// of them.
	Servers []string
	Claims  claims.List
	// Tenants are the namespaces whose private functions somebody can see.
	Tenants []string
	// Resolve returns the addresses of a load balancer's name as last seen, and false if
	// there are none. It may be nil.
	Resolve func(name string) (federation.Endpoint, bool)
}

// maxClusters is the number of clusters that an order with two bytes each can hold.
const maxClusters = 1 << 16

// pass builds the functions of one build.
type pass struct {
	*Builder
	making  *entry
	needs   needs                // of the function being built
	probe   federation.ProbeSpec // the probe of its placements
	said    said                 // of the function being built
	unusual federation.Unusual   // of the function being built
	alike   alike                // nil if it builds few
}

// few is the number of functions below which looking for alike ones costs more than it
// saves. Tests lower it.
var few = 16

func (b *Builder) newPass() *pass {
	if len(b.stale) < few {
		return &pass{Builder: b}
	}
	return &pass{Builder: b, alike: alike{}}
}

// trespasses returns a fault for each fixed address of t that t may not use.
func (b *Builder) trespasses(t *federation.Template) []federation.Fault {
	var faults []federation.Fault
	check := func(key string, a netip.Addr) {
		if err := b.Claims.AllowAnnotated(t.Namespace, a); err != nil {
			faults = append(faults, t.Fault(key, "%v", err))
		}
	}
	for horizon, byCluster := range t.Fixed {
		key := annotation.Address
		if horizon != "" {
			key += "." + horizon
		}
		for _, e := range byCluster {
			for _, a := range slices.Concat(e.V4, e.V6) {
				check(key, a)
			}
		}
	}
	return faults
}

// usual is that of every function that has nothing unusual.
var usual = &federation.Unusual{}

// kept returns what a function keeps of u.
func kept(u federation.Unusual) *federation.Unusual {
	if u.VIPs == nil && u.Refused == nil && u.Unplaced == "" && u.WhenDown == nil {
		return usual
	}
	return new(u)
}

// renew rebuilds the entry's function. A function that did not change keeps its value.
func (b *pass) renew(e *entry) {
	b.making, b.needs, b.said = e, needs{}, said{}
	b.open(e)
	before := e.faults
	e.faults = slices.Clone(e.barred)
	var f *federation.Function
	if names := b.names(e); len(names) > 0 {
		f = b.make(e.template, names)
	}
	if f == nil || e.function == nil || !reflect.DeepEqual(f, e.function) {
		e.function = f
	}
	b.use(e, b.needs)
	if e.faults = joined(e.faults, b.said); !slices.Equal(before, e.faults) {
		b.faults.note(e)
	}
	b.close(e)
}

func (b *pass) make(t *federation.Template, hostnames []string) *federation.Function {
	b.unusual = federation.Unusual{VIPs: b.heldVIPs(b.making), WhenDown: b.whenDown(t, hostnames)}
	f := &federation.Function{Template: t, Hostnames: hostnames, Unusual: &b.unusual}
	for _, w := range t.Weights {
		if b.state.ClusterIndex(w.Cluster) < 0 {
			b.fault(t, annotation.Weights, "cluster %q is not in the federation; its weight is ignored", w.Cluster)
		}
	}
	if t.Private && !slices.Contains(b.Tenants, t.Namespace) {
		b.fault(t, "", "is private, but no tenant line names its namespace: no client can resolve it")
	}
	b.probe = b.probeOf(f)
	b.place(f)
	f.Unusual = kept(b.unusual)
	return f
}

// fault adds a fault of the function being built.
func (b *pass) fault(t *federation.Template, key, format string, args ...any) {
	b.faultOf(t, key, func() error { return fmt.Errorf(format, args...) })
}

// faultOf adds a fault of the function being built. If the annotation already has as many
// faults as are named, it only counts the fault and does not format it.
func (b *pass) faultOf(t *federation.Template, key string, why func() error) {
	if !b.said.enough(key) {
		b.making.faults = append(b.making.faults, t.Fault(key, "%v", why()))
	}
}

// warn adds a warning about the function being built.
func (b *pass) warn(t *federation.Template, key, why string) {
	if !b.said.enough(key) {
		b.making.faults = append(b.making.faults, t.Ignored(key, why))
	}
}

// binding returns the resource's binding, or nil, and records that the function being
// built depends on it.
func (b *pass) binding(ref federation.Ref) *federation.Binding {
	b.look(ref)
	return b.in.bindings.holder.Get(ref)
}

// look records that the function being built depends on the workload.
func (b *pass) look(ref federation.Ref) {
	if ref.Name != b.making.template.Name && !slices.Contains(b.needs.workloads, ref) {
		b.needs.workloads = append(b.needs.workloads, ref)
	}
}
