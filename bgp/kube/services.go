package kube

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/nearcast/nearcast/bgp/cluster"
	"github.com/nearcast/nearcast/bgp/vip"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/annotation"
	"github.com/nearcast/nearcast/internal/source/slim"
)

const (
	// class is the spec.loadBalancerClass of Services that this load balancer serves.
	class = "nearcast.dev/anycast"
	// vipAnnotation names the addresses.
	vipAnnotation = annotation.VIP

	noVIP = "an anycast address is the same at every site: set " + vipAnnotation
)

// stripService keeps the Services that want addresses.
func stripService(s *corev1.Service) bool {
	maps.DeleteFunc(s.Annotations, func(key, _ string) bool { return !isRead(key) })
	s.ObjectMeta = metav1.ObjectMeta{
		Namespace: s.Namespace, Name: s.Name, UID: s.UID, ResourceVersion: s.ResourceVersion,
		CreationTimestamp: s.CreationTimestamp, DeletionTimestamp: s.DeletionTimestamp,
		Labels: s.Labels, Annotations: s.Annotations,
	}
	s.Spec = corev1.ServiceSpec{
		Type: s.Spec.Type, Ports: s.Spec.Ports, LoadBalancerClass: s.Spec.LoadBalancerClass,
		ExternalTrafficPolicy: s.Spec.ExternalTrafficPolicy, ExternalIPs: s.Spec.ExternalIPs,
	}
	s.Status.Conditions = nil
	return counts(s)
}

// isRead reports whether the speaker reads the annotation. Annotations for resolvers are validated
// there: a faulty name must not cost an address. An unknown annotation may be a typo of one of the
// speaker's.
func isRead(key string) bool {
	switch key {
	case vipAnnotation, "nearcast.dev/probe", "nearcast.dev/expect", "nearcast.dev/hostname": // a probe may ask for a hostname
		return true
	}
	return annotation.IsOurs(key) && !annotation.IsKnown(key)
}

// ours reports whether this is the Service's load balancer.
func ours(s *corev1.Service) bool {
	return s.Spec.Type == corev1.ServiceTypeLoadBalancer && s.Spec.LoadBalancerClass != nil && *s.Spec.LoadBalancerClass == class
}

// counts reports whether the Service wants addresses announced.
func counts(s *corev1.Service) bool {
	_, addr := s.Annotations[vipAnnotation]
	return ours(s) || addr && s.Labels[federation.FunctionLabel] == "true"
}

// request is a Service as last reported, with what it asks for.
type request struct {
	service *corev1.Service
	// template holds its annotations, or the last version that could be read; nil if none could, or
	// if there are none.
	template *federation.Template
	// refused is why it, or its newest version, is refused; "" if it is not.
	refused string
	// unread is set if nothing is known of what it asks for.
	unread bool
	// declared is the resulting declaration, with the endpoints of the slices.
	declared cluster.Service
	slices   []*discoveryv1.EndpointSlice
	// unasked is why its annotated probe is not used; "" if it is.
	unasked string
}

// follow returns the Service as it is now, and rereads only what has changed.
func (r request) follow(s *corev1.Service, all []*discoveryv1.EndpointSlice, node string) request {
	if r.service == s && slices.Equal(r.slices, all) {
		return r
	}
	if r.service != s {
		r = newRequest(s, r.template)
	}
	if r.slices = all; r.declares() {
		r.declared = r.declaration(all, node)
	}
	return r
}

// newRequest reads the Service. A version that cannot be read is refused, and the last good version
// of the same Service stays in force.
func newRequest(s *corev1.Service, last *federation.Template) request {
	r := request{service: s}
	if s.DeletionTimestamp != nil {
		return r
	}
	template, faults := parse(s)
	switch {
	case len(faults) > 0:
		r.refused = reasonOf(faults)
		if last != nil && last.UID == federation.UIDOf(string(s.UID)) {
			r.template = last
		}
		r.unread = r.template == nil
	case len(template.VIPs) == 0:
		r.refused = noVIP
	default:
		r.template = template
	}
	return r
}

// parse reads the annotations. Those of a Service with this load balancer also count without the
// label.
func parse(s *corev1.Service) (*federation.Template, []federation.Fault) {
	labelled := *s
	labelled.Labels = map[string]string{federation.FunctionLabel: "true"}
	r := slim.Read(&labelled, federation.Origin{}, nil)
	template, _ := r.Object.(*federation.Template)
	return template, r.Faults
}

func reasonOf(faults []federation.Fault) string {
	var all []string
	for _, f := range faults {
		all = append(all, f.Key+": "+f.Reason)
	}
	return strings.Join(all, "; ")
}

func (r *request) ref() vip.ServiceRef {
	return vip.ServiceRef{Namespace: r.service.Namespace, Name: r.service.Name}
}

// declares reports whether the Service wants addresses that are known.
func (r *request) declares() bool { return r.template != nil }

// declaration returns the Service with its endpoints. Ports and endpoints are current, even if the
// annotations are from an earlier version.
func (r *request) declaration(all []*discoveryv1.EndpointSlice, node string) cluster.Service {
	s := r.service
	probe, port, unasked := probeOf(s, r.template)
	r.unasked = unasked
	own, foreign := probePort{}, port.foreign(all)
	if foreign != 0 {
		own = portOf(s, firstTCP(s))
	}
	return cluster.Service{
		ServiceRef: r.ref(), Created: s.CreationTimestamp.UTC(), Addresses: r.template.VIPs,
		Untaken: untaken(s, r.template.VIPs),
		Local:   s.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal,
		Ports:   portsOf(s), Endpoints: endpointsOf(all, port, own, node), Probe: probe, ForeignPort: foreign,
	}
}

func portsOf(s *corev1.Service) []string {
	var all []string
	for _, p := range s.Spec.Ports {
		all = append(all, fmt.Sprintf("%s/%d", strings.ToLower(string(protocolOf(p.Protocol))), p.Port))
	}
	return all
}

// protocolOf returns p, or TCP, the API's default, if it is empty.
func protocolOf(p corev1.Protocol) corev1.Protocol {
	if p == "" {
		return corev1.ProtocolTCP
	}
	return p
}
