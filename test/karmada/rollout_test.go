package karmada

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/lab/controlplane"
)

// gatewayYAML is a Deployment behind the gateways of its clusters.
const gatewayYAML = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: %[1]s, labels: {%[4]s}}
spec:
  replicas: 3
  minReadySeconds: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web, version: "%[2]s"}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: main, image: registry.example.org/fn}]
---
apiVersion: v1
kind: Service
metadata:
  name: web
  namespace: %[1]s
  labels: {nearcast.dev/function: "true"}
  annotations: {nearcast.dev/probe: %[3]q}
spec:
  selector: {app: web}
  ports: [{name: http, port: 8080}]
---
apiVersion: policy.karmada.io/v1alpha1
kind: PropagationPolicy
metadata: {name: web, namespace: %[1]s}
spec:
  resourceSelectors:
  - {apiVersion: apps/v1, kind: Deployment, name: web}
  - {apiVersion: v1, kind: Service, name: web}
  placement: {clusterAffinity: {clusterNames: [us-azure, de-wide, hpc-kube]}}
`

// nearest are the clusters of the clients' regions.
var nearest = map[string]string{"us": "us-azure", "de": "de-wide", "mk": "hpc-kube"}

// gateways gives each member a gateway at the scenario's address, for its length.
func (s *scene) gateways() {
	s.Helper()
	for _, m := range controlplane.ThreeMembers {
		before := s.kubectl("", "", "get", "cluster", m.Name, "-o", `jsonpath={.metadata.annotations.nearcast\.dev/address}`)
		s.kubectl("", "", "annotate", "--overwrite", "cluster", m.Name, fmt.Sprintf("nearcast.dev/address=%s:%d", s.addr(m.Name), port))
		s.Cleanup(func() {
			what := "nearcast.dev/address-"
			if before != "" {
				what = "nearcast.dev/address=" + before
			}
			if _, err := w.plane.Kubectl(context.Background(), "", "", "annotate", "--overwrite", "cluster", m.Name, what); err != nil {
				s.Error(err)
			}
		})
	}
}

// tally counts the answers to clients of every region, fifty in a second.
type tally struct {
	queries, lost, down atomic.Int64
	first               sync.Once
	why                 string
}

// askOn asks until stop is closed.
func (s *scene) askOn(name string, stop <-chan struct{}, a *tally) {
	tick := time.NewTicker(time.Second / 50)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		region := []string{"us", "de", "mk"}[i%3]
		reply, err := s.server.exchange(name, region)
		if err != nil {
			continue // the machine is busy; the next query tells
		}
		a.queries.Add(1)
		if failsOpen(reply) {
			a.down.Add(1)
		}
		if len(reply.Answer) != 1 || reply.Answer[0].(*dns.A).A.String() != s.addr(nearest[region]) {
			a.lost.Add(1)
			a.first.Do(func() { a.why = fmt.Sprintf("clients in %s: %v\n%s", region, reply, s.explains(name)) })
		}
	}
}

// failsOpen reports whether the reply says that every candidate is down.
func failsOpen(reply *dns.Msg) bool {
	o := reply.IsEdns0()
	if o == nil {
		return false
	}
	for _, option := range o.Option {
		if ede, ok := option.(*dns.EDNS0_EDE); ok && ede.InfoCode == dns.ExtendedErrorCodeOther {
			return true
		}
	}
	return false
}

// TestARolloutLosesNoCluster updates and scales a Deployment in all members at once, as
// Karmada does, while each of them finds it Unhealthy.
func TestARolloutLosesNoCluster(t *testing.T) {
	s := stage(t)
	s.up("us-azure", "de-wide", "hpc-kube")
	s.gateways()
	declare := func(version string) { s.apply(fmt.Sprintf(gatewayYAML, s.namespace, version, "tcp://:8080", "")) }
	declare("one")
	host := s.host("web")
	for region, member := range nearest {
		s.answers("before", host, region, member, 2*soon)
	}
	// each is nil once every member was found in the state, not all at one moment.
	each := func(word string) func() error {
		left := all()
		return func() error {
			left = slices.DeleteFunc(left, func(m string) bool { return s.observed("web-deployment", m).Health == word })
			if len(left) > 0 {
				return fmt.Errorf("%v are not", left)
			}
			return nil
		}
	}
	s.within("all are healthy", 2*soon, each("Healthy"))
	var a tally
	stop, done := make(chan struct{}), make(chan struct{})
	go func() { s.askOn(host, stop, &a); close(done) }()
	for _, step := range []struct {
		what string
		do   func()
	}{
		{"an update", func() { declare("two") }},
		{"a scale-out", func() { s.kubectl("", "", "scale", "deployment", "web", "-n", s.namespace, "--replicas=6") }},
		{"a scale-in, which starts no pods", func() { s.kubectl("", "", "scale", "deployment", "web", "-n", s.namespace, "--replicas=3") }},
		{"another update", func() { declare("three") }},
	} {
		step.do()
		if !strings.HasPrefix(step.what, "a scale-in") {
			s.within(step.what+": Karmada reports each of them Unhealthy", 2*soon, each("Unhealthy"))
		}
		s.within(step.what+": and healthy again", time.Minute, each("Healthy"))
	}
	close(stop)
	<-done
	s.Logf("sent %d queries", a.queries.Load())
	if n := a.queries.Load(); n < 100 || a.lost.Load() > 0 || a.down.Load() > 0 {
		s.Errorf("of %d queries, %d went elsewhere and %d were answered as if all were down; first: %s", n, a.lost.Load(), a.down.Load(), a.why)
	}
}

// noSpin has a member reject every SpinApp of a namespace.
const noSpin = `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: nospin-%[1]s}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
    - {apiGroups: [core.spinkube.dev], apiVersions: ["*"], operations: [CREATE], resources: [spinapps]}
  validations:
  - {expression: "false", message: no SpinApps here}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: nospin-%[1]s}
spec:
  policyName: nospin-%[1]s
  validationActions: [Deny]
  matchResources: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %[1]s}}}
`

// TestASpinAppThatAMemberCannotRunIsNotAnsweredThere has a member reject it, and then
// removes its definition: the Service is still applied there.
func TestASpinAppThatAMemberCannotRunIsNotAnsweredThere(t *testing.T) {
	s := stage(t)
	const kind, resource = "SpinApp", "spinapps.core.spinkube.dev"
	yaml := fmt.Sprintf(customYAML, "core.spinkube.dev/v1alpha1", kind, s.namespace, port, "web", s.addr("us-azure"), s.addr("de-wide"))
	elsewhere := func(what, why string) {
		t.Helper()
		s.status("us-azure", resource, "hello", `{"readyReplicas":1}`)
		s.answers(what+": where it runs", s.host("web"), "us", "us-azure", 2*soon)
		s.within("the Service is applied where the SpinApp cannot run", soon, func() error {
			return want(fmt.Sprint(s.observed("web-service", "de-wide").Applied), "true")
		})
		s.within("explain gives the reason why it is not answered there", soon, func() error {
			if explained := s.explains(s.host("web")); !strings.Contains(explained, "its workload SpinApp/hello is not "+why) {
				return fmt.Errorf("explain printed\n%s", explained)
			}
			return nil
		})
		s.holds("and the clients nearest to it are sent elsewhere", s.host("web"), "de", "us-azure", 2*time.Second)
	}
	s.kubectl("de-wide", fmt.Sprintf(noSpin, s.namespace), "apply", "--server-side", "-f", "-")
	time.Sleep(time.Second) // an API server refreshes its policies now and then
	s.apply(yaml)
	elsewhere("refused", "applied yet: ")
	if o := s.observed("hello-spinapp", "de-wide"); o.Applied || !strings.Contains(o.AppliedMessage, "no SpinApps here") {
		t.Errorf("Karmada reports %+v: the member does not reject it, so the scenario proves nothing", o)
	}
	s.kubectl("", yaml, "delete", "-f", "-")

	s.kubectl("de-wide", "", "delete", "crd", resource)
	defer s.kubectl("de-wide", fmt.Sprintf(crd, "spinapps", "core.spinkube.dev", kind, "spinapp", "v1alpha1"), "apply", "--server-side", "-f", "-")
	s.apply(yaml)
	elsewhere("not defined", "")
}

// TestASilentPullAgentIsUnknown probes nothing, so only Karmada's status counts.
func TestASilentPullAgentIsUnknown(t *testing.T) {
	s := stage(t)
	s.kubectl("", "", "delete", "cluster", "hpc-kube", "--timeout=60s")
	s.pull("hpc-kube")
	defer s.push("hpc-kube")
	s.deploy(function{name: "hello", clusters: []string{"hpc-kube", "de-wide"}, annotations: unprobed})
	s.answers("pulled", s.host("hello"), "mk", "hpc-kube", 3*soon)
	s.within("and healthy", soon, func() error { return want(s.observed("hello-deployment", "hpc-kube").Health, "Healthy") })
	s.kill("hpc-kube/agent")
	s.within("explain says that the agent is silent", time.Minute, func() error {
		if explained := s.explains(s.host("hello")); !strings.Contains(explained, "has stopped reporting to Karmada") {
			return fmt.Errorf("explain printed\n%s", explained)
		}
		return nil
	})
	s.answers("and others are answered", s.host("hello"), "mk", "de-wide", soon)
	s.restart("hpc-kube/agent")
	s.answers("it reports again", s.host("hello"), "mk", "hpc-kube", time.Minute)
}

// calls counts the HTTP requests to an address.
func (s *scene) calls(member string) *atomic.Int64 {
	s.Helper()
	l, err := net.Listen("tcp", fmt.Sprintf("%s:%d", s.addr(member), port))
	if err != nil {
		s.Fatal(err)
	}
	n := new(atomic.Int64)
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { n.Add(1) })}
	go server.Serve(l) // ends with the scenario
	s.Cleanup(func() { server.Close() })
	return n
}

// TestAMemberThatScalesToZeroIsNotWoken scales only in the member, like KEDA, and
// counts the calls that reach its gateway.
func TestAMemberThatScalesToZeroIsNotWoken(t *testing.T) {
	s := stage(t)
	s.gateways()
	calls := map[string]*atomic.Int64{}
	for _, m := range all() {
		calls[m] = s.calls(m)
	}
	s.apply(fmt.Sprintf(gatewayYAML, s.namespace, "one", "http://:8080/healthz", `resourcetemplate.karmada.io/retain-replicas: "true"`))
	host := s.host("web")
	s.answers("warm", host, "us", "us-azure", 2*soon)
	s.within("and called by probes", soon, func() error {
		if calls["us-azure"].Load() == 0 {
			return fmt.Errorf("no call yet")
		}
		return nil
	})
	s.kubectl("us-azure", "", "scale", "deployment", "web", "-n", s.namespace, "--replicas=0")
	s.within("explain says that the probe is withheld", 2*soon, func() error {
		if explained := s.explains(host); !strings.Contains(explained, "the probe http://:8080/healthz is not sent") {
			return fmt.Errorf("explain printed\n%s", explained)
		}
		return nil
	})
	time.Sleep(time.Second) // for probes that are under way
	before, others := calls["us-azure"].Load(), calls["de-wide"].Load()
	s.holds("cold, and answered", host, "us", "us-azure", 4*time.Second)
	if n := calls["us-azure"].Load() - before; n > 0 {
		t.Errorf("got %d calls by probes, want none", n)
	}
	if calls["de-wide"].Load() == others {
		t.Error("the others are not probed either, so the count proves nothing")
	}
	s.kubectl("us-azure", "", "scale", "deployment", "web", "-n", s.namespace, "--replicas=2")
	s.within("warm again, and called by probes", 2*soon, func() error {
		if calls["us-azure"].Load() == before {
			return fmt.Errorf("no call yet")
		}
		return nil
	})
}
