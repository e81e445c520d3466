package karmada

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestAFunctionIsResolvableOncePlacedAppliedAndHealthy(t *testing.T) {
	s := stage(t)
	s.up("us-azure", "de-wide")
	s.answers("no such name", s.host("hello"), "us", "NXDOMAIN", soon)
	s.apply(s.yaml(function{name: "hello", replicas: 2, clusters: []string{"us-azure", "de-wide"}}))
	s.answers("declared, without an address yet", s.host("hello"), "us", "NODATA", soon)
	s.balance("hello", "us-azure", s.addr("us-azure"))
	s.answers("applied and healthy in one cluster", s.host("hello"), "de", "us-azure", soon)
	s.balance("hello", "de-wide", s.addr("de-wide"))
	s.answers("and in a nearer one", s.host("hello"), "de", "de-wide", soon)
	s.answers("others stay", s.host("hello"), "us", "us-azure", soon)
}

func TestAMembersWorkloadBecomesUnhealthy(t *testing.T) {
	s := stage(t)
	// Nothing is probed, so only Karmada's status counts.
	s.deploy(function{name: "hello", replicas: 2, clusters: []string{"us-azure", "de-wide"}, annotations: unprobed})
	s.answers("healthy", s.host("hello"), "us", "us-azure", soon)
	s.kill("us-azure/kwok") // pods that start now never become ready
	s.kubectl("us-azure", "", "delete", "pods", "-n", s.namespace, "-l", "app=hello", "--force", "--grace-period=0")
	s.answers("unhealthy there", s.host("hello"), "us", "de-wide", soon)
	s.restart("us-azure/kwok")
	s.answers("healthy again", s.host("hello"), "us", "us-azure", 2*soon)
}

func TestALoadBalancersAddressChangesAndGoes(t *testing.T) {
	s := stage(t)
	s.up("us-azure", "de-wide", "hpc-kube")
	s.deploy(function{name: "hello", clusters: []string{"us-azure", "de-wide"}})
	s.answers("there", s.host("hello"), "us", "us-azure", soon)
	// Another address of the scenario's stands for the load balancer's next one.
	s.balance("hello", "us-azure", s.addr("hpc-kube"))
	s.answers("its address changes", s.host("hello"), "us", "hpc-kube", soon)
	s.balance("hello", "us-azure", "")
	s.answers("its address goes", s.host("hello"), "us", "de-wide", soon)
	s.balance("hello", "us-azure", s.addr("us-azure"))
	s.answers("and comes back", s.host("hello"), "us", "us-azure", soon)
}

// refusal has a member's API reject updates of Services with an annotation.
const refusal = `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: %[1]s}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
    - {apiGroups: [""], apiVersions: [v1], operations: [UPDATE], resources: [services]}
  validations:
  - expression: "!has(object.metadata.annotations) || !('bad' in object.metadata.annotations)"
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: %[1]s}
spec:
  policyName: %[1]s
  validationActions: [Deny]
  matchResources: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %[1]s}}}
`

func TestTheLastAddressIsKeptIfAnUpdateFailsToApply(t *testing.T) {
	s := inTwo(t)
	s.kubectl("us-azure", fmt.Sprintf(refusal, s.namespace), "apply", "--server-side", "-f", "-")
	s.within("the member rejects it", soon, func() error {
		_, err := w.plane.Kubectl(s.Context(), "us-azure", "", "annotate", "service", "hello", "-n", s.namespace, "bad=yes", "--dry-run=server")
		if err == nil {
			return errors.New("it accepts it")
		}
		if strings.Contains(err.Error(), "denied request") {
			return nil
		}
		return err
	})
	s.kubectl("", "", "annotate", "service", "hello", "-n", s.namespace, "bad=yes")
	s.within("Karmada cannot apply it, and drops the address", 2*soon, func() error {
		if o := s.observed("hello-service", "us-azure"); o.Applied || o.Status.LoadBalancer.ip() != "" {
			return fmt.Errorf("%+v", o)
		}
		return nil
	})
	s.holds("the old version is answered", s.host("hello"), "us", "us-azure", 2*time.Second)
	s.kubectl("", "", "annotate", "service", "hello", "-n", s.namespace, "bad-")
	s.within("Karmada applies a good one", 2*soon, func() error {
		return want(fmt.Sprint(s.observed("hello-service", "us-azure").Applied), "true")
	})
	s.holds("and the new version is answered", s.host("hello"), "us", "us-azure", time.Second)
}

// divided is a placement that divides replicas between two clusters.
func divided(to ...string) string {
	var weights []string
	for _, c := range to {
		weights = append(weights, fmt.Sprintf("{targetCluster: {clusterNames: [%s]}, weight: 1}", c))
	}
	return fmt.Sprintf("{clusterAffinity: {clusterNames: [us-azure, de-wide]}, replicaScheduling: {replicaSchedulingType: Divided, "+
		"replicaDivisionPreference: Weighted, weightPreference: {staticWeightList: [%s]}}}", strings.Join(weights, ", "))
}

func TestAClusterWithoutDividedReplicasKeepsItsAddress(t *testing.T) {
	s := stage(t)
	s.up("us-azure", "de-wide")
	f := function{name: "hello", replicas: 2, clusters: []string{"us-azure", "de-wide"}, placement: divided("us-azure", "de-wide")}
	s.deploy(f)
	s.answers("a replica in each", s.host("hello"), "us", "us-azure", soon)
	f.placement = divided("de-wide")
	s.apply(s.yaml(f))
	s.answers("an address, but no replica", s.host("hello"), "us", "de-wide", soon)
	if got := s.observed("hello-service", "us-azure").Status.LoadBalancer.ip(); got != s.addr("us-azure") {
		t.Errorf("the Service no longer has an address in us-azure: got %q", got)
	}
}

func TestScaledToZeroIsColdOrGone(t *testing.T) {
	s := stage(t)
	s.up("us-azure", "de-wide")
	s.deploy(function{name: "hello", clusters: []string{"us-azure"}})
	s.answers("warm", s.host("hello"), "us", "us-azure", soon)
	s.kubectl("", "", "scale", "deployment", "hello", "-n", s.namespace, "--replicas=0")
	s.within("no replica", soon, func() error { return want(s.member("us-azure", "hello", "{.spec.replicas}"), "0") })
	s.holds("cold, and the first call starts it", s.host("hello"), "us", "us-azure", time.Second)

	// With requests Karmada takes the clusters away with the last replica (its trap
	// 3), and nothing says where a call would start it.
	s.deploy(function{name: "asks", clusters: []string{"de-wide"}, requests: "{cpu: 10m}"})
	s.answers("warm", s.host("asks"), "us", "de-wide", soon)
	s.kubectl("", "", "scale", "deployment", "asks", "-n", s.namespace, "--replicas=0")
	s.answers("nowhere", s.host("asks"), "us", "NODATA", soon)
	s.kubectl("", "", "scale", "deployment", "asks", "-n", s.namespace, "--replicas=1")
	s.answers("warm again", s.host("asks"), "us", "de-wide", 2*soon)
}

func TestThePolicyChanges(t *testing.T) {
	s := stage(t)
	s.up("us-azure", "de-wide")
	f := function{name: "hello", clusters: []string{"us-azure"}}
	s.deploy(f)
	s.answers("one cluster", s.host("hello"), "de", "us-azure", soon)
	f.clusters = []string{"us-azure", "de-wide"}
	s.deploy(f)
	s.answers("one more", s.host("hello"), "de", "de-wide", soon)
	f.clusters = []string{"de-wide"}
	s.deploy(f)
	s.answers("one less", s.host("hello"), "us", "de-wide", soon)
}

func TestSuspensionRemovesNothing(t *testing.T) {
	s := stage(t)
	s.up("us-azure", "de-wide")
	f := function{name: "hello", clusters: []string{"us-azure", "de-wide"}}
	s.deploy(f)
	s.answers("there", s.host("hello"), "us", "us-azure", soon)
	s.kubectl("", "", "patch", "propagationpolicy", "hello", "-n", s.namespace, "--type=merge", "-p", `{"spec":{"suspension":{"dispatching":true}}}`)
	s.within("dispatching is suspended", soon, func() error {
		return want(s.binding("hello-service", "{.spec.suspension.dispatching}"), "true")
	})
	s.kubectl("", "", "scale", "deployment", "hello", "-n", s.namespace, "--replicas=3")
	s.holds("applied workloads keep running", s.host("hello"), "us", "us-azure", 2*time.Second)
	if got := s.member("us-azure", "hello", "{.spec.replicas}"); got != "1" {
		t.Errorf("got %s replicas in the member, want the earlier one", got)
	}
	s.kubectl("", "", "patch", "propagationpolicy", "hello", "-n", s.namespace, "--type=merge", "-p", `{"spec":{"suspension":{"dispatching":false}}}`)
	s.within("and no longer", soon, func() error { return want(s.member("us-azure", "hello", "{.spec.replicas}"), "3") })
}

func TestADuplicateHostnameStaysWithTheOlder(t *testing.T) {
	s := stage(t)
	s.up("us-azure", "de-wide")
	name := s.namespace + "-shop." + zone
	claimed := map[string]string{"nearcast.dev/hostname": name}
	s.deploy(function{name: "first", clusters: []string{"us-azure"}, annotations: claimed})
	s.answers("the first has the hostname", name, "de", "us-azure", soon)
	time.Sleep(1100 * time.Millisecond) // creation times are in seconds
	s.deploy(function{name: "second", clusters: []string{"de-wide"}, annotations: claimed})
	s.within("the second is reported", soon, func() error {
		if !strings.Contains(s.server.log(), "Service "+s.namespace+"/second") {
			return fmt.Errorf("found no line in the log")
		}
		return nil
	})
	s.holds("and does not get the hostname", name, "de", "us-azure", time.Second)
	s.kubectl("", "", "delete", "service", "first", "-n", s.namespace)
	s.answers("until the first is deleted", name, "de", "de-wide", soon)
}

func TestANamespaceIsDeleted(t *testing.T) {
	s := stage(t)
	s.up("us-azure")
	s.deploy(function{name: "hello", clusters: []string{"us-azure"}})
	s.answers("there", s.host("hello"), "us", "us-azure", soon)
	s.kubectl("", "", "delete", "namespace", s.namespace, "--wait=false")
	s.answers("gone with its namespace", s.host("hello"), "us", "NXDOMAIN", time.Minute)
}
