package slim_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/source/slim"
)

// readIngress returns the Ingress as a function, and the reasons of what is ignored.
func readIngress(t *testing.T, spec networkingv1.IngressSpec) (*federation.Template, []string) {
	t.Helper()
	read := slim.Read(&networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web", Labels: map[string]string{federation.FunctionLabel: "true"}}, Spec: spec}, federation.Origin{}, nil)
	f, ok := read.Object.(*federation.Template)
	if !ok {
		t.Fatalf("%+v", read)
	}
	var ignored []string
	for _, fault := range read.Faults {
		ignored = append(ignored, fault.Reason)
	}
	return f, ignored
}

// to returns a rule with a path to each Service.
func to(host string, services ...string) networkingv1.IngressRule {
	rule := networkingv1.IngressRule{Host: host}
	rule.HTTP = &networkingv1.HTTPIngressRuleValue{}
	for _, name := range services {
		rule.HTTP.Paths = append(rule.HTTP.Paths, networkingv1.HTTPIngressPath{Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: name}}})
	}
	return rule
}

func TestAnIngressMeansWhatItsControllersDo(t *testing.T) {
	front := networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "front"}}
	for name, c := range map[string]struct {
		spec            networkingv1.IngressSpec
		hosts, backends string
		port            uint16
	}{
		"rules":               {networkingv1.IngressSpec{Rules: []networkingv1.IngressRule{to("Shop.example.org", "web", "api", "web"), to("api.example.org", "api")}}, "shop.example.org. api.example.org.", "web api", 80},
		"a default backend":   {networkingv1.IngressSpec{DefaultBackend: &front}, "", "front", 80},
		"any host":            {networkingv1.IngressSpec{DefaultBackend: &front, Rules: []networkingv1.IngressRule{to("", "web"), to("*.example.org")}}, "*.example.org.", "front web", 80},
		"TLS of one host":     {networkingv1.IngressSpec{TLS: []networkingv1.IngressTLS{{Hosts: []string{"a.example.org"}}}, Rules: []networkingv1.IngressRule{to("a.example.org", "web")}}, "a.example.org.", "web", 443},
		"another class":       {networkingv1.IngressSpec{IngressClassName: new("traefik"), Rules: []networkingv1.IngressRule{to("a.example.org", "web")}}, "a.example.org.", "web", 80},
		"a rule without HTTP": {networkingv1.IngressSpec{Rules: []networkingv1.IngressRule{{Host: "a.example.org"}}}, "a.example.org.", "", 80},
		"nothing":             {networkingv1.IngressSpec{}, "", "", 80},
	} {
		f, ignored := readIngress(t, c.spec)
		if hosts, backends := strings.Join(f.Hosts, " "), strings.Join(f.Backends, " "); hosts != c.hosts || backends != c.backends || f.TCPPort != c.port || len(ignored) > 0 {
			t.Errorf("%s: hosts %q, backends %q, port %d, ignored %q", name, hosts, backends, f.TCPPort, ignored)
		}
	}
}

// TestOfALargeIngressSoMuchIsUsed has more hosts and backends than a function may have.
func TestOfALargeIngressSoMuchIsUsed(t *testing.T) {
	var spec networkingv1.IngressSpec
	for i := range 100 {
		spec.Rules = append(spec.Rules, to(fmt.Sprintf("h%02d.example.org", i), fmt.Sprintf("s%02d", i)))
	}
	f, ignored := readIngress(t, spec)
	if len(f.Hosts) != federation.MostHostnames || len(f.Backends) != federation.MostBackends {
		t.Errorf("%d hosts and %d backends", len(f.Hosts), len(f.Backends))
	}
	if !slices.Contains(ignored, "host h64.example.org is ignored: the hosts may be 64, with 1024 labels in all") || !slices.ContainsFunc(ignored, func(why string) bool { return strings.HasPrefix(why, "backend s32 does not decide") }) {
		t.Errorf("%q", ignored)
	}
	deep := strings.Repeat("a.", 100) + "example.org"
	spec.Rules = nil
	for i := range 20 {
		spec.Rules = append(spec.Rules, to(fmt.Sprint("h", i, ".", deep)))
	}
	if f, _ := readIngress(t, spec); len(f.Hosts) != 9 {
		t.Errorf("%d hosts of 103 labels each, want those that have 1024 in all", len(f.Hosts))
	}
}

// TestAServiceWithoutTheLabelIsABackend has Services that may be behind an Ingress, and one that
// declares a function but has a fault.
func TestAServiceWithoutTheLabelIsABackend(t *testing.T) {
	service := func(labels, annotations, selector map[string]string) federation.Object {
		return slim.Read(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web", Labels: labels, Annotations: annotations}, Spec: corev1.ServiceSpec{Selector: selector}}, federation.Origin{}, nil).Object
	}
	if b, ok := service(nil, nil, map[string]string{"app": "web"}).(*federation.Backend); !ok || !b.Selector.Has(federation.Label{Key: "app", Value: "web"}) {
		t.Errorf("%+v", b)
	}
	if o := service(nil, nil, nil); o != nil {
		t.Errorf("one that selects nothing is %+v", o)
	}
	if o := service(map[string]string{federation.FunctionLabel: "true"}, map[string]string{"nearcast.dev/policy": "nearst"}, map[string]string{"app": "web"}); o != nil {
		t.Errorf("a refused function is %+v", o)
	}
}
