package kube

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/nearcast/nearcast/bgp/cluster"
	"github.com/nearcast/nearcast/internal/federation"
)

func ptr[T any](v T) *T { return &v }

// sliceOf is a slice of a Service with a port that is named http, and endpoints
// such as "192.0.2.1 ready here"; a word with ! before it is false, without it
// true, and a missing word is unset.
func sliceOf(service, name string, port int32, endpoints ...string) *discoveryv1.EndpointSlice {
	s := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: "media", Name: name, ResourceVersion: "1", Labels: map[string]string{discoveryv1.LabelServiceName: service}},
		Ports:      []discoveryv1.EndpointPort{{Name: ptr("http"), Port: &port}},
	}
	for _, text := range endpoints {
		words := strings.Fields(text)
		e := discoveryv1.Endpoint{Addresses: words[:1]}
		for _, word := range words[1:] {
			is := !strings.HasPrefix(word, "!")
			switch strings.TrimPrefix(word, "!") {
			case "ready":
				e.Conditions.Ready = &is
			case "serving":
				e.Conditions.Serving = &is
			case "terminating":
				e.Conditions.Terminating = &is
			case "here":
				e.NodeName = ptr("node")
			case "there":
				e.NodeName = ptr("another")
			default:
				panic(word)
			}
		}
		s.Endpoints = append(s.Endpoints, e)
	}
	return s
}

// text formats the endpoints as sliceOf reads them.
func text(all []cluster.Endpoint) string {
	var parts []string
	for _, e := range all {
		s := e.Addr.String()
		for word, is := range map[string]bool{" ready": e.Ready, " terminating": e.Terminating} {
			if is {
				s += word
			}
		}
		if e.Here {
			s += " here"
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, ", ")
}

func TestAnEndpointFollowsItsConditions(t *testing.T) {
	for endpoint, want := range map[string]string{
		"192.0.2.1":       "192.0.2.1:8080 ready",
		"192.0.2.1 ready": "192.0.2.1:8080 ready",
		"192.0.2.1 ready serving !terminating here": "192.0.2.1:8080 ready here",
		"192.0.2.1 ready there":                     "192.0.2.1:8080 ready",
		"192.0.2.1 !ready":                          "192.0.2.1:8080",
		"192.0.2.1 !ready serving terminating here": "192.0.2.1:8080 terminating here",
		"192.0.2.1 !ready terminating":              "192.0.2.1:8080 terminating",
		"192.0.2.1 !ready !serving terminating":     "192.0.2.1:8080",
		// Where not-ready addresses are published.
		"192.0.2.1 ready serving terminating": "192.0.2.1:8080 terminating",
		"2001:db8::1 ready":                   "[2001:db8::1]:8080 ready",
		"::ffff:192.0.2.1 ready":              "192.0.2.1:8080 ready",
		"pod.example.org ready":               "",
		// Metadata addresses of clouds, and other forms of them.
		"fd00:ec2::254 ready":            "",
		"100.100.100.200 ready":          "",
		"64:ff9b::169.254.169.254 ready": "",
		"fe80::1%eth0 ready":             "",
	} {
		got := text(endpointsOf([]*discoveryv1.EndpointSlice{sliceOf("a", "a-1", 8080, endpoint)}, probePort{80, true, "http"}, probePort{}, "node"))
		if got != want {
			t.Errorf("%s: got %q, want %q", endpoint, got, want)
		}
	}
}

// TestSlicesAreJoined has both families, one endpoint in two slices, and a port of
// pods that differs between slices.
func TestSlicesAreJoined(t *testing.T) {
	slices := []*discoveryv1.EndpointSlice{
		sliceOf("a", "a-1", 8080, "192.0.2.2 ready", "192.0.2.1 !ready serving terminating", "192.0.2.4 !ready serving terminating"),
		sliceOf("a", "a-2", 8080, "192.0.2.1 ready here", "192.0.2.4 !ready !serving terminating"),
		sliceOf("a", "a-3", 8080, "2001:db8::1 ready"),
		sliceOf("a", "a-4", 9090, "192.0.2.3 ready"),
	}
	const want = "192.0.2.1:8080 ready here, 192.0.2.2:8080 ready, 192.0.2.3:9090 ready, 192.0.2.4:8080 terminating, [2001:db8::1]:8080 ready"
	for range 2 {
		if got := text(endpointsOf(slices, probePort{80, true, "http"}, probePort{}, "node")); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
		for i, j := 0, len(slices)-1; i < j; i, j = i+1, j-1 { // in any order
			slices[i], slices[j] = slices[j], slices[i]
		}
	}
}

// TestEndpointsAreProbedAtTheRightPort has the annotation and the port that follows, with a
// Service that has 80 for http and 443 for https.
func TestEndpointsAreProbedAtTheRightPort(t *testing.T) {
	slice := sliceOf("a", "a-1", 8080, "192.0.2.1")
	slice.Ports = append(slice.Ports,
		discoveryv1.EndpointPort{Name: ptr("https"), Port: ptr(int32(8443)), Protocol: ptr(corev1.ProtocolTCP)},
		discoveryv1.EndpointPort{Name: ptr("dns"), Port: ptr(int32(5353)), Protocol: ptr(corev1.ProtocolUDP)})
	ports := []corev1.ServicePort{{Name: "dns", Port: 53, Protocol: corev1.ProtocolUDP}, {Name: "http", Port: 80}, {Name: "https", Port: 443, Protocol: corev1.ProtocolTCP}}
	for _, c := range []struct {
		probe string
		ports []corev1.ServicePort
		want  string
	}{
		{"", ports, "tcp at 192.0.2.1:8080"},
		{"", ports[:1], "none at 192.0.2.1:0"},
		{"", nil, "none at 192.0.2.1:0"},
		{"none", ports, "none at 192.0.2.1:0"},
		{"tcp://:443", ports, "tcp at 192.0.2.1:8443"},
		{"tcp://:8443", ports, "tcp at 192.0.2.1:8443"},
		{"tcp://:9000", ports, "tcp at 192.0.2.1:9000"},      // a port only for probes
		{"tcp://:53", ports, "tcp at 192.0.2.1:53"},          // which the Service has for UDP
		{"http:///healthz", ports, "http at 192.0.2.1:8080"}, // the first TCP port
		{"https://:443/", ports, "https at 192.0.2.1:8443"},  //
		{"grpc://:80/x.Health", ports, "grpc at 192.0.2.1:8080"},
		{"tcp://:80", []corev1.ServicePort{{Name: "gone", Port: 80}}, "tcp at 192.0.2.1:0"}, // no endpoint has it
	} {
		s := balanced("a", annotated("nearcast.dev/probe", c.probe), func(s *corev1.Service) { s.Spec.Ports = c.ports })
		r := newRequest(s, nil)
		if r.refused != "" {
			t.Fatal(r.refused)
		}
		d := r.declaration([]*discoveryv1.EndpointSlice{slice}, "node")
		if got := fmt.Sprintf("%s at %s", d.Probe.Kind, d.Endpoints[0].Addr); got != c.want {
			t.Errorf("%s: got %s, want %s", c.probe, got, c.want)
		}
	}
}

func TestAPortWithoutANameIsFound(t *testing.T) {
	slice := sliceOf("a", "a-1", 8080, "192.0.2.1")
	for _, name := range []*string{nil, ptr("")} {
		slice.Ports[0].Name = name
		if got := portOf(balanced("a", func(s *corev1.Service) { s.Spec.Ports[0].Name = "" }), 80).in(slice); got != 8080 {
			t.Errorf("got %d, want 8080", got)
		}
	}
}

func TestAProbeSendsWhatTheAnnotationsSay(t *testing.T) {
	for _, c := range []struct {
		probe, hostname, expect string
		want                    federation.Target
	}{
		{"http://:80/x?y", "", "", federation.Target{Kind: federation.ProbeHTTP, Path: "/x?y"}},
		{"http://:80/", "*.a.example.org,b.example.org", "", federation.Target{Kind: federation.ProbeHTTP, Path: "/", Host: "b.example.org"}},
		{"https://c.example.org:80/", "b.example.org,*.example.org", "body=ok", federation.Target{Kind: federation.ProbeHTTPS, Path: "/", Host: "c.example.org", Expect: federation.Expect{Body: "ok"}}},
		{"grpc://:80/x.Health", "b.example.org", "body=ok", federation.Target{Kind: federation.ProbeGRPC, Path: "/x.Health", Host: "b.example.org"}},
		{"tcp://:80", "b.example.org", "body=ok", federation.Target{Kind: federation.ProbeTCP}},
	} {
		s := balanced("a", annotated("nearcast.dev/probe", c.probe), annotated("nearcast.dev/hostname", c.hostname), annotated("nearcast.dev/expect", c.expect))
		r := newRequest(s, nil)
		if r.refused != "" {
			t.Fatal(r.refused)
		}
		if got := r.declaration(nil, "node").Probe; got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.probe, got, c.want)
		}
	}
}
