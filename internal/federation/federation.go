// Package federation is Nearcast's model: the clusters of a Karmada federation,
// the functions declared on its API and the placements that join the two.
//
// The package is pure: it knows no Kubernetes client, no DNS and no network.
// Sources stage slim objects in a [Store]; [Build] turns what is staged into a
// [State]. A State and everything reachable from it is immutable once built and
// may be read from any goroutine without a lock.
package federation

import (
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"unique"

	"github.com/nearcast/nearcast/internal/vector"
)

// State is one consistent picture of the federation.
type State struct {
	// Clusters are sorted by name; a Placement refers to them by index.
	Clusters []Cluster
	// Functions have an index for as long as they exist; nil where there is none.
	// Those of a first build are sorted by namespace, name and kind.
	Functions vector.Vector[*Function]
	// Faults are the inputs that were refused, each alone, with its reason, and
	// warnings of those that are not read.
	Faults []Fault
	// Lookups are the names of load balancers whose addresses are needed, sorted.
	Lookups []Lookup
}

// All returns the functions that there are, with their indices.
func (s *State) All() iter.Seq2[int, *Function] {
	return func(yield func(int, *Function) bool) {
		for i, f := range s.Functions.All() {
			if f != nil && !yield(i, f) {
				return
			}
		}
	}
}

// Count returns how many functions there are.
func (s *State) Count() (n int) {
	for range s.All() {
		n++
	}
	return n
}

// Refused returns how many inputs were refused.
func (s *State) Refused() (n int) {
	for _, f := range s.Faults {
		if f.refuses() {
			n++
		}
	}
	return n
}

// Sorted returns the indices of the functions by namespace, name and kind.
func (s *State) Sorted() []int {
	var all []int
	for i := range s.All() {
		all = append(all, i)
	}
	slices.SortFunc(all, func(a, b int) int { return s.Functions.At(a).compare(s.Functions.At(b).Ref) })
	return all
}

// ClusterIndex returns the index of the named cluster, or -1.
func (s *State) ClusterIndex(name string) int {
	i, found := slices.BinarySearchFunc(s.Clusters, name, func(c Cluster, name string) int {
		return compareStrings(c.Name, name)
	})
	if !found {
		return -1
	}
	return i
}

// Lookup is a name of load balancers.
type Lookup struct {
	// Name is canonical.
	Name string
	// Namespaces are those of the functions that it is needed for, sorted.
	Namespaces []string
}

// Compare compares the Lookup's name with another.
func (l Lookup) Compare(name string) int { return compareStrings(l.Name, name) }

// Readiness is Karmada's view of a cluster's API server, not of its data plane.
type Readiness uint8

// The values of a Karmada Cluster's condition Ready. Snapshots have them as numbers.
const (
	// ReadyUnset is of a Cluster without the condition, as one written by hand.
	ReadyUnset Readiness = iota
	ReadyTrue
	// ReadyFalse is of a cluster whose API server Karmada cannot reach.
	ReadyFalse
	// ReadyUnknown is of a cluster whose pull agent has not reported in time.
	ReadyUnknown
)

// Health is Karmada's word on an applied resource (aggregatedStatus[].health).
type Health uint8

// The values of Karmada's ResourceHealth.
const (
	HealthUnknown Health = iota
	Healthy
	Unhealthy
)

// String returns Karmada's spelling.
func (h Health) String() string {
	return [...]string{"Unknown", "Healthy", "Unhealthy"}[h]
}

// Coordinates are a place on the globe, in degrees.
type Coordinates struct {
	Lat float64 // -90 to 90
	Lon float64 // -180 to 180
}

// Cluster is a Karmada member.
type Cluster struct {
	Meta
	Region string
	Zones  []string
	// Coordinates is nil where the cluster declares none.
	Coordinates *Coordinates
	// Gateways are the addresses under which the cluster answers for functions
	// that have none of their own, by horizon; "" is the default horizon.
	Gateways map[string]Endpoint
	Ready    Readiness
	// Cost is a relative price; nil where none is declared, which counts as 1.
	Cost *float64
	// Used is the share of what the cluster can run that is taken, 0 to 1 and in
	// twentieths; 0 where Karmada does not tell.
	Used float64
	// Leaving says why traffic is moved away from the whole cluster; "" if it is not.
	Leaving string
}

// Price returns the cluster's relative price.
func (c *Cluster) Price() float64 {
	if c.Cost == nil {
		return 1
	}
	return *c.Cost
}

// Endpoint is where one placement, or one cluster's gateway, is reached.
type Endpoint struct {
	V4, V6 []netip.Addr
	// Port is 0 where none was declared.
	Port uint16
	// Gateway is set where the address is the cluster's and shared by functions.
	Gateway bool
	// VIP is set where the addresses are a function's VIPs, which no placement has.
	VIP bool `json:"-"`
}

// IsZero reports whether the endpoint has no address at all.
func (e Endpoint) IsZero() bool { return len(e.V4) == 0 && len(e.V6) == 0 }

// First returns the address that probes use: the first IPv4, else the first IPv6.
func (e Endpoint) First() netip.Addr {
	if len(e.V4) > 0 {
		return e.V4[0]
	}
	if len(e.V6) > 0 {
		return e.V6[0]
	}
	return netip.Addr{}
}

// Add returns e with the address appended to its family, once.
func (e Endpoint) Add(a netip.Addr) Endpoint {
	family := &e.V6
	if a = a.Unmap(); a.Is4() {
		family = &e.V4
	}
	if !slices.Contains(*family, a) {
		*family = append(slices.Clip(*family), a)
	}
	return e
}

// Bounded returns e with no more addresses of a family than a placement may have.
func (e Endpoint) Bounded() Endpoint {
	e.V4 = slices.Clip(e.V4[:min(len(e.V4), MaxAddresses)])
	e.V6 = slices.Clip(e.V6[:min(len(e.V6), MaxAddresses)])
	return e
}

// any reports whether one of the endpoint's addresses is such.
func (e Endpoint) any(such func(netip.Addr) bool) bool {
	return slices.ContainsFunc(e.V4, such) || slices.ContainsFunc(e.V6, such)
}

func (e Endpoint) equal(o Endpoint) bool {
	return e.Port == o.Port && e.Gateway == o.Gateway && slices.Equal(e.V4, o.V4) && slices.Equal(e.V6, o.V6)
}

// Join returns e with the addresses of o after its own.
func (e Endpoint) Join(o Endpoint) Endpoint {
	for _, a := range slices.Concat(o.V4, o.V6) {
		e = e.Add(a)
	}
	return e
}

// without returns e less the addresses for which drop is true.
func (e Endpoint) without(drop func(netip.Addr) bool) Endpoint {
	e.V4 = slices.DeleteFunc(slices.Clone(e.V4), drop)
	e.V6 = slices.DeleteFunc(slices.Clone(e.V6), drop)
	return e
}

// Weight is one cluster's entry in nearcast.dev/weights.
type Weight struct {
	Cluster string
	Value   uint32
}

// Function is a routed hostname, or several that share one template.
type Function struct {
	// Template is what declares it. Policy is nil where it leaves the choice to the
	// zone, TTL is 0 where it sets no bound.
	*Template
	// Hostnames are those that it has, of the annotated ones or the default; canonical:
	// lower case, fully qualified; "*." leads a wildcard.
	Hostnames []string
	// VIPs are those that it has, of the annotated ones.
	VIPs []netip.Addr
	// Placements are sorted by cluster index. Functions that stand alike in a cluster
	// share one, so that there are few, and those asked for are in the processor's cache.
	Placements Placements
	// Refused are the clusters that Karmada names for the function and that are
	// no candidates, with the reason; sorted by cluster.
	Refused []Refusal
	// Unplaced says why Karmada names no cluster for the function; "" where it names some.
	Unplaced string
}

// Anycast is where the function's VIPs are.
func (f *Function) Anycast() Endpoint {
	e := Endpoint{VIP: true}
	for _, vip := range f.VIPs {
		e = e.Add(vip)
	}
	return e
}

// Placements are a function's, by cluster.
type Placements []*Placement

// In returns the one in the cluster, or nil. It does not allocate.
func (all Placements) In(cluster int) *Placement {
	i, found := slices.BinarySearchFunc(all, cluster, func(p *Placement, cluster int) int { return p.Cluster - cluster })
	if !found {
		return nil
	}
	return all[i]
}

// Leaving returns whether Karmada names the cluster for the function, and why it
// is moved away from there; "" if it is not. A function whose only address is a VIP
// is no candidate anywhere, and leaves all the same.
func (f *Function) Leaving(cluster int, name string) (placed bool, why string) {
	if p := f.Placements.In(cluster); p != nil {
		return true, p.Leaving
	}
	for _, r := range f.Refused {
		if r.Cluster == name {
			return true, r.Leaving
		}
	}
	return false, ""
}

// Placement is one function in one cluster, found fit to be a candidate.
type Placement struct {
	// Cluster indexes State.Clusters.
	Cluster int
	// Endpoints are by horizon; "" is the default. A horizon that is not listed
	// uses the default, and has no candidate here where that is absent too.
	Endpoints map[string]Endpoint
	// Target is what proves the placement alive; its Kind is ProbeNone if nothing does.
	// It is large, and mostly a gateway's: all placements that have it share it.
	Target unique.Handle[Target]
	// Capacity is nil where Karmada does not tell.
	Capacity *Capacity
	Runtime  Runtime
	// Replicas is Karmada's count for this cluster.
	Replicas int32
	// Cold is set where the workload has no replica, or may have none at any time: it
	// starts on the first call, and no probe may be that.
	Cold bool
	// ProbesGateway is set where Target is the cluster's gateway, shared by functions.
	ProbesGateway bool
	// Outdated is set where the last update failed to apply: what runs is an older version.
	Outdated bool
	// Health is Karmada's word on the workload, or on the template where there is none.
	// It is about the newest version: see Serving.
	Health Health
	// Leaving says why this placement is moved away from; "" if it is not.
	Leaving string
}

// Serving reports whether the placement serves as far as Karmada knows. Counts of
// replicas, where there are any, say more than its word: during a rollout it calls a
// workload Unhealthy that serves, and one of a kind that it cannot interpret Healthy
// that does not.
func (p *Placement) Serving() bool {
	switch {
	case p.Health == HealthUnknown:
		return false
	case p.Capacity != nil && !p.Cold:
		return p.Capacity.Ready > 0
	}
	return p.Health == Healthy
}

// Silent says how Karmada knows that the placement serves nobody; "" where it does not.
func (p *Placement) Silent() string {
	switch {
	case p.Capacity != nil && !p.Cold:
		switch {
		case p.Capacity.Ready > 0:
			return ""
		case p.Capacity.Desired == 1:
			return "its replica is not ready"
		case p.Capacity.Desired > 1:
			return fmt.Sprintf("none of its %d replicas is ready", p.Capacity.Desired)
		}
		return "it has no replica"
	case p.Health == Unhealthy:
		return "Karmada says Unhealthy"
	}
	return ""
}

// Endpoint returns the placement's addresses for the horizon, falling back to
// the default one.
func (p *Placement) Endpoint(horizon string) Endpoint {
	if e, ok := p.Endpoints[horizon]; ok {
		return e
	}
	return p.Endpoints[""]
}

// Refusal is a cluster that is no candidate for a function.
type Refusal struct {
	Cluster string
	Reason  string
	// Leaving says why it would be moved away from if it were one; "" if not.
	Leaving string
}

// ProbeKind is how a target is asked.
type ProbeKind string

// The probe kinds of nearcast.dev/probe.
const (
	ProbeNone  ProbeKind = "none"
	ProbeTCP   ProbeKind = "tcp"
	ProbeHTTP  ProbeKind = "http"
	ProbeHTTPS ProbeKind = "https"
	ProbeGRPC  ProbeKind = "grpc"
)

// Target is one thing probed: everything that is sent and where. Two placements
// with equal targets share one probe.
type Target struct {
	Kind ProbeKind
	Addr netip.AddrPort
	// Host is sent as Host and SNI; HTTP and HTTPS only.
	Host string
	// Path is the request target; HTTP and HTTPS only. For gRPC it is the service,
	// after a slash.
	Path   string
	Expect Expect
}

// String returns the target as a URL.
func (t Target) String() string {
	if t.Kind == ProbeNone {
		return string(ProbeNone)
	}
	s := string(t.Kind) + "://" + t.Addr.String() + t.Path
	if t.Host != "" {
		s += " (host " + t.Host + ")"
	}
	if !t.Expect.IsZero() {
		s += " (" + t.Expect.String() + ")"
	}
	return s
}

func compareStrings(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
