package karmada

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func TestControllersRestartWhileAHundredFunctionsChange(t *testing.T) {
	s := stage(t)
	const functions = 100
	var yaml strings.Builder
	for i := range functions {
		fmt.Fprintf(&yaml, `apiVersion: v1
kind: Service
metadata:
  name: f%[1]d
  namespace: %[2]s
  labels: {nearcast.dev/function: "true", wave: "yes"}
  annotations: {nearcast.dev/probe: none, nearcast.dev/address: "us-azure=%[3]s,de-wide=%[4]s"}
spec: {ports: [{name: http, port: 8080}]}
---
`, i, s.namespace, s.addr("us-azure"), s.addr("de-wide"))
	}
	policy := func(clusters string) string {
		return fmt.Sprintf(`apiVersion: policy.karmada.io/v1alpha1
kind: PropagationPolicy
metadata: {name: wave, namespace: %s}
spec:
  resourceSelectors: [{apiVersion: v1, kind: Service, labelSelector: {matchLabels: {wave: "yes"}}}]
  placement: {clusterAffinity: {clusterNames: [%s]}}
`, s.namespace, clusters)
	}
	// all asks for every function from the region, and fails where one is nowhere
	// that has been somewhere.
	placed := false
	all := func(region, wanted string) error {
		var missing error
		for i := range functions {
			got := s.server.ask(s.host(fmt.Sprintf("f%d", i)), region)
			if placed && got != s.addr("us-azure") && got != s.addr("de-wide") {
				t.Fatalf("f%d: got %s while it moved", i, got)
			}
			if err := want(got, s.addr(wanted)); err != nil {
				missing = fmt.Errorf("f%d: %w", i, err)
			}
		}
		return missing
	}
	restart := func(component string) {
		s.kill(component)
		s.restart(component)
	}
	s.apply(yaml.String() + policy("us-azure"))
	s.within("all hundred functions are in us-azure", time.Minute, func() error { return all("us", "us-azure") })
	placed = true
	s.apply(policy("us-azure, de-wide"))
	restart("controller-manager")
	restart("scheduler")
	s.within("all hundred functions are in de-wide too", 2*time.Minute, func() error { return all("de", "de-wide") })
	s.apply(policy("de-wide"))
	restart("controller-manager")
	restart("scheduler")
	s.within("all hundred functions are only in de-wide", 2*time.Minute, func() error { return all("us", "de-wide") })
}

// TestChangesAreAnsweredImmediately measures from the request that changes something
// on the Karmada API to the changed answer of the DNS.
func TestChangesAreAnsweredImmediately(t *testing.T) {
	s := stage(t)
	s.deploy(function{name: "hello", clusters: []string{"us-azure", "de-wide"}, annotations: unprobed})
	s.answers("there", s.host("hello"), "us", "us-azure", soon)
	const changes = 200
	var took []time.Duration
	for i := range changes {
		addr := fmt.Sprintf("127.99.%d.%d", s.number, 1+i)
		patch := fmt.Sprintf(`{"metadata":{"annotations":{"nearcast.dev/address":"us-azure=%s"}}}`, addr)
		begin := time.Now()
		_, err := w.karmada.CoreV1().Services(s.namespace).Patch(t.Context(), "hello", types.MergePatchType, []byte(patch), metav1.PatchOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for s.server.ask(s.host("hello"), "us") != addr {
			if time.Since(begin) > soon {
				t.Fatalf("change %d: not answered within %s", i, soon)
			}
			time.Sleep(time.Millisecond)
		}
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	p50, p99 := took[changes/2], took[changes*99/100]
	t.Logf("%d changes on the Karmada API, time to the answer: p50 %d ms, p99 %d ms, maximum %d ms", changes, p50.Milliseconds(), p99.Milliseconds(), took[changes-1].Milliseconds())
	if p50 > 300*time.Millisecond || p99 > time.Second {
		t.Errorf("want p50 below 300 ms and p99 below 1 s")
	}
}
