// Package karmada tests Nearcast against a real Karmada control plane with three
// members: every scenario changes or breaks something there, and queries the
// DNS for the result.
package karmada

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/lab/controlplane"
	"github.com/nearcast/nearcast/lab/functions"
	"github.com/nearcast/nearcast/lab/process"
)

const (
	zone = "fn.example.org"
	// port is where every function is served.
	port = 8080
)

// regions are where clients are, with the cluster that is nearest to them.
var regions = map[string]string{"us": "203.0.113.0/26", "de": "203.0.113.64/26", "mk": "203.0.113.128/26"}

// w is the one control plane that all scenarios share.
var w *world

type world struct {
	dir     string
	plane   *controlplane.Plane
	karmada *kubernetes.Clientset
	dynamic dynamic.Interface
	members map[string]*kubernetes.Clientset
	// nearcast is the kubeconfig that the manifests give a server.
	nearcast string
	server   *server
}

func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Lookup("test.list").Value.String() != "" {
		os.Exit(m.Run()) // listing test names needs no control plane
	}
	os.Exit(func() int {
		var err error
		if w, err = newWorld(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer w.close()
		return m.Run()
	}())
}

const manifests = "../../manifests/karmada"

func newWorld() (made *world, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 40*time.Minute)
	defer cancel()
	w := &world{members: map[string]*kubernetes.Clientset{}}
	if w.dir, err = os.MkdirTemp("", "nearcast-karmada"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	if err := fixture.Build(w.dir); err != nil {
		return nil, err
	}
	if err := functions.Build(ctx, filepath.Join(w.dir, "functions"), ""); err != nil {
		return nil, err
	}
	programs := controlplane.DefaultPrograms()
	if err := controlplane.Build(ctx, "../../lab/controlplane", programs, os.Stderr); err != nil {
		return nil, err
	}
	begin := time.Now()
	w.plane, err = controlplane.Start(ctx, controlplane.Options{
		Programs: programs, Dir: filepath.Join(w.dir, "plane"), Log: os.Stderr, Members: controlplane.ThreeMembers, Hasty: true,
	})
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(os.Stderr, "started a control plane with %d members in %.1f s\n", len(controlplane.ThreeMembers), time.Since(begin).Seconds())
	if err := w.connect(); err != nil {
		return nil, err
	}
	w.nearcast = filepath.Join(w.dir, "nearcast.kubeconfig")
	if err := w.plane.Access(ctx, w.nearcast); err != nil {
		return nil, err
	}
	if err := w.plane.Apply(ctx, "interpreters"); err != nil {
		return nil, err
	}
	if err := w.defineSpin(ctx); err != nil {
		return nil, err
	}
	w.server, err = w.serve("main", w.nearcast, "")
	return w, err
}

func (w *world) close() {
	if w.server != nil {
		w.server.stop()
	}
	if w.plane != nil {
		if err := w.plane.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	if err := os.RemoveAll(w.dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

// config returns the administrator's access to Karmada (""), or to a member.
func (w *world) config(member string) (*rest.Config, error) {
	c, err := clientcmd.BuildConfigFromFlags("", w.plane.Kubeconfig(member))
	if err == nil {
		c.QPS, c.Burst = 1000, 1000
	}
	return c, err
}

func (w *world) connect() error {
	config, err := w.config("")
	if err != nil {
		return err
	}
	if w.karmada, err = kubernetes.NewForConfig(config); err != nil {
		return err
	}
	if w.dynamic, err = dynamic.NewForConfig(config); err != nil {
		return err
	}
	for _, m := range controlplane.ThreeMembers {
		config, err := w.config(m.Name)
		if err != nil {
			return err
		}
		if w.members[m.Name], err = kubernetes.NewForConfig(config); err != nil {
			return err
		}
	}
	return nil
}

// server is one CoreDNS of the image.
type server struct {
	process.Process
	port  string
	admin string
	dir   string
}

// serve starts a CoreDNS whose source is Karmada, with more lines for its block. It
// stands where no client is: for clients of its own region it would order by round
// trips, which are all the same on one machine but for its load.
func (w *world) serve(name, kubeconfig, more string) (*server, error) {
	port, err := fixture.Port("127.0.0.1")
	if err != nil {
		return nil, err
	}
	s := &server{port: strconv.Itoa(port), dir: filepath.Join(w.dir, name)}
	s.admin = filepath.Join(s.dir, "admin.sock")
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return nil, err
	}
	var locations, claims strings.Builder
	for region, prefix := range regions {
		fmt.Fprintf(&locations, "%s,%s\n", prefix, region)
	}
	for i := range scenarios {
		fmt.Fprintf(&claims, "        claim %s %s addresses 127.0.0.0/8\n", namespaceOf(i), zone)
	}
	for _, tenant := range tenants {
		fmt.Fprintf(&claims, "        claim %s %s addresses 127.0.0.0/8 198.51.100.64/26\n", tenant, zone)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "locations.csv"), []byte(locations.String()), 0o644); err != nil {
		return nil, err
	}
	corefile := fmt.Sprintf(`%s:%s {
    bind 127.0.0.1
    errors
    nearcast {
        at nowhere
        karmada %s
        locations %s
%s        probe interval 400ms timeout 400ms rise 1 fall 2
        ttl 0 30
        admin %s
        %s
    }
}
`, zone, s.port, kubeconfig, filepath.Join(s.dir, "locations.csv"), claims.String(), s.admin, more)
	path := filepath.Join(s.dir, "Corefile")
	if err := os.WriteFile(path, []byte(corefile), 0o644); err != nil {
		return nil, err
	}
	s.Program, s.Args, s.Log = filepath.Join(w.dir, "coredns"), []string{"-conf", path}, filepath.Join(s.dir, "log")
	return s, s.Start()
}

func (s *server) stop() { s.Stop(syscall.SIGTERM) }

func (s *server) log() string {
	data, _ := os.ReadFile(s.Log) // it only explains
	return string(data)
}

// ask returns the addresses that the server answers to a client in the region,
// sorted; or the reason why there are none.
func (s *server) ask(name, region string) string {
	reply, err := s.exchange(name, region)
	if err != nil {
		return "no answer"
	}
	var addrs []string
	for _, rr := range reply.Answer {
		if a, ok := rr.(*dns.A); ok {
			addrs = append(addrs, a.A.String())
		}
	}
	slices.Sort(addrs)
	switch {
	case reply.Rcode != dns.RcodeSuccess:
		return dns.RcodeToString[reply.Rcode]
	case len(addrs) == 0:
		return "NODATA"
	}
	return strings.Join(addrs, " ")
}

func (s *server) exchange(name, region string) (*dns.Msg, error) {
	query := new(dns.Msg).SetQuestion(name+".", dns.TypeA)
	query.SetEdns0(1232, false)
	ip, subnet, _ := net.ParseCIDR(regions[region])
	bits, _ := subnet.Mask.Size()
	query.IsEdns0().Option = append(query.IsEdns0().Option, &dns.EDNS0_SUBNET{
		Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: uint8(bits), Address: ip,
	})
	client := dns.Client{Timeout: 4 * time.Second}
	reply, _, err := client.Exchange(query, "127.0.0.1:"+s.port)
	return reply, err
}

// scene is one scenario: its own namespace, and an address for each member.
type scene struct {
	*testing.T
	server    *server
	namespace string
	number    int
	listeners map[string]net.Listener
}

// stage is called first by every scenario. In short mode, scenarios that are not core
// are skipped.
func stage(t *testing.T) *scene {
	t.Helper()
	i := slices.IndexFunc(scenarios, func(s scenario) bool { return s.name == t.Name() })
	if i < 0 {
		t.Fatalf("%s is missing in scenarios; add it there", t.Name())
	}
	if testing.Short() && !scenarios[i].core {
		t.Skip("SKIPPED: runs only in make test-full")
	}
	s := &scene{T: t, server: w.server, namespace: namespaceOf(i), number: i, listeners: map[string]net.Listener{}}
	s.apply(fmt.Sprintf("apiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n", s.namespace))
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("server:\n%s", tail(s.server.log(), 30))
			out, _ := w.plane.Kubectl(context.Background(), "", "", "get", "resourcebindings,clusters", "-A", "-o", "wide")
			t.Log(out)
		}
		for _, l := range s.listeners {
			l.Close()
		}
		// In the background; the namespace is not used again.
		_ = w.karmada.CoreV1().Namespaces().Delete(context.Background(), s.namespace, metav1.DeleteOptions{})
	})
	return s
}

// inTwo is stage with a function hello in us-azure and de-wide, which is answered.
func inTwo(t *testing.T) *scene {
	t.Helper()
	s := stage(t)
	s.up("us-azure", "de-wide")
	s.deploy(function{name: "hello", clusters: []string{"us-azure", "de-wide"}})
	s.answers("there", s.host("hello"), "us", "us-azure", soon)
	return s
}

// kill stops a component of the control plane like a crash.
func (s *scene) kill(component string) {
	s.Helper()
	if err := w.plane.Kill(component); err != nil {
		s.Fatal(err)
	}
}

func (s *scene) signal(component string, signal syscall.Signal) {
	s.Helper()
	if err := w.plane.Signal(component, signal); err != nil {
		s.Fatal(err)
	}
}

func tail(text string, lines int) string {
	all := strings.Split(text, "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

func namespaceOf(scenario int) string { return fmt.Sprintf("s%02d", scenario) }

// host is the function's default name.
func (s *scene) host(function string) string { return function + "." + s.namespace + "." + zone }

// addr is the scenario's load balancer in the member.
func (s *scene) addr(member string) string {
	i := slices.IndexFunc(controlplane.ThreeMembers, func(m controlplane.Member) bool { return m.Name == member })
	return fmt.Sprintf("127.%d.%d.1", 100+i, s.number)
}

// up has something listen at the scenario's address in each member.
func (s *scene) up(members ...string) {
	s.Helper()
	for _, m := range members {
		s.listeners[m] = fixture.Listen(s.T, fmt.Sprintf("%s:%d", s.addr(m), port))
	}
}

// down ends that.
func (s *scene) down(members ...string) {
	for _, m := range members {
		s.listeners[m].Close()
	}
}

func (s *scene) kubectl(member, input string, args ...string) string {
	s.Helper()
	// Longer than any timeout that is among the arguments.
	ctx, cancel := context.WithTimeout(s.Context(), 90*time.Second)
	defer cancel()
	out, err := w.plane.Kubectl(ctx, member, input, args...)
	if err != nil {
		s.Fatal(err)
	}
	return out
}

func (s *scene) apply(yaml string) {
	s.Helper()
	s.kubectl("", yaml, "apply", "--server-side", "--force-conflicts", "-f", "-")
}

// function is what a scenario declares: a Deployment, a Service of type
// LoadBalancer and a policy that places both.
type function struct {
	name        string
	clusters    []string
	replicas    int
	annotations map[string]string
	// placement is the policy's, in YAML's flow style; by default the clusters.
	placement string
	requests  string
}

func (s *scene) yaml(f function) string {
	annotations, err := json.Marshal(f.annotations)
	if err != nil || f.annotations == nil {
		annotations = []byte("{}")
	}
	if f.placement == "" {
		f.placement = fmt.Sprintf("{clusterAffinity: {clusterNames: [%s]}}", strings.Join(f.clusters, ", "))
	}
	if f.requests == "" {
		f.requests = "{}"
	}
	return fmt.Sprintf(functionYAML, f.name, s.namespace, f.replicas, annotations, f.placement, port, f.requests)
}

const functionYAML = `apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s, namespace: %[2]s}
spec:
  replicas: %[3]d
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: main, image: registry.example.org/fn, resources: {requests: %[7]s}}]
---
apiVersion: v1
kind: Service
metadata:
  name: %[1]s
  namespace: %[2]s
  labels: {nearcast.dev/function: "true"}
  annotations: %[4]s
spec:
  type: LoadBalancer
  selector: {app: %[1]s}
  ports: [{name: http, port: %[6]d}]
---
apiVersion: policy.karmada.io/v1alpha1
kind: PropagationPolicy
metadata: {name: %[1]s, namespace: %[2]s}
spec:
  resourceSelectors:
  - {apiVersion: apps/v1, kind: Deployment, name: %[1]s}
  - {apiVersion: v1, kind: Service, name: %[1]s}
  placement: %[5]s
`

// deploy declares the function, and gives its Services their load balancers as
// soon as they are there.
func (s *scene) deploy(f function) {
	s.Helper()
	if f.replicas == 0 {
		f.replicas = 1
	}
	s.apply(s.yaml(f))
	for _, c := range f.clusters {
		s.balance(f.name, c, s.addr(c))
	}
}

// balance sets the address of the Service's load balancer in the member, as a
// cloud's controller would; "" for none.
func (s *scene) balance(name, member, addr string) {
	s.Helper()
	status := `{"status":{"loadBalancer":{"ingress":null}}}`
	if addr != "" {
		status = fmt.Sprintf(`{"status":{"loadBalancer":{"ingress":[{"ip":%q}]}}}`, addr)
	}
	s.within("the Service is in "+member, 3*soon, func() error {
		_, err := w.members[member].CoreV1().Services(s.namespace).Patch(s.Context(), name, types.MergePatchType, []byte(status), metav1.PatchOptions{}, "status")
		return err
	})
	// After an outage Karmada watches the member again only when its back-off ends.
	s.within("Karmada has seen its address", time.Minute, func() error {
		return want(s.observed(name+"-service", member).Status.LoadBalancer.ip(), addr)
	})
}

// observed is what Karmada last saw of a resource in a member.
type observed struct {
	Applied                bool
	AppliedMessage, Health string
	Status                 struct{ LoadBalancer balancer }
}

type balancer struct{ Ingress []struct{ IP string } }

func (b balancer) ip() string {
	if len(b.Ingress) == 0 {
		return ""
	}
	return b.Ingress[0].IP
}

var bindings = schema.GroupVersionResource{Group: "work.karmada.io", Version: "v1alpha2", Resource: "resourcebindings"}

// observed returns an item of a ResourceBinding's aggregatedStatus, or nothing.
func (s *scene) observed(name, member string) (o observed) {
	binding, err := w.dynamic.Resource(bindings).Namespace(s.namespace).Get(s.Context(), name, metav1.GetOptions{})
	if err != nil {
		return o
	}
	items, _, _ := unstructured.NestedSlice(binding.Object, "status", "aggregatedStatus")
	for _, item := range items {
		if item := item.(map[string]any); item["clusterName"] == member {
			raw, _ := json.Marshal(item)
			_ = json.Unmarshal(raw, &o) // what is not there stays empty
		}
	}
	return o
}

// within tries until try returns nil, prints how long that took, and fails if
// it takes longer than the deadline.
func (s *scene) within(what string, deadline time.Duration, try func() error) time.Duration {
	s.Helper()
	begin := time.Now()
	for {
		err := try()
		took := time.Since(begin)
		if err == nil {
			s.Logf("%7.3f s of %2.0f s: %s", took.Seconds(), deadline.Seconds(), what)
			return took
		}
		if took > deadline {
			s.Fatalf("%s: not within %s: %v", what, deadline, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// answers waits until the name is answered to clients of the region with the
// address in the member, or what else is wanted.
func (s *scene) answers(what, name, region, wanted string, deadline time.Duration) {
	s.Helper()
	if _, member := w.members[wanted]; member {
		wanted = s.addr(wanted)
	}
	s.within(what, deadline, func() error { return want(s.server.ask(name, region), wanted) })
}

// holds checks that the name is answered this way for a while.
func (s *scene) holds(what, name, region, wanted string, length time.Duration) {
	s.Helper()
	if _, member := w.members[wanted]; member {
		wanted = s.addr(wanted)
	}
	asked := 0
	for begin := time.Now(); time.Since(begin) < length; asked++ {
		if err := want(s.server.ask(name, region), wanted); err != nil {
			s.Fatalf("%s: after %s: %v", what, time.Since(begin), err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.Logf("%7.3f s: %s, %d queries", length.Seconds(), what, asked)
}

func want(got, wanted string) error {
	if got != wanted {
		return fmt.Errorf("got %q, want %q", got, wanted)
	}
	return nil
}

// explains returns what nearcast explain prints for the name.
func (s *scene) explains(name string) string {
	out, _ := exec.Command(filepath.Join(w.dir, "nearcast"), "explain", name, "--from", "203.0.113.1", "--admin", s.server.admin).CombinedOutput()
	return string(bytes.TrimSpace(out))
}

// unprobed leaves the verdict to Karmada.
var unprobed = map[string]string{"nearcast.dev/probe": "none"}

// binding returns a field of a ResourceBinding; "" where it cannot be read.
func (s *scene) binding(name, jsonpath string) string {
	out, _ := w.plane.Kubectl(s.Context(), "", "", "get", "resourcebinding", name, "-n", s.namespace, "-o", "jsonpath="+jsonpath)
	return out
}

// member returns a field of a Deployment in a member.
func (s *scene) member(member, name, jsonpath string) string {
	out, _ := w.plane.Kubectl(s.Context(), member, "", "get", "deployment", name, "-n", s.namespace, "-o", "jsonpath="+jsonpath)
	return out
}
