package manifests

import (
	"context"
	"fmt"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// TestTheAPIAcceptsEveryObject applies each directory to its API by a
// server-side dry run, and objects that Karmada propagates also to a member's.
func TestTheAPIAcceptsEveryObject(t *testing.T) {
	w := theWorld(t)
	all, err := folders()
	if err != nil {
		t.Fatal(err)
	}
	objects := map[string][]*unstructured.Unstructured{}
	for _, folder := range all {
		objects[folder] = build(t, folder)
	}
	counts := map[api]int{}
	for _, folder := range all {
		a, err := apiOf(folder)
		if err != nil {
			t.Error(err)
			continue
		}
		t.Run(folder, func(t *testing.T) {
			for _, object := range objects[folder] {
				w.takes(t, a, object)
				counts[a]++
				if a == karmada && carried(object) {
					w.takes(t, member, object)
					counts[member]++
				}
			}
		})
	}
	t.Logf("%d objects on the Karmada API and %d on a member's, of %d directories", counts[karmada], counts[member], len(all))
}

// carried reports whether Karmada propagates the object to members.
func carried(object *unstructured.Unstructured) bool {
	group := object.GroupVersionKind().Group
	return !strings.HasSuffix(group, ".karmada.io") && group != "rbac.authorization.k8s.io"
}

func (w *world) takes(t *testing.T, a api, object *unstructured.Unstructured) {
	t.Helper()
	if err := w.room(t.Context(), a, object); err != nil {
		t.Fatal(err)
	}
	if _, err := w.servers[a].dryRun(t.Context(), object); err != nil {
		t.Errorf("%s %s: the %s rejects it: %v", object.GetKind(), object.GetName(), a, err)
	}
}

// room makes the object's namespace, which even a dry run needs; one that is itself
// among the objects with its own labels.
func (w *world) room(ctx context.Context, a api, object *unstructured.Unstructured) error {
	s := w.servers[a]
	if object.GetKind() == "Namespace" {
		return s.apply(ctx, object)
	}
	if object.GetNamespace() == "" {
		return nil
	}
	namespace := new(unstructured.Unstructured)
	namespace.SetAPIVersion("v1")
	namespace.SetKind("Namespace")
	namespace.SetName(object.GetNamespace())
	resource, err := s.resource(namespace)
	if err != nil {
		return err
	}
	if _, err := resource.Create(ctx, namespace, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("namespace %s: %w", namespace.GetName(), err)
	}
	return nil
}

// TestAMisspelledFieldIsRejected shows that the dry runs can fail: for kinds of
// Kubernetes' own, of definitions, and of Karmada's own API server.
func TestAMisspelledFieldIsRejected(t *testing.T) {
	w := theWorld(t)
	for _, c := range []struct {
		folder, kind string
	}{
		{"network/policies/science", "NetworkPolicy"},
		{"network/calico", "Installation"},
		{"network/bgp/beside", "BGPPeer"},
		{"network/gateway", "EnvoyProxy"},
		{"federation/clusters", "Cluster"},
		{"federation/failover", "ClusterTaintPolicy"},
		{"clusters/capi", "KThreesControlPlane"},
	} {
		t.Run(c.kind, func(t *testing.T) {
			a, err := apiOf(c.folder)
			if err != nil {
				t.Fatal(err)
			}
			for _, object := range build(t, c.folder) {
				if object.GetKind() != c.kind {
					continue
				}
				if err := w.room(t.Context(), a, object); err != nil {
					t.Fatal(err)
				}
				if err := unstructured.SetNestedField(object.Object, "x", "spec", "misspelt"); err != nil {
					t.Fatal(err)
				}
				if _, err := w.servers[a].dryRun(t.Context(), object); err == nil || !strings.Contains(err.Error(), "misspelt") {
					t.Errorf("%s %s with spec.misspelt: got %v, want an error that names it", c.kind, object.GetName(), err)
				}
				return
			}
			t.Fatalf("found no %s in manifests/%s", c.kind, c.folder)
		})
	}
}

// TestPodsAreAdmittedByTheirNamespaces tests what no dry run of a Deployment or
// DaemonSet does: its pods against the security level of their namespace.
func TestPodsAreAdmittedByTheirNamespaces(t *testing.T) {
	w := theWorld(t)
	all, err := folders()
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, folder := range all {
		for _, object := range build(t, folder) {
			pod := podOf(object)
			if pod == nil || object.GetNamespace() == "" {
				continue
			}
			tried++
			// The namespace with its labels, if the directory has it.
			for _, other := range build(t, folder) {
				if other.GetKind() == "Namespace" {
					w.takes(t, member, other)
				}
			}
			if err := w.room(t.Context(), member, pod); err != nil {
				t.Fatal(err)
			}
			if _, err := w.servers[member].dryRun(t.Context(), pod); err != nil {
				t.Errorf("manifests/%s: %s %s: its pods are rejected: %v", folder, object.GetKind(), object.GetName(), err)
			}
		}
	}
	t.Logf("the pods of %d workloads", tried)
	if tried == 0 {
		t.Error("manifests/ has no workload")
	}
}

// podOf returns a pod of the workload, or nil for another kind of object.
func podOf(object *unstructured.Unstructured) *unstructured.Unstructured {
	template, ok, err := unstructured.NestedMap(object.Object, "spec", "template")
	if !ok || err != nil || object.GroupVersionKind().Group != "apps" {
		return nil
	}
	pod := &unstructured.Unstructured{Object: template}
	pod.SetAPIVersion("v1")
	pod.SetKind("Pod")
	pod.SetName(object.GetName())
	pod.SetNamespace(object.GetNamespace())
	return pod
}
