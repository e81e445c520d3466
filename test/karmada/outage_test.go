package karmada

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ready waits until Karmada reports the member's API ready, or not.
func (s *scene) ready(member string, ready bool, deadline time.Duration) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), deadline)
	defer cancel()
	begin := time.Now()
	if err := w.plane.WaitReady(ctx, member, ready); err != nil {
		s.Fatal(err)
	}
	s.Logf("%7.3f s of %2.0f s: Karmada reports %s ready: %v", time.Since(begin).Seconds(), deadline.Seconds(), member, ready)
}

func (s *scene) restart(component string) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), time.Minute)
	defer cancel()
	if err := w.plane.Restart(ctx, component); err != nil {
		s.Fatal(err)
	}
}

// revive starts a member's API again. Karmada would watch it again only when its
// back-off ends, which may take a minute; a new controller-manager does at once.
func (s *scene) revive(member string) {
	s.Helper()
	s.restart(member + "/apiserver")
	s.kill("controller-manager")
	s.restart("controller-manager")
	s.ready(member, true, time.Minute)
}

// taint marks a cluster so that Karmada evicts its workloads; "" removes the taint.
func (s *scene) taint(cluster, effect string) {
	s.Helper()
	taints := "[]"
	if effect != "" {
		taints = fmt.Sprintf(`[{"key":"maintenance","effect":%q}]`, effect)
	}
	s.kubectl("", "", "patch", "cluster", cluster, "--type=merge", "-p", `{"spec":{"taints":`+taints+`}}`)
}

func TestAnEvictionDrainsFirst(t *testing.T) {
	s := stage(t)
	s.up("us-azure", "de-wide")
	s.deploy(function{name: "both", clusters: []string{"us-azure", "de-wide"}})
	s.deploy(function{name: "alone", clusters: []string{"us-azure"}})
	s.answers("there", s.host("both"), "us", "us-azure", soon)
	s.answers("there, and only there", s.host("alone"), "us", "us-azure", soon)
	defer s.taint("us-azure", "")
	s.taint("us-azure", "NoExecute")
	s.answers("moved away from the evicted cluster", s.host("both"), "us", "de-wide", soon)
	s.within("its only cluster is being evicted", soon, func() error {
		return want(s.binding("alone-service", "{.spec.gracefulEvictionTasks[0].fromCluster}"), "us-azure")
	})
	s.holds("and it serves until it is gone", s.host("alone"), "us", "us-azure", 2*time.Second)
	if got := s.explains(s.host("alone")); !strings.Contains(got, "evicted by Karmada") {
		t.Errorf("explain does not report the eviction:\n%s", got)
	}
	s.answers("until the grace period ends", s.host("alone"), "us", "NODATA", time.Minute)
	s.taint("us-azure", "")
	s.within("scheduled there again", soon, func() error {
		return want(s.binding("alone-service", "{.spec.clusters[0].name}"), "us-azure")
	})
	s.balance("alone", "us-azure", s.addr("us-azure"))
	s.answers("and back", s.host("alone"), "us", "us-azure", 2*soon)
}

func TestAnEvictedClusterIsNotAnsweredByItsStaleStatus(t *testing.T) {
	s := inTwo(t)
	s.kill("us-azure/apiserver")
	defer s.revive("us-azure")
	s.ready("us-azure", false, time.Minute)
	defer s.taint("us-azure", "")
	s.taint("us-azure", "NoExecute")
	s.within("evicted", time.Minute, func() error {
		if names := s.binding("hello-service", "{.spec.clusters[*].name}"); names != "de-wide" {
			return fmt.Errorf("placed in %s", names)
		}
		return nil
	})
	s.answers("moved", s.host("hello"), "us", "de-wide", soon)
	s.within("no task is left", time.Minute, func() error {
		return want(s.binding("hello-service", "{.spec.gracefulEvictionTasks}"), "")
	})
	t.Logf("the stale status in Karmada: %+v", s.observed("hello-service", "us-azure"))
	s.holds("although it runs and Karmada reports it healthy", s.host("hello"), "us", "de-wide", 2*time.Second)
}

// remedy has a cluster's traffic controlled while a condition of it is false.
const remedy = `apiVersion: remedy.karmada.io/v1alpha1
kind: Remedy
metadata: {name: %s}
spec:
  clusterAffinity: {clusterNames: [us-azure]}
  decisionMatches:
  - clusterConditionMatch: {conditionType: Ready, operator: Equal, conditionStatus: "True"}
  actions: [TrafficControl]
`

func TestRemedyTrafficControlIsADrain(t *testing.T) {
	s := inTwo(t)
	s.apply(fmt.Sprintf(remedy, s.namespace))
	defer s.kubectl("", "", "delete", "remedy", s.namespace, "--ignore-not-found")
	s.answers("drained", s.host("hello"), "us", "de-wide", soon)
	s.kubectl("", "", "delete", "remedy", s.namespace)
	s.answers("and back", s.host("hello"), "us", "us-azure", soon)
}

func TestAMembersAPIRefusesConnectionsWhileItsDataPlaneRuns(t *testing.T) {
	s := inTwo(t)
	s.kill("us-azure/apiserver")
	s.ready("us-azure", false, time.Minute)
	s.holds("it runs, and is answered", s.host("hello"), "us", "us-azure", 3*time.Second)
	s.revive("us-azure")
}

func TestAMembersAPIIsSilentWhileItsDataPlaneRuns(t *testing.T) {
	s := inTwo(t)
	s.signal("us-azure/apiserver", syscall.SIGSTOP)
	defer s.revive("us-azure")
	defer s.signal("us-azure/apiserver", syscall.SIGCONT)
	s.holds("Karmada has not noticed yet", s.host("hello"), "us", "us-azure", 3*time.Second)
	s.ready("us-azure", false, 3*time.Minute)
	s.holds("it runs, and is answered", s.host("hello"), "us", "us-azure", 3*time.Second)
}

func TestADataPlaneFailsWhileKarmadaReportsReady(t *testing.T) {
	s := inTwo(t)
	s.down("us-azure")
	s.answers("the probes remove it", s.host("hello"), "us", "de-wide", soon)
	s.ready("us-azure", true, soon)
	s.up("us-azure")
	s.answers("and bring it back", s.host("hello"), "us", "us-azure", soon)
}

func TestADeadClusterStaysHealthyInTheBinding(t *testing.T) {
	s := inTwo(t)
	s.kill("us-azure/apiserver")
	s.down("us-azure")
	s.answers("the probes remove it", s.host("hello"), "us", "de-wide", soon)
	s.ready("us-azure", false, time.Minute)
	placed := s.binding("hello-service", `{.spec.clusters[?(@.name=="us-azure")].name}`)
	if o := s.observed("hello-service", "us-azure"); placed != "us-azure" || o.Health != "Healthy" {
		t.Errorf("placed in %q, %+v: want Karmada to keep the dead cluster as Healthy", placed, o)
	}
	s.holds("whatever Karmada reports", s.host("hello"), "us", "de-wide", 2*time.Second)
	s.revive("us-azure")
	s.up("us-azure")
	s.answers("and back", s.host("hello"), "us", "us-azure", soon)
}

func TestAClusterLeavesAndComesBack(t *testing.T) {
	s := stage(t)
	s.up("hpc-kube", "de-wide")
	s.deploy(function{name: "hello", clusters: []string{"hpc-kube", "de-wide"}})
	s.answers("there", s.host("hello"), "mk", "hpc-kube", soon)
	s.kubectl("", "", "delete", "cluster", "hpc-kube", "--timeout=60s")
	s.answers("unjoined", s.host("hello"), "mk", "de-wide", soon)
	s.rejoin("hpc-kube")
	s.within("it runs there again", time.Minute, func() error {
		return want(fmt.Sprint(s.observed("hello-service", "hpc-kube").Applied), "true")
	})
	s.balance("hello", "hpc-kube", s.addr("hpc-kube"))
	s.answers("and is answered", s.host("hello"), "mk", "hpc-kube", 2*soon)
}

// TestAPullMemberIsAnsweredLikeOthers: nobody reaches into it, and its own
// agent tells Karmada what became of what it pulled.
func TestAPullMemberIsAnsweredLikeOthers(t *testing.T) {
	s := stage(t)
	s.up("hpc-kube", "de-wide")
	s.kubectl("", "", "delete", "cluster", "hpc-kube", "--timeout=60s")
	s.pull("hpc-kube")
	defer s.push("hpc-kube")
	s.deploy(function{name: "hello", clusters: []string{"hpc-kube", "de-wide"}})
	s.answers("pulled", s.host("hello"), "mk", "hpc-kube", 3*soon)
	s.kill("hpc-kube/agent")
	s.within("Karmada reports the agent missing", time.Minute, func() error {
		status := s.kubectl("", "", "get", "cluster", "hpc-kube", "-o", `jsonpath={.status.conditions[?(@.type=="Ready")].status}`)
		return want(status, "Unknown")
	})
	s.holds("and Nearcast still answers it", s.host("hello"), "mk", "hpc-kube", 2*time.Second)
	s.restart("hpc-kube/agent")
	s.ready("hpc-kube", true, time.Minute)
	s.kubectl("", "", "scale", "deployment", "hello", "-n", s.namespace, "--replicas=3")
	s.within("it pulls again", time.Minute, func() error {
		return want(s.member("hpc-kube", "hello", "{.spec.replicas}"), "3")
	})
}

// pull has a member that Karmada does not know join by its own agent.
func (s *scene) pull(member string) {
	s.Helper()
	s.join(member, w.plane.Pull)
}

// push has it join as before.
func (s *scene) push(member string) {
	s.Helper()
	s.kubectl("", "", "delete", "cluster", member, "--timeout=60s")
	s.kill(member + "/agent")
	s.rejoin(member)
}

func (s *scene) rejoin(member string) {
	s.Helper()
	s.join(member, w.plane.Join)
}

// join has a member join in one way or the other, and waits until it is ready.
func (s *scene) join(member string, by func(ctx context.Context, member string) error) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), time.Minute)
	defer cancel()
	if err := by(ctx, member); err != nil {
		s.Fatal(err)
	}
	s.ready(member, true, time.Minute)
}

func TestKarmadasOwnAPIServerIsDown(t *testing.T) {
	s := inTwo(t)
	other, err := w.serve("aggregated", w.nearcast, "snapshot "+t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer other.stop()
	s.within("there at another server", soon, func() error { return want(other.ask(s.host("hello"), "us"), s.addr("us-azure")) })
	// From its new address on Karmada's word alone counts, and pods take their time.
	s.within("Karmada reports it healthy", 2*time.Minute, func() error {
		if o := s.observed("hello-deployment", "us-azure"); o.Health != "Healthy" {
			return fmt.Errorf("%+v", o)
		}
		return nil
	})
	other.stop()                   // which writes its snapshot
	s.kill("aggregated-apiserver") // who serves Cluster
	s.holds("nothing changes", s.host("hello"), "us", "us-azure", 2*time.Second)
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	s.within("a restart has the clusters of its snapshot", soon, func() error { return want(other.ask(s.host("hello"), "us"), s.addr("us-azure")) })
	s.kubectl("", "", "annotate", "service", "hello", "-n", s.namespace, "nearcast.dev/address=us-azure="+s.addr("hpc-kube"), "nearcast.dev/probe=none")
	s.answers("functions still change", s.host("hello"), "us", "hpc-kube", 3*soon)
	s.within("after a restart too", soon, func() error { return want(other.ask(s.host("hello"), "us"), s.addr("hpc-kube")) })
	s.restart("aggregated-apiserver")
	s.within("it is registered again", time.Minute, func() error {
		_, err := w.plane.Kubectl(t.Context(), "", "", "get", "cluster", "us-azure")
		return err
	})
	s.kubectl("", "", "annotate", "cluster", "us-azure", "nearcast.dev/drain=true")
	defer s.kubectl("", "", "annotate", "cluster", "us-azure", "nearcast.dev/drain-")
	s.answers("and clusters again", s.host("hello"), "us", "de-wide", 3*soon)
}

func TestKarmadasAPIIsDownAndARestartServesTheSnapshot(t *testing.T) {
	s := stage(t)
	s.up("us-azure", "de-wide")
	s.deploy(function{name: "hello", clusters: []string{"us-azure", "de-wide"}})
	dir := t.TempDir()
	other, err := w.serve("snapshot", w.nearcast, "snapshot "+dir+"\n        stale 3s")
	if err != nil {
		t.Fatal(err)
	}
	defer other.stop()
	s.answers("there", s.host("hello"), "us", "us-azure", soon)
	// An aggregated API server that came back a moment ago takes everybody for
	// anonymous at first, and who is refused asks again ever more rarely.
	s.within("there too", time.Minute, func() error { return want(other.ask(s.host("hello"), "us"), s.addr("us-azure")) })
	other.stop() // which writes the snapshot
	s.kill("apiserver")
	begin := time.Now()
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	s.within("a restart serves the snapshot", 5*time.Second, func() error { return want(other.ask(s.host("hello"), "us"), s.addr("us-azure")) })
	t.Logf("%7.3f s after it was started", time.Since(begin).Seconds())
	s.holds("a server that did not restart continues", s.host("hello"), "us", "us-azure", 2*time.Second)
	s.within("the age is reported", soon, func() error {
		reply, err := other.exchange(s.host("hello"), "us")
		if err == nil && !strings.Contains(reply.String(), "Stale Answer") {
			err = fmt.Errorf("no EDE 3 in %s", reply)
		}
		return err
	})
	s.down("us-azure")
	s.within("probes go on there", soon, func() error { return want(other.ask(s.host("hello"), "us"), s.addr("de-wide")) })
	s.answers("and here", s.host("hello"), "us", "de-wide", soon)
	s.restart("apiserver")
	s.kubectl("", "", "annotate", "service", "hello", "-n", s.namespace, "nearcast.dev/address=de-wide="+s.addr("hpc-kube"), "nearcast.dev/probe=none", "nearcast.dev/weights=de-wide=1", "nearcast.dev/policy=failover")
	s.answers("changes are seen again", s.host("hello"), "de", "hpc-kube", time.Minute)
	s.within("there too", time.Minute, func() error { return want(other.ask(s.host("hello"), "de"), s.addr("hpc-kube")) })
}
