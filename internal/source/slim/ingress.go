package slim

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/nearcast/nearcast/internal/federation"
)

// The ports at which controllers serve an Ingress with and without TLS.
const (
	httpPort  = 80
	httpsPort = 443
)

// ingress returns what an Ingress says of names and backends, and a warning for each of them that is
// not used. Any controller may serve it: its class does not matter.
func ingress(obj *networkingv1.Ingress, of *federation.Meta) (*federation.Service, []federation.Fault) {
	s := &federation.Service{TCPPort: httpPort, Balanced: true}
	if len(obj.Spec.TLS) > 0 {
		s.TCPPort = httpsPort
	}
	rules := ruling{Service: s, ignored: few{of: of}}
	rules.backend("spec.defaultBackend", obj.Spec.DefaultBackend)
	for _, rule := range obj.Spec.Rules {
		rules.host(rule.Host)
		if rule.HTTP == nil {
			continue
		}
		for _, path := range rule.HTTP.Paths {
			rules.backend("spec.rules", &path.Backend)
		}
	}
	return s, rules.ignored.all()
}

// ruling reads the rules of an Ingress.
type ruling struct {
	*federation.Service
	labels  int // of all hosts
	ignored few
}

// host adds the host of a rule, which is "" if the rule is for any.
func (r *ruling) host(host string) {
	if host == "" {
		return
	}
	name, err := federation.ParseHostname(host)
	labels := strings.Count(name, ".")
	switch {
	case err != nil:
		r.ignored.ignore("spec.rules", "a host is ignored: "+err.Error())
	case slices.Contains(r.Hosts, name):
	case len(r.Hosts) == federation.MostHostnames, r.labels+labels > federation.MostLabels:
		r.ignored.ignore("spec.rules", fmt.Sprintf("host %s is ignored: the hosts may be %d, with %d labels in all", host, federation.MostHostnames, federation.MostLabels))
	default:
		r.Hosts = append(r.Hosts, name)
		r.labels += labels
	}
}

// backend adds a backend, which may be nil.
func (r *ruling) backend(key string, b *networkingv1.IngressBackend) {
	switch {
	case b == nil:
	case b.Service == nil:
		r.ignored.ignore(key, "backend "+resourceName(b.Resource)+" is not a Service, and does not decide in which clusters calls are answered")
	case slices.Contains(r.Backends, b.Service.Name):
	case len(r.Backends) == federation.MostBackends:
		r.ignored.ignore(key, fmt.Sprintf("backend %s does not decide in which clusters calls are answered: the first %d do", b.Service.Name, federation.MostBackends))
	default:
		r.Backends = append(r.Backends, b.Service.Name)
	}
}

func resourceName(r *corev1.TypedLocalObjectReference) string {
	if r == nil {
		return "without a name"
	}
	return r.Kind + "/" + r.Name
}
