package manifests

import (
	"fmt"
	"slices"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

const zone = "fn.example.org"

// functions are the objects of manifests/functions of a kind.
func functions(t *testing.T, kind string) (all []*unstructured.Unstructured) {
	t.Helper()
	for _, object := range build(t, "functions") {
		if object.GetKind() == kind {
			all = append(all, object)
		}
	}
	if len(all) == 0 {
		t.Fatalf("manifests/functions has no %s", kind)
	}
	return all
}

// policies are the NetworkPolicies of a namespace.
func policies(t *testing.T, namespace string) (all []networkingv1.NetworkPolicy) {
	t.Helper()
	for _, object := range build(t, "network/policies") {
		if object.GetKind() != "NetworkPolicy" || object.GetNamespace() != namespace {
			continue
		}
		var p networkingv1.NetworkPolicy
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

func TestEveryTenantIsConfined(t *testing.T) {
	for _, namespace := range functions(t, "Namespace") {
		if namespace.GetLabels()["nearcast.dev/tenant"] != "true" {
			continue
		}
		denied := slices.ContainsFunc(policies(t, namespace.GetName()), func(p networkingv1.NetworkPolicy) bool {
			s := p.Spec
			return len(s.PodSelector.MatchLabels) == 0 && len(s.PodSelector.MatchExpressions) == 0 && len(s.PolicyTypes) == 2 && len(s.Ingress) == 0 && len(s.Egress) == 0
		})
		if !denied {
			t.Errorf("tenant %s has no policy that denies everything: add it to manifests/network/policies", namespace.GetName())
		}
	}
}

// TestNetworkPoliciesAdmitAnnouncedFunctions: clients of a shared address come from anywhere, and
// not through a gateway.
func TestNetworkPoliciesAdmitAnnouncedFunctions(t *testing.T) {
	announced := 0
	for _, service := range functions(t, "Service") {
		if service.GetAnnotations()["nearcast.dev/vip"] == "" {
			continue
		}
		announced++
		for _, pods := range podsOf(t, service) {
			open := slices.ContainsFunc(policies(t, service.GetNamespace()), func(p networkingv1.NetworkPolicy) bool {
				return labels.SelectorFromSet(p.Spec.PodSelector.MatchLabels).Matches(pods) && fromAnywhere(p)
			})
			if !open {
				t.Errorf("%s/%s is announced, but no policy admits clients to its pods: label them nearcast.dev/announced", service.GetNamespace(), service.GetName())
			}
		}
	}
	if announced == 0 {
		t.Error("no function of manifests/functions is announced")
	}
}

func fromAnywhere(p networkingv1.NetworkPolicy) bool {
	for _, rule := range p.Spec.Ingress {
		for _, peer := range rule.From {
			if peer.IPBlock != nil && peer.IPBlock.CIDR == "0.0.0.0/0" {
				return true
			}
		}
	}
	return false
}

// podsOf are the labels of the pods that a Service selects, as its Deployments give
// them.
func podsOf(t *testing.T, service *unstructured.Unstructured) (all []labels.Set) {
	t.Helper()
	selector, _, err := unstructured.NestedStringMap(service.Object, "spec", "selector")
	if err != nil {
		t.Fatal(err)
	}
	for _, workload := range functions(t, "Deployment") {
		set, _, err := unstructured.NestedStringMap(workload.Object, "spec", "template", "metadata", "labels")
		if err != nil {
			t.Fatal(err)
		}
		if workload.GetNamespace() == service.GetNamespace() && labels.SelectorFromSet(selector).Matches(labels.Set(set)) {
			all = append(all, set)
		}
	}
	if len(all) == 0 {
		t.Errorf("%s/%s selects no Deployment's pods", service.GetNamespace(), service.GetName())
	}
	return all
}

// TestEveryFunctionHasARouteToItsService, by the name that Nearcast gives it.
func TestEveryFunctionHasARouteToItsService(t *testing.T) {
	routes := map[string]string{}
	for _, object := range build(t, "network/routes") {
		if object.GetKind() != "HTTPRoute" {
			continue
		}
		names, _, err := unstructured.NestedStringSlice(object.Object, "spec", "hostnames")
		if err != nil {
			t.Fatal(err)
		}
		rules, _, err := unstructured.NestedSlice(object.Object, "spec", "rules")
		if err != nil {
			t.Fatal(err)
		}
		for _, rule := range rules {
			for _, backend := range list(rule.(map[string]any)["backendRefs"]) {
				b := backend.(map[string]any)
				for _, name := range names {
					routes[name] = fmt.Sprintf("%s/%v:%v", object.GetNamespace(), b["name"], b["port"])
				}
			}
		}
	}
	for _, service := range functions(t, "Service") {
		if service.GetLabels()["nearcast.dev/function"] != "true" {
			continue
		}
		ports, _, err := unstructured.NestedSlice(service.Object, "spec", "ports")
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("%s.%s.%s", service.GetName(), service.GetNamespace(), zone)
		want := fmt.Sprintf("%s/%s:%v", service.GetNamespace(), service.GetName(), ports[0].(map[string]any)["port"])
		if routes[name] != want {
			t.Errorf("%s: got backend %q, want %s", name, routes[name], want)
		}
		delete(routes, name)
	}
	for name, service := range routes {
		t.Errorf("%s leads to %s, which is not a function", name, service)
	}
}

// TestNetworkPoliciesUseThePortsOfTheResolver: a port name that no container has matches
// nothing, silently.
func TestNetworkPoliciesUseThePortsOfTheResolver(t *testing.T) {
	have := resolverPorts(t)
	for _, namespace := range []string{"science", "accounts", "nearcast-resolver"} {
		for _, p := range policies(t, namespace) {
			var ports []networkingv1.NetworkPolicyPort
			for _, rule := range p.Spec.Ingress {
				ports = append(ports, rule.Ports...)
			}
			for _, rule := range p.Spec.Egress {
				ports = append(ports, rule.Ports...)
			}
			for _, port := range ports {
				if port.Port.Type == intstr.String && have[port.Port.StrVal] != string(*port.Protocol) {
					t.Errorf("%s/%s: got port %s of %s, want the resolver's %q", namespace, p.Name, port.Port.StrVal, *port.Protocol, have[port.Port.StrVal])
				}
			}
		}
	}
}

// resolverPorts are the named ports of the Deployment, with their protocols.
func resolverPorts(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, object := range build(t, "nearcast/deployment") {
		if object.GetKind() != "Deployment" {
			continue
		}
		containers, _, err := unstructured.NestedSlice(object.Object, "spec", "template", "spec", "containers")
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range containers {
			for _, port := range list(c.(map[string]any)["ports"]) {
				p := port.(map[string]any)
				protocol := "TCP"
				if p["protocol"] != nil {
					protocol = fmt.Sprint(p["protocol"])
				}
				all[fmt.Sprint(p["name"])] = protocol
			}
		}
	}
	return all
}
