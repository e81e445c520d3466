package kube

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/nearcast/nearcast/bgp/cluster"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/claims"
)

// stripSlice keeps the slices that belong to Services.
func stripSlice(s *discoveryv1.EndpointSlice) bool {
	service := s.Labels[discoveryv1.LabelServiceName]
	s.ObjectMeta = metav1.ObjectMeta{
		Namespace: s.Namespace, Name: s.Name, ResourceVersion: s.ResourceVersion,
		Labels: map[string]string{discoveryv1.LabelServiceName: service},
	}
	for i, e := range s.Endpoints {
		s.Endpoints[i] = discoveryv1.Endpoint{Addresses: e.Addresses, Conditions: e.Conditions, NodeName: e.NodeName}
	}
	return service != ""
}

// probePort is the port on which endpoints are probed.
type probePort struct {
	// number is the annotated port; 0 if nothing is probed.
	number uint16
	// ofService is set if the Service has that port: the slices then have its target port, by name.
	ofService bool
	name      string
}

// probeOf returns how each endpoint is probed: as nearcast.dev/probe says, or by a connection to
// the first TCP port. unasked says why the annotated probe is not used, or is "".
func probeOf(s *corev1.Service, t *federation.Template) (_ federation.Target, _ probePort, unasked string) {
	spec := federation.ProbeSpec{Kind: federation.ProbeTCP}
	if t.Probe != nil {
		spec = *t.Probe
	}
	host, err := hostOf(s, t, spec.Host)
	if err != nil {
		spec, unasked = federation.ProbeSpec{Kind: federation.ProbeTCP, Port: spec.Port}, err.Error()
	}
	number := spec.Port
	if number == 0 {
		number = firstTCP(s)
	}
	if spec.Kind == federation.ProbeNone || number == 0 {
		return federation.Target{Kind: federation.ProbeNone}, probePort{}, unasked
	}
	target := federation.Target{Kind: spec.Kind}
	if spec.Kind != federation.ProbeTCP {
		target.Path, target.Host = spec.Path, host
	}
	if spec.Kind == federation.ProbeHTTP || spec.Kind == federation.ProbeHTTPS {
		target.Expect = t.Expect
	}
	return target, portOf(s, number), unasked
}

func firstTCP(s *corev1.Service) uint16 {
	for _, p := range s.Spec.Ports {
		if protocolOf(p.Protocol) == corev1.ProtocolTCP {
			return uint16(p.Port)
		}
	}
	return 0
}

// portOf finds out whose port the number is: the Service's, or the endpoints', which may have a
// separate port for probes.
func portOf(s *corev1.Service, number uint16) probePort {
	for _, p := range s.Spec.Ports {
		if protocolOf(p.Protocol) == corev1.ProtocolTCP && p.Port == int32(number) {
			return probePort{number, true, p.Name}
		}
	}
	return probePort{number: number}
}

// foreign returns the port if neither the Service nor its slices have it; 0 if one does.
func (p probePort) foreign(all []*discoveryv1.EndpointSlice) uint16 {
	has := func(s *discoveryv1.EndpointSlice) bool {
		return slices.ContainsFunc(s.Ports, func(port discoveryv1.EndpointPort) bool {
			return protocolOf(value(port.Protocol)) == corev1.ProtocolTCP && value(port.Port) == int32(p.number)
		})
	}
	if p.ofService || slices.ContainsFunc(all, has) {
		return 0
	}
	return p.number
}

// in returns the port of the slice's endpoints; 0 if they have none.
func (p probePort) in(s *discoveryv1.EndpointSlice) uint16 {
	if !p.ofService {
		return p.number
	}
	for _, port := range s.Ports {
		if value(port.Name) == p.name && protocolOf(value(port.Protocol)) == corev1.ProtocolTCP {
			return uint16(value(port.Port))
		}
	}
	return 0
}

// endpointsOf merges the slices, of both families. An endpoint in two slices, as happens while
// slices are refilled, appears once, and is ready if either says so.
func endpointsOf(all []*discoveryv1.EndpointSlice, port, own probePort, node string) []cluster.Endpoint {
	joined := map[netip.AddrPort]cluster.Endpoint{}
	for _, s := range all {
		at := port.in(s)
		for i := range s.Endpoints {
			e, ok := endpointOf(&s.Endpoints[i], at, node)
			if !ok {
				continue
			}
			e.Own = own.in(s)
			if o, twice := joined[e.Addr]; twice {
				e.Ready, e.Here = e.Ready || o.Ready, e.Here || o.Here
				e.Terminating = !e.Ready && (e.Terminating || o.Terminating)
			}
			joined[e.Addr] = e
		}
	}
	var sorted []cluster.Endpoint
	for _, e := range joined {
		sorted = append(sorted, e)
	}
	slices.SortFunc(sorted, func(a, b cluster.Endpoint) int { return a.Addr.Compare(b.Addr) })
	return sorted
}

// endpointOf reads an endpoint by its first address, as kube-proxy does. It returns false if that
// is a name, or an address to which a tenant's Service must not lead: the speaker probes from the
// node, to which a cloud's metadata service reveals more than to a pod. The API server rejects
// loopback addresses.
func endpointOf(e *discoveryv1.Endpoint, port uint16, node string) (cluster.Endpoint, bool) {
	if len(e.Addresses) == 0 {
		return cluster.Endpoint{}, false
	}
	addr, err := netip.ParseAddr(e.Addresses[0])
	if err != nil {
		return cluster.Endpoint{}, false
	}
	if _, special := claims.Special(addr); special && !addr.Unmap().IsLoopback() {
		return cluster.Endpoint{}, false
	}
	terminating := value(e.Conditions.Terminating)
	return cluster.Endpoint{
		Addr: netip.AddrPortFrom(addr.Unmap(), port),
		// Absent conditions count as true.
		Ready:       !terminating && (e.Conditions.Ready == nil || *e.Conditions.Ready),
		Terminating: terminating && (e.Conditions.Serving == nil || *e.Conditions.Serving),
		Here:        e.NodeName != nil && *e.NodeName == node,
	}, true
}

func value[T any](p *T) T {
	if p == nil {
		return *new(T)
	}
	return *p
}
