package kube

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/nearcast/nearcast/bgp/cluster"
	"github.com/nearcast/nearcast/bgp/vip"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/policy"
)

// vip4 is the address that Services here request.
const vip4 = "198.51.100.80"

// balanced returns a Service of our class with one port, after each change.
func balanced(name string, change ...func(*corev1.Service)) *corev1.Service {
	ofUs := class
	s := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "media", Name: name, UID: types.UID("uid-" + name), ResourceVersion: "1",
			Annotations: map[string]string{"nearcast.dev/vip": vip4},
		},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeLoadBalancer, LoadBalancerClass: &ofUs,
			Ports: []corev1.ServicePort{{Name: "http", Port: 80}},
		},
	}
	for _, c := range change {
		c(s)
	}
	return s
}

// annotated sets an annotation, or removes it if the text is "".
func annotated(key, text string) func(*corev1.Service) {
	return func(s *corev1.Service) {
		s.Annotations[key] = text
		if text == "" {
			delete(s.Annotations, key)
		}
	}
}

func classless(s *corev1.Service) { s.Spec.LoadBalancerClass = nil }

func clusterIP(s *corev1.Service) {
	s.Spec.Type, s.Spec.LoadBalancerClass = corev1.ServiceTypeClusterIP, nil
}

func labelled(s *corev1.Service) { s.Labels = map[string]string{federation.FunctionLabel: "true"} }

func deleted(s *corev1.Service) { s.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)} }

func ofClass(name string) func(*corev1.Service) {
	return func(s *corev1.Service) { s.Spec.LoadBalancerClass = &name }
}

// TestServicesAreDeclaredRefusedOrIgnored has declared Services, refused ones with a reason, and others.
func TestServicesAreDeclaredRefusedOrIgnored(t *testing.T) {
	for name, c := range map[string]struct {
		service *corev1.Service
		want    string
	}{
		"of the class":                                {balanced("a"), vip4},
		"of both families":                            {balanced("a", annotated("nearcast.dev/vip", "198.51.100.80, 2001:db8::80")), vip4 + " 2001:db8::80"},
		"a function with an address":                  {balanced("a", labelled, clusterIP), vip4},
		"a function of a cloud's balancer":            {balanced("a", labelled, classless), vip4},
		"an address alone":                            {balanced("a", clusterIP), ""},
		"labelled false":                              {balanced("a", clusterIP, func(s *corev1.Service) { s.Labels = map[string]string{federation.FunctionLabel: "false"} }), ""},
		"a function without an address":               {balanced("a", labelled, clusterIP, annotated("nearcast.dev/vip", "")), ""},
		"a function without one and with a bad probe": {balanced("a", labelled, clusterIP, annotated("nearcast.dev/vip", ""), annotated("nearcast.dev/probe", "icmp://")), ""},
		"of another class":                            {balanced("a", ofClass("example.org/other")), ""},
		"of the class, being deleted":                 {balanced("a", deleted), ""},
		"of the class, with a bad address, deleted":   {balanced("a", annotated("nearcast.dev/vip", "x"), deleted), ""},
		"of the class without an address":             {balanced("a", annotated("nearcast.dev/vip", "")), "refused: an anycast address is the same at every site: set nearcast.dev/vip"},
		"a bad address":                               {balanced("a", annotated("nearcast.dev/vip", "198.51.100.800")), `refused: nearcast.dev/vip: "198.51.100.800" is not an IP address`},
		"an empty address":                            {balanced("a", func(s *corev1.Service) { s.Annotations["nearcast.dev/vip"] = " " }), "refused: nearcast.dev/vip: is empty; give a value or remove the annotation"},
		"a bad probe":                                 {balanced("a", annotated("nearcast.dev/probe", "tcp://")), `refused: nearcast.dev/probe: "tcp://" is not tcp://:PORT`},
		"a typo":                                      {balanced("a", annotated("nearcast.dev/prob", "none")), "refused: nearcast.dev/prob: unknown annotation; did you mean nearcast.dev/probe?"},
	} {
		t.Run(name, func(t *testing.T) {
			var r request
			if stripService(c.service) {
				r = newRequest(c.service, nil)
			}
			got := ""
			if r.declares() {
				for _, a := range r.template.VIPs {
					got += " " + a.String()
				}
			}
			if r.refused != "" {
				got += " refused: " + r.refused
			}
			if got = strings.TrimSpace(got); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestFaultsOfDNSAnnotationsCostNoAddress tries every policy, and every annotation that resolvers
// read, good and bad. A bad probe is the control.
func TestFaultsOfDNSAnnotationsCostNoAddress(t *testing.T) {
	values := map[string][]string{
		"policy": append(policy.Names(), "weighted sticky", "fastest cold wasm 5ms", "nearst"), "weights": {"de=1", "de"},
		"ttl": {"30", "0"}, "txt": {`"a"`, strings.Repeat("x", 9000)}, "alpn": {"h3", ","}, "port": {"443", "x"}, "workload": {"Deployment/a", "a/b/c"},
		"address.de": {"de=192.0.2.1", "x"}, "access": {"private", "x"},
	}
	for key, all := range values {
		for _, value := range all {
			s := balanced("a", labelled, annotated("nearcast.dev/"+key, value))
			if r := readAsFirst(s); !r.declares() || r.refused != "" {
				t.Errorf("%s: %q: got %q, want the address", key, value, r.refused)
			}
		}
	}
	if r := readAsFirst(balanced("a", annotated("nearcast.dev/probe", "x"))); r.declares() || r.refused == "" {
		t.Error("an invalid probe was not refused")
	}
}

func readAsFirst(s *corev1.Service) request {
	stripService(s)
	return newRequest(s, nil)
}

// TestAnInvalidVersionKeepsTheValidOne checks that a typo does not withdraw an address
// from every site, except if the Service is a new one of the same name.
func TestAnInvalidVersionKeepsTheValidOne(t *testing.T) {
	good := newRequest(balanced("a"), nil)
	bad := newRequest(balanced("a", annotated("nearcast.dev/probe", "x://")), good.template)
	if !bad.declares() || bad.unread || !strings.Contains(bad.refused, "nearcast.dev/probe") {
		t.Errorf("got %+v, want it refused and declared as before", bad)
	}
	other := newRequest(balanced("a", annotated("nearcast.dev/probe", "x://"), func(s *corev1.Service) { s.UID = "other" }), good.template)
	if other.declares() || !other.unread {
		t.Errorf("got %+v, want nothing of a deleted Service", other)
	}
}

func TestAServiceIsDeclaredInFull(t *testing.T) {
	s := balanced("a", labelled, has(vip4), annotated("nearcast.dev/probe", "http://:80/healthz"), annotated("nearcast.dev/expect", "status=200"), func(s *corev1.Service) {
		s.CreationTimestamp = metav1.Unix(1000, 0)
		s.Spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyLocal
		s.Spec.Ports = append(s.Spec.Ports, corev1.ServicePort{Name: "quic", Port: 443, Protocol: corev1.ProtocolUDP})
	})
	stripService(s)
	r := newRequest(s, nil)
	got := r.declaration(nil, "node")
	want := cluster.Service{
		ServiceRef: vip.ServiceRef{Namespace: "media", Name: "a"}, Created: time.Unix(1000, 0).UTC(),
		Addresses: []netip.Addr{netip.MustParseAddr(vip4)}, Local: true, Ports: []string{"tcp/80", "udp/443"},
		Probe: federation.Target{Kind: federation.ProbeHTTP, Path: "/healthz", Expect: federation.Expect{From: 200, To: 200}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
}

// TestStrippingIsIdempotent, because the Reflector may pass an object twice.
func TestStrippingIsIdempotent(t *testing.T) {
	s := balanced("a", labelled, func(s *corev1.Service) {
		s.Annotations["kubectl.kubernetes.io/last-applied-configuration"] = "{}"
		s.Spec.Selector, s.Finalizers = map[string]string{"app": "a"}, []string{"example.org/x"}
	})
	stripService(s)
	once := s.DeepCopy()
	if !stripService(s) || !reflect.DeepEqual(s, once) {
		t.Errorf("%+v\nwas %+v", s, once)
	}
	if len(s.Annotations) != 1 || s.Spec.Selector != nil || s.Finalizers != nil {
		t.Errorf("%+v keeps fields that are never read", s)
	}
}
