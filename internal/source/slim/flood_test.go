package slim

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/nearcast/nearcast/internal/federation"
)

// TestTheFaultsOfOneObjectAreBounded has as many annotations as an API server accepts.
func TestTheFaultsOfOneObjectAreBounded(t *testing.T) {
	annotations := map[string]string{}
	for i := range 256 << 10 / len("nearcast.dev/a12345") {
		annotations[fmt.Sprint("nearcast.dev/a", i)] = ""
	}
	rules := make([]networkingv1.IngressRule, 10000)
	for i := range rules {
		rules[i].Host = fmt.Sprintf("h%d.example.org", i)
	}
	for _, label := range []string{"true", "false"} {
		meta := metav1.ObjectMeta{Namespace: "evil", Name: "a", Labels: map[string]string{federation.FunctionLabel: label}, Annotations: annotations}
		ingress := &networkingv1.Ingress{ObjectMeta: meta}
		if label == "true" {
			ingress.Annotations, ingress.Spec.Rules = nil, rules
		}
		for _, obj := range []runtime.Object{&corev1.Service{ObjectMeta: meta}, ingress, &networkingv1.Ingress{ObjectMeta: meta}} {
			faults := Read(obj, federation.Origin{}, nil).Faults
			if len(faults) <= federation.MostOfObject/2 || len(faults) > 2*federation.MostOfObject+2 {
				t.Errorf("%T labelled %s: %d faults are kept", obj, label, len(faults))
			}
		}
	}
}
