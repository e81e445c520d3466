package karmada

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/nearcast/nearcast/bgp/cluster"
	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/judge"
	"github.com/nearcast/nearcast/bgp/kube"
	"github.com/nearcast/nearcast/bgp/vip"
)

// localVIP is the address that the Service requests.
const localVIP = "198.51.100.80"

// localYAML is a function in one cluster, as Karmada would have put it there. Its
// pods take a minute to end, or less.
const localYAML = `apiVersion: apps/v1
kind: Deployment
metadata: {name: hello, namespace: %[1]s}
spec:
  replicas: 2
  selector: {matchLabels: {app: hello}}
  template:
    metadata: {labels: {app: hello}}
    spec:
      terminationGracePeriodSeconds: 60
      containers: [{name: main, image: registry.example.org/fn, ports: [{name: web, containerPort: 8080}]}]
---
apiVersion: v1
kind: Service
metadata: {name: hello, namespace: %[1]s, annotations: {nearcast.dev/vip: %[2]s, nearcast.dev/probe: "tcp://:80"}}
spec:
  type: LoadBalancer
  loadBalancerClass: nearcast.dev/anycast
  externalTrafficPolicy: Local
  selector: {app: hello}
  ports: [{name: http, port: 80, targetPort: web}]
`

// local is a node's view of a member, with the judgement of a real configuration.
type local struct {
	s      *scene
	config *config.Config

	mu       sync.Mutex
	declared []cluster.Declared
	end      func()
}

// follows starts a Cluster for the node, with an account that has what
// manifests/nearcast/speaker gives; its pool has the addresses of cidr alone.
func (s *scene) follows(member, node, cidr string) *local {
	s.Helper()
	config, err := config.Parse(fmt.Appendf(nil, `asn: 64512
routerID: 192.0.2.11
peers: [{address: 192.0.2.1, asn: 64500}]
services: {enabled: true, node: %s, kubeconfig: %q}
pools: [{cidrs: [%s], namespaces: [%s]}]
`, node, s.account(member), cidr, s.namespace))
	if err != nil {
		s.Fatal(err)
	}
	c, err := kube.New(config.Services, slog.New(slog.NewTextHandler(s.Output(), nil)))
	if err != nil {
		s.Fatal(err)
	}
	controller := judge.NewController(config) // where nothing is up, and so nothing drains
	l := &local{s: s, config: config}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.Run(ctx, func(d cluster.Declared) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.declared = append(l.declared, d)
			vips, _ := cluster.Assign(config, d.Services)
			controller.Declare(vips, time.Now())
			c.Assign(controller.Granted())
		})
	}()
	l.end = sync.OnceFunc(func() { cancel(); <-done })
	s.Cleanup(l.end)
	return l
}

// account applies manifests/nearcast/speaker to the member, and returns a
// kubeconfig with its account's token.
func (s *scene) account(member string) string {
	s.Helper()
	s.within("nearcast-system is in "+member, 3*soon, func() error {
		_, err := w.members[member].CoreV1().Namespaces().Get(s.Context(), "nearcast-system", metav1.GetOptions{})
		return err
	})
	s.kubectl(member, "", "apply", "--server-side", "-k", "../../manifests/nearcast/speaker")
	token := s.kubectl(member, "", "create", "token", "nearcast-speaker", "-n", "nearcast-system", "--duration=8h")
	config, err := clientcmd.LoadFromFile(w.plane.Kubeconfig(member))
	if err != nil {
		s.Fatal(err)
	}
	for name := range config.AuthInfos {
		config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: token}
	}
	path := filepath.Join(s.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		s.Fatal(err)
	}
	return path
}

func (l *local) all() []cluster.Declared {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.declared)
}

// says waits until the VIP of the Service is as wanted: how it is backed and by
// how many endpoints; or "none", and why the node is drained.
func (l *local) says(what, wanted string) {
	l.s.Helper()
	l.s.within(what, 2*soon, func() error { return want(l.text(), wanted) })
}

func (l *local) text() string {
	all := l.all()
	if len(all) == 0 {
		return "nothing"
	}
	last := all[len(all)-1]
	vips, _ := cluster.Assign(l.config, last.Services)
	text := "none"
	for i, v := range vips {
		ready, terminating := 0, 0
		for _, e := range last.Services[i].Endpoints {
			if e.Ready && e.Here && e.Addr.Port() == 8080 {
				ready++
			}
			if e.Terminating {
				terminating++
			}
		}
		text = fmt.Sprintf("%s by %d ready and %d terminating", map[vip.BackingState]string{vip.Backed: "backed", vip.Ending: "ending", vip.Unbacked: "unbacked", vip.Untaken: "untaken"}[v.Backing.State], ready, terminating)
	}
	return strings.TrimSpace(text + " " + last.Drained)
}

// local has the member say something of the Service.
func (s *scene) local(member, jsonpath string) string {
	out, _ := w.plane.Kubectl(s.Context(), member, "", "get", "service", "hello", "-n", s.namespace, "-o", "jsonpath="+jsonpath)
	return strings.TrimSpace(out)
}

const assigned = "{.status.loadBalancer.ingress[*].ip} {.status.loadBalancer.ingress[*].ipMode}"

// deployLocally puts the function into the member alone.
func (s *scene) deployLocally(member string) {
	s.Helper()
	s.within("its namespace is in "+member, 3*soon, func() error {
		_, err := w.members[member].CoreV1().Namespaces().Get(s.Context(), s.namespace, metav1.GetOptions{})
		return err
	})
	s.kubectl(member, fmt.Sprintf(localYAML, s.namespace, localVIP), "apply", "--server-side", "-f", "-")
	s.runs(member, 2)
}

// runs waits until the member itself says that the function has so many endpoints.
// Where it was lost, in this scenario or one before, its controllers back off for longer
// than we do.
func (s *scene) runs(member string, endpoints int) {
	s.Helper()
	s.within(fmt.Sprintf("got %d ready endpoints in %s", endpoints, member), 2*time.Minute, func() error {
		list, err := w.members[member].DiscoveryV1().EndpointSlices(s.namespace).List(s.Context(), metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=hello"})
		if err != nil {
			return err
		}
		ready := 0
		for _, slice := range list.Items {
			for _, e := range slice.Endpoints {
				if e.Conditions.Ready != nil && *e.Conditions.Ready {
					ready++
				}
			}
		}
		return want(fmt.Sprint(ready), fmt.Sprint(endpoints))
	})
}

func TestTheSpeakerFollowsItsCluster(t *testing.T) {
	const member = "de-wide"
	s := stage(t)
	s.deployLocally(member)
	account := s.account(member)
	for question, wanted := range map[string]string{
		"list services -A": "yes", "watch endpointslices.discovery.k8s.io -A": "yes", "watch nodes": "yes",
		"patch services --subresource=status -n " + s.namespace: "yes", "update leases.coordination.k8s.io -n nearcast-system": "yes",
		"patch services -n " + s.namespace: "no", "list secrets -n nearcast-system": "no", "patch nodes": "no",
		"update leases.coordination.k8s.io -n kube-system": "no", "list pods -A": "no",
	} {
		out, _ := w.plane.KubectlAs(t.Context(), account, "", append([]string{"auth", "can-i"}, strings.Fields(question)...)...)
		if got := strings.TrimSpace(out); got != wanted {
			t.Errorf("may it %s: got %s, want %s", question, got, wanted)
		}
	}

	one := s.follows(member, "node", "198.51.100.64/26")
	one.says("its endpoints are there, at the target port", "backed by 2 ready and 0 terminating")
	status := func(what, wanted string) {
		t.Helper()
		s.within(what, 2*soon, func() error { return want(s.local(member, assigned), wanted) })
	}
	status("its address is in its status", localVIP+" VIP")
	// The second node's configuration would take the address away.
	two := s.follows(member, "second", "203.0.113.0/26")
	two.says("another node, which has no endpoint", "none")
	version := s.local(member, "{.metadata.resourceVersion}")

	// kwok ends pods at once; while it stands still they terminate.
	scale := func(replicas int) {
		s.kubectl(member, "", "scale", "deployment", "hello", "-n", s.namespace, fmt.Sprintf("--replicas=%d", replicas))
	}
	kwok := member + "/kwok"
	s.signal(kwok, syscall.SIGSTOP)
	defer s.signal(kwok, syscall.SIGCONT)
	scale(0)
	one.says("scaled to zero, the endpoints finish their connections", "ending by 0 ready and 2 terminating")
	s.signal(kwok, syscall.SIGCONT)
	one.says("and are gone", "unbacked by 0 ready and 0 terminating")
	if got := s.local(member, assigned+" {.metadata.resourceVersion}"); got != localVIP+" VIP "+version {
		t.Errorf("got status %q, version was %s: endpoints must not matter, and nobody else may write", got, version)
	}
	scale(1)
	one.says("scaled up", "backed by 1 ready and 0 terminating")

	s.kubectl(member, "", "taint", "node", "node", "nearcast.dev/drain=:NoSchedule")
	defer func() {
		_, _ = w.plane.Kubectl(context.Background(), member, "", "taint", "node", "node", "nearcast.dev/drain-")
	}()
	one.says("the node has the taint", "backed by 1 ready and 0 terminating node node has taint nearcast.dev/drain")
	s.kubectl(member, "", "taint", "node", "node", "nearcast.dev/drain-")
	one.says("and no longer", "backed by 1 ready and 0 terminating")

	annotate := func(text string) {
		s.kubectl(member, "", "annotate", "--overwrite", "service", "hello", "-n", s.namespace, text)
	}
	annotate("nearcast.dev/expect=nonsense")
	s.within("a typo is reported, and withdraws nothing", soon, func() error {
		all := one.all()
		if last := all[len(all)-1]; len(last.Refused) != 1 || !strings.Contains(last.Refused[0].String(), "nearcast.dev/expect") || len(last.Services) != 1 {
			return fmt.Errorf("%+v", last)
		}
		return nil
	})
	annotate("nearcast.dev/expect-")
	annotate("nearcast.dev/vip=198.51.100.81,2001:db8::81") // the second is in no pool
	status("another address", "198.51.100.81 VIP")
	s.kubectl(member, "", "patch", "service", "hello", "-n", s.namespace, "--type=merge", "-p", `{"spec":{"type":"ClusterIP","loadBalancerClass":null,"externalTrafficPolicy":null}}`)
	status("of another type", "")
	one.says("it requests nothing", "none")
	s.kubectl(member, "", "patch", "service", "hello", "-n", s.namespace, "--type=merge", "-p", `{"spec":{"type":"LoadBalancer","loadBalancerClass":"nearcast.dev/anycast"}}`)
	status("of the class again", "198.51.100.81 VIP")

	one.end()
	status("the second node holds the Lease, and its configuration refuses the address", "")
	s.within("it has the Lease", soon, func() error {
		return want(s.kubectl(member, "", "get", "lease", "nearcast-speaker", "-n", "nearcast-system", "-o", "jsonpath={.spec.holderIdentity}"), "second")
	})
	two.end()

	one = s.follows(member, "node", "198.51.100.64/26")
	status("and the first's", "198.51.100.81 VIP")
	finalizers := func(text string) {
		_, err := w.members[member].CoreV1().Services(s.namespace).Patch(t.Context(), "hello", types.MergePatchType, []byte(`{"metadata":{"finalizers":`+text+`}}`), metav1.PatchOptions{})
		if err != nil {
			t.Fatal(err)
		}
	}
	finalizers(`["example.org/waits"]`)
	s.kubectl(member, "", "delete", "service", "hello", "-n", s.namespace, "--wait=false")
	one.says("it is being deleted", "none")
	status("and is reached until it is deleted", "198.51.100.81 VIP")
	finalizers("null")
	s.within("gone", soon, func() error { return want(s.local(member, "{.metadata.name}"), "") })
}

// TestTheSpeakerSurvivesTheLossOfItsClustersAPI ends the API server, changes the cluster
// while the speaker cannot see it, and starts it again.
func TestTheSpeakerSurvivesTheLossOfItsClustersAPI(t *testing.T) {
	const member = "hpc-kube"
	s := stage(t)
	s.deployLocally(member)
	l := s.follows(member, "node", "198.51.100.64/26")
	l.says("its endpoints are there", "backed by 2 ready and 0 terminating")
	s.within("and its address", 2*soon, func() error { return want(s.local(member, assigned), localVIP+" VIP") })
	for _, how := range []string{"killed", "silent"} {
		before := len(l.all())
		if how == "killed" {
			s.kill(member + "/apiserver")
		} else {
			s.signal(member+"/apiserver", syscall.SIGSTOP)
		}
		time.Sleep(soon)
		if all := l.all(); len(all) != before {
			t.Errorf("%s: declared %+v", how, all[len(all)-1])
		}
		if how == "killed" {
			s.revive(member)
		} else {
			s.signal(member+"/apiserver", syscall.SIGCONT)
		}
		// The cluster's own controllers back off from their API for minutes.
		s.kill(member + "/controller-manager")
		s.restart(member + "/controller-manager")
		replicas := map[string]int{"killed": 3, "silent": 1}[how]
		s.within("it is scaled", 2*soon, func() error {
			_, err := w.plane.Kubectl(t.Context(), member, "", "scale", "deployment", "hello", "-n", s.namespace, fmt.Sprintf("--replicas=%d", replicas))
			return err
		})
		s.runs(member, replicas)
		l.says(how+": the changes are seen", fmt.Sprintf("backed by %d ready and 0 terminating", replicas))
		for _, d := range l.all() {
			if len(d.Services) != 1 || d.Services[0].Addresses[0] != netip.MustParseAddr(localVIP) {
				t.Errorf("%s: declared %+v", how, d)
			}
		}
	}
	if got := s.local(member, assigned); got != localVIP+" VIP" {
		t.Errorf("got status %q", got)
	}
}
