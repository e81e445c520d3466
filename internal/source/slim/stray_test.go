package slim_test

import (
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	clusterv1alpha1 "github.com/karmada-io/karmada/pkg/apis/cluster/v1alpha1"
	karmadanetworkingv1alpha1 "github.com/karmada-io/karmada/pkg/apis/networking/v1alpha1"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/source/slim"
)

// TestNothingThatCarriesAKeyIsIgnoredSilently has labels and annotations in every place
// where they mean nothing, and where they mean something.
func TestNothingThatCarriesAKeyIsIgnoredSilently(t *testing.T) {
	type keys = map[string]string
	meta := func(labels, annotations keys) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: "ns", Name: "web", Labels: labels, Annotations: annotations}
	}
	function := keys{"nearcast.dev/function": "true"}
	for name, c := range map[string]struct {
		object any
		want   []string // parts of the warnings
	}{
		"a function":                     {&corev1.Service{ObjectMeta: meta(function, keys{"nearcast.dev/ttl": "5"})}, nil},
		"no key":                         {&corev1.Service{ObjectMeta: meta(keys{"app": "web"}, keys{"example.org/x": "y"})}, nil},
		"True":                           {&corev1.Service{ObjectMeta: meta(keys{"nearcast.dev/function": "True"}, nil)}, []string{`label nearcast.dev/function: is "True" and declares no function`}},
		"yes":                            {&corev1.Service{ObjectMeta: meta(keys{"nearcast.dev/function": "yes"}, nil)}, []string{`only "true" does`}},
		"false":                          {&corev1.Service{ObjectMeta: meta(keys{"nearcast.dev/function": "false"}, nil)}, []string{`is "false"`}},
		"empty":                          {&networkingv1.Ingress{ObjectMeta: meta(keys{"nearcast.dev/function": ""}, nil)}, []string{`is "" and`}},
		"a label in another case":        {&corev1.Service{ObjectMeta: meta(keys{"nearcast.dev/Function": "true"}, nil)}, []string{"keys are case-sensitive; did you mean nearcast.dev/function?"}},
		"a prefix in another case":       {&corev1.Service{ObjectMeta: meta(keys{"Nearcast.dev/function": "true"}, nil)}, []string{"did you mean nearcast.dev/function?"}},
		"an annotation for the label":    {&corev1.Service{ObjectMeta: meta(nil, keys{"nearcast.dev/function": "true"})}, []string{"nearcast.dev/function: is ignored as an annotation: it is a label"}},
		"annotations without the label":  {&corev1.Service{ObjectMeta: meta(nil, keys{"nearcast.dev/hostname": "x", "nearcast.dev/ttl": "5"})}, []string{"nearcast.dev/hostname: is ignored: the Service has no label", "nearcast.dev/ttl: is ignored"}},
		"an Ingress without the label":   {&networkingv1.Ingress{ObjectMeta: meta(nil, keys{"nearcast.dev/ttl": "5"})}, []string{"the Ingress has no label"}},
		"an annotation in another case":  {&corev1.Service{ObjectMeta: meta(function, keys{"nearcast.Dev/ttl": "5"})}, []string{"nearcast.Dev/ttl: is ignored: keys are case-sensitive; did you mean nearcast.dev/ttl?"}},
		"a label for an annotation":      {&corev1.Service{ObjectMeta: meta(keys{"nearcast.dev/function": "true", "nearcast.dev/hostname": "x"}, nil)}, []string{"label nearcast.dev/hostname: is ignored as a label: it is an annotation"}},
		"an unknown label":               {&corev1.Service{ObjectMeta: meta(keys{"nearcast.dev/function": "true", "nearcast.dev/x": "x"}, nil)}, []string{"the only label is nearcast.dev/function"}},
		"a Deployment":                   {&appsv1.Deployment{ObjectMeta: meta(function, keys{"nearcast.dev/hostname": "x"})}, []string{"label nearcast.dev/function: is ignored on kind Deployment: label the function's Service", "nearcast.dev/hostname: is ignored on kind Deployment: annotate"}},
		"a StatefulSet":                  {&appsv1.StatefulSet{ObjectMeta: meta(function, nil)}, []string{"is ignored on kind StatefulSet"}},
		"a DaemonSet":                    {&appsv1.DaemonSet{ObjectMeta: meta(nil, keys{"nearcast.dev/ttl": "5"})}, []string{"is ignored on kind DaemonSet"}},
		"a MultiClusterService":          {&karmadanetworkingv1alpha1.MultiClusterService{ObjectMeta: meta(function, nil)}, []string{"is ignored on kind MultiClusterService"}},
		"a Cluster":                      {&clusterv1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Name: "a", Annotations: keys{"nearcast.dev/cost": "2"}}}, nil},
		"a Cluster with labels":          {&clusterv1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Name: "a", Labels: keys{"nearcast.dev/drain": "true"}}}, []string{"label nearcast.dev/drain: is ignored as a label: it is an annotation"}},
		"a Cluster, in another case":     {&clusterv1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Name: "a", Annotations: keys{"Nearcast.dev/Drain": "true"}}}, []string{"did you mean nearcast.dev/drain?"}},
		"a label of our own manifests":   {&corev1.Service{ObjectMeta: meta(keys{"nearcast.dev/function": "true", "nearcast.dev/spread": "edge"}, nil)}, nil},
		"a Service only for the speaker": {&corev1.Service{ObjectMeta: meta(nil, keys{"nearcast.dev/vip": "192.0.2.1"}), Spec: corev1.ServiceSpec{LoadBalancerClass: new("nearcast.dev/anycast")}}, nil},
		"hosts of an Ingress": {&networkingv1.Ingress{ObjectMeta: meta(function, nil), Spec: networkingv1.IngressSpec{
			Rules: []networkingv1.IngressRule{{Host: "A.fn.example.org"}, {Host: "b_.fn.example..org"}, {}, {Host: "*.fn.example.org"}},
		}}, []string{`spec.rules: a host is ignored: "b_.fn.example..org" is not a hostname`}},
		"a backend that is not a Service": {&networkingv1.Ingress{ObjectMeta: meta(function, nil), Spec: networkingv1.IngressSpec{
			DefaultBackend: &networkingv1.IngressBackend{Resource: &corev1.TypedLocalObjectReference{Kind: "StorageBucket", Name: "static"}},
		}}, []string{"spec.defaultBackend: backend StorageBucket/static is not a Service"}},
		"one for the speaker, declared wrongly": {&corev1.Service{ObjectMeta: meta(keys{"nearcast.dev/function": "True"}, keys{"nearcast.dev/vip": "192.0.2.1"}), Spec: corev1.ServiceSpec{LoadBalancerClass: new("nearcast.dev/anycast")}}, []string{`is "True" and declares no function`}},
		"a Service of another class":            {&corev1.Service{ObjectMeta: meta(nil, keys{"nearcast.dev/vip": "192.0.2.1"}), Spec: corev1.ServiceSpec{LoadBalancerClass: new("example.org/lb")}}, []string{"nearcast.dev/vip"}},
	} {
		faults := slim.Read(c.object, federation.Origin{}, nil).Faults
		hold(t, name, faults, c.want)
	}
	for _, kind := range []string{"HTTPRoute", "SpinApp", "MultiClusterIngress", "Service"} {
		faults := slim.Strays(federation.Ref{Group: "example.org", Kind: kind, Namespace: "ns", Name: "web"}, function, keys{"nearcast.dev/ttl": "5"}, federation.Origin{File: "f.yaml", Line: 3}, map[string]int{"nearcast.dev/ttl": 4})
		hold(t, kind, faults, []string{"label nearcast.dev/function: is ignored on kind " + kind, "f.yaml:7: " + kind + " ns/web: nearcast.dev/ttl: is ignored on kind " + kind})
	}
}

func hold(t *testing.T, name string, faults []federation.Fault, want []string) {
	t.Helper()
	var got []string
	for _, f := range faults {
		if !f.Warning {
			t.Errorf("%s: %v is not a warning", name, f)
		}
		got = append(got, f.Error())
	}
	if !slices.EqualFunc(got, want, strings.Contains) {
		t.Errorf("%s: %q, want %q", name, got, want)
	}
}
