package karmada

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nearcast/nearcast/lab/controlplane"
)

// asked is a workload and its Service that declare how widely they run, but not where.
const asked = `apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s, namespace: %[2]s, labels: {nearcast.dev/spread: %[1]s}}
spec:
  replicas: 2
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: main, image: registry.example.org/fn}]
---
apiVersion: v1
kind: Service
metadata: {name: %[1]s, namespace: %[2]s, labels: {nearcast.dev/function: "true", nearcast.dev/spread: %[1]s}}
spec:
  selector: {app: %[1]s}
  ports: [{name: http, port: 8080}]
`

// clustersOf returns where Karmada runs a workload, sorted.
func (s *scene) clustersOf(workload string) string {
	all := strings.Fields(s.binding(workload+"-deployment", "{.spec.clusters[*].name}"))
	slices.Sort(all)
	return strings.Join(all, " ")
}

// TestFunctionsRunWherePlacedAndElsewhereAfterALoss tries
// manifests/federation: placement over regions and at the edge, and its taint.
func TestFunctionsRunWherePlacedAndElsewhereAfterALoss(t *testing.T) {
	s := stage(t)
	// For this scenario five minutes are five seconds.
	s.kustomized("../federation/placement", "tolerationSeconds: 300", "tolerationSeconds: 5")
	s.kustomized("../federation/failover")
	t.Cleanup(s.unfederated)
	for _, label := range []string{"regions", "edge"} {
		s.apply(fmt.Sprintf(asked, label, s.namespace))
	}
	// Each member is a region of its own.
	s.within("two regions, one of which will be lost", soon, func() error {
		if got := s.clustersOf("regions"); len(strings.Fields(got)) != 2 || !strings.Contains(got, "hpc-kube") {
			return fmt.Errorf("%q", got)
		}
		return nil
	})
	s.within("the edge is North Macedonia", soon, func() error { return want(s.clustersOf("edge"), "hpc-kube") })
	s.within("and the Service is everywhere", soon, func() error {
		return want(s.binding("edge-service", "{.spec.clusters[*].name}"), "de-wide hpc-kube us-azure")
	})

	s.kill("hpc-kube/apiserver")
	defer s.revive("hpc-kube")
	s.within("a lost cluster is tainted", time.Minute, func() error {
		taints := s.kubectl("", "", "get", "cluster", "hpc-kube", "-o", "jsonpath={.spec.taints[*].key}")
		if !strings.Contains(taints, "nearcast.dev/lost") {
			return fmt.Errorf("%q", taints)
		}
		return nil
	})
	s.within("the edge function runs abroad", time.Minute, func() error { return want(s.clustersOf("edge"), "de-wide us-azure") })
	s.within("the function spread over it and another region is again in two", time.Minute, func() error { return want(s.clustersOf("regions"), "de-wide us-azure") })
}

// unfederated takes away what other scenarios do not expect: taints stay when their
// policy goes.
func (s *scene) unfederated() {
	ctx := context.Background()
	for _, folder := range []string{"failover", "placement"} {
		if _, err := w.plane.Kubectl(ctx, "", "", "delete", "-k", manifests+"/../federation/"+folder, "--ignore-not-found"); err != nil {
			s.Error(err)
		}
	}
	for _, m := range controlplane.ThreeMembers {
		if _, err := w.plane.Kubectl(ctx, "", "", "patch", "cluster", m.Name, "--type=merge", "-p", `{"spec":{"taints":[]}}`); err != nil {
			s.Error(err)
		}
	}
}
