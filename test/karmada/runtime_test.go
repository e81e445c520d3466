package karmada

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// crd is the definition of a kind with a status that another controller writes.
const crd = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: %[1]s.%[2]s}
spec:
  group: %[2]s
  scope: Namespaced
  names: {plural: %[1]s, kind: %[3]s, singular: %[4]s, listKind: %[3]sList}
  versions:
  - name: %[5]s
    served: true
    storage: true
    subresources: {status: {}}
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`

// serveKind has Karmada and the members serve a kind.
func (s *scene) serveKind(plural, group, kind, version string) {
	s.Helper()
	yaml := fmt.Sprintf(crd, plural, group, kind, strings.ToLower(kind), version)
	for _, where := range []string{"", "de-wide", "hpc-kube", "us-azure"} {
		s.kubectl(where, yaml, "apply", "--server-side", "-f", "-")
		s.kubectl(where, "", "wait", "--for=condition=Established", "crd/"+plural+"."+group, "--timeout=20s")
	}
	s.within("Karmada knows that the members serve "+kind, time.Minute, func() error {
		for _, member := range []string{"de-wide", "us-azure"} {
			served := s.kubectl("", "", "get", "cluster", member, "-o", "jsonpath={.status.apiEnablements}")
			if !strings.Contains(served, `"`+kind+`"`) || !strings.Contains(served, group) {
				return fmt.Errorf("%s does not", member)
			}
		}
		return nil
	})
}

const customYAML = `apiVersion: %[1]s
kind: %[2]s
metadata: {name: hello, namespace: %[3]s}
spec: {replicas: 1, image: registry.example.org/hello}
---
apiVersion: v1
kind: Service
metadata:
  name: %[5]s
  namespace: %[3]s
  labels: {nearcast.dev/function: "true"}
  annotations: {nearcast.dev/probe: none, nearcast.dev/workload: %[2]s/hello, nearcast.dev/address: "us-azure=%[6]s,de-wide=%[7]s"}
spec:
  ports: [{name: http, port: %[4]d}]
---
apiVersion: policy.karmada.io/v1alpha1
kind: PropagationPolicy
metadata: {name: hello, namespace: %[3]s}
spec:
  resourceSelectors:
  - {apiVersion: %[1]s, kind: %[2]s, name: hello}
  - {apiVersion: v1, kind: Service, name: %[5]s}
  placement: {clusterAffinity: {clusterNames: [us-azure, de-wide]}}
`

// falselyHealthy tests a kind that Karmada cannot judge, without and with the
// customization that manifests/karmada has for it; ready and not are statuses of
// the object in a member.
func (s *scene) falselyHealthy(apiVersion, kind, resource, binding, customization, ready, not string) {
	s.Helper()
	s.kubectl("", "", "delete", "resourceinterpretercustomization", customization)
	restore := func() {
		s.kubectl("", "", "apply", "--server-side", "-k", manifests+"/interpreters")
	}
	defer restore()
	// A Service of another name: its binding would have the name of a Knative Service's.
	s.apply(fmt.Sprintf(customYAML, apiVersion, kind, s.namespace, port, "web", s.addr("us-azure"), s.addr("de-wide")))
	for _, member := range []string{"us-azure", "de-wide"} {
		s.status(member, resource, "hello", not)
	}
	s.answers("Karmada reports it healthy although it is not", s.host("web"), "us", "us-azure", soon)
	s.within("without the customization Karmada reports it healthy", time.Minute, func() error {
		return want(fmt.Sprint(s.observed(binding, "us-azure").Health), "Healthy")
	})
	restore()
	s.status("de-wide", resource, "hello", ready)
	touches := 0
	s.within("with the customization it is unhealthy, and another is healthy", 2*soon, func() error {
		// Karmada judges an object again only when it changes, and may have judged this
		// change before it knew the customization.
		touches++
		s.status("us-azure", resource, "hello", fmt.Sprintf(`{"touched":%d}`, touches))
		return want(s.server.ask(s.host("web"), "us"), s.addr("de-wide"))
	})
	s.status("us-azure", resource, "hello", ready)
	s.answers("and it is reported healthy once it is", s.host("web"), "us", "us-azure", soon)
}

// status writes the status of an object in a member, as its controller would.
func (s *scene) status(member, resource, name, status string) {
	s.Helper()
	s.within(resource+" is in "+member, time.Minute, func() error {
		_, err := w.plane.Kubectl(s.Context(), member, "", "patch", resource, name, "-n", s.namespace, "--subresource=status", "--type=merge", "-p", `{"status":`+status+`}`)
		return err
	})
}

func TestSpinAppsAreHealthyOnlyIfTheyReallyAre(t *testing.T) {
	s := stage(t)
	s.serveKind("spinapps", "core.spinkube.dev", "SpinApp", "v1alpha1")
	s.falselyHealthy("core.spinkube.dev/v1alpha1", "SpinApp", "spinapps.core.spinkube.dev", "hello-spinapp", "nearcast-spinapp", `{"readyReplicas":1}`, `{"readyReplicas":0}`)
}

func TestKnativeServicesAreHealthyOnlyIfTheyReallyAre(t *testing.T) {
	s := stage(t)
	s.serveKind("services", "serving.knative.dev", "Service", "v1")
	condition := func(status string) string {
		return `{"observedGeneration":1,"conditions":[{"type":"Ready","status":"` + status + `"}]}`
	}
	s.falselyHealthy("serving.knative.dev/v1", "Service", "services.serving.knative.dev", "hello-service", "nearcast-knative-service", condition("True"), condition("False"))
}

// TestAKnativeAndACoreServiceWithTheSameName shows the collision of Karmada's binding
// names (its trap 5): the two share the name hello-service.
func TestAKnativeAndACoreServiceWithTheSameName(t *testing.T) {
	s := stage(t)
	s.up("us-azure", "de-wide")
	s.serveKind("services", "serving.knative.dev", "Service", "v1")
	s.deploy(function{name: "hello", clusters: []string{"us-azure"}})
	s.answers("only the core Service", s.host("hello"), "us", "us-azure", soon)
	s.apply(fmt.Sprintf(`apiVersion: serving.knative.dev/v1
kind: Service
metadata: {name: hello, namespace: %[1]s}
spec: {template: {}}
---
apiVersion: policy.karmada.io/v1alpha1
kind: PropagationPolicy
metadata: {name: knative, namespace: %[1]s}
spec:
  resourceSelectors: [{apiVersion: serving.knative.dev/v1, kind: Service, name: hello}]
  placement: {clusterAffinity: {clusterNames: [de-wide]}}
`, s.namespace))
	time.Sleep(3 * time.Second) // for Karmada to do what it will
	// Whichever of them has the binding: the Knative Service's clusters are never
	// taken for the core Service's.
	var resource string
	s.within("the core Service is answered only by its own binding", soon, func() error {
		resource = s.binding("hello-service", "{.spec.resource.apiVersion} in {.spec.clusters[*].name}")
		got := s.server.ask(s.host("hello"), "us")
		if got == s.addr("de-wide") {
			t.Fatal("the core Service is answered at the Knative Service's clusters")
		}
		wanted := s.addr("us-azure")
		if strings.HasPrefix(resource, "serving.knative.dev") {
			wanted = "NODATA"
		}
		if got != wanted {
			return fmt.Errorf("got %s, want %s: the binding belongs to %s", got, wanted, resource)
		}
		return nil
	})
	t.Logf("Karmada's only binding hello-service belongs to %s", resource)
}

const multiClusterService = `apiVersion: networking.karmada.io/v1alpha1
kind: MultiClusterService
metadata: {name: hello, namespace: %s}
spec:
  types: [CrossCluster]
  providerClusters: [{name: de-wide}]
  consumerClusters: [{name: us-azure}, {name: de-wide}]
`

func TestAConsumerOfAMultiClusterServiceIsNotAPlacement(t *testing.T) {
	s := stage(t)
	s.up("us-azure", "de-wide")
	s.deploy(function{name: "hello", clusters: []string{"us-azure", "de-wide"}})
	s.answers("both", s.host("hello"), "us", "us-azure", soon)
	s.apply(fmt.Sprintf(multiClusterService, s.namespace))
	s.answers("only the provider", s.host("hello"), "us", "de-wide", soon)
	s.kubectl("", "", "delete", "multiclusterservice", "hello", "-n", s.namespace)
	s.answers("both again, if Karmada leaves the Service", s.host("hello"), "us", "us-azure", 3*soon)
}

const ingressYAML = `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
  namespace: %[1]s
  labels: {nearcast.dev/function: "true"}
  annotations: {nearcast.dev/probe: "tcp://:8080"}
spec:
  rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]
---
apiVersion: policy.karmada.io/v1alpha1
kind: PropagationPolicy
metadata: {name: web, namespace: %[1]s}
spec:
  resourceSelectors: [{apiVersion: networking.k8s.io/v1, kind: Ingress, name: web}]
  placement: {clusterAffinity: {clusterNames: [us-azure, de-wide]}}
`

func TestAnIngressIsAFunction(t *testing.T) {
	s := stage(t)
	s.up("us-azure", "de-wide")
	s.apply(fmt.Sprintf(ingressYAML, s.namespace))
	for _, member := range []string{"us-azure", "de-wide"} {
		s.within("the Ingress is in "+member, soon, func() error {
			status := fmt.Sprintf(`{"status":{"loadBalancer":{"ingress":[{"ip":%q}]}}}`, s.addr(member))
			_, err := w.members[member].NetworkingV1().Ingresses(s.namespace).Patch(t.Context(), "web", types.MergePatchType, []byte(status), metav1.PatchOptions{}, "status")
			return err
		})
	}
	s.answers("its load balancer's address", s.host("web"), "us", "us-azure", soon)
	s.down("us-azure")
	s.answers("and its probe", s.host("web"), "us", "de-wide", soon)
}
