package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	kubefake "k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/nearcast/nearcast/bgp/cluster"
	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/vip"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

var serviceKind = schema.GroupVersionResource{Version: "v1", Resource: "services"}

// fakeAPI is an API that gives versions, rejects what the real one does, and can
// be away.
type fakeAPI struct {
	*kubefake.Clientset
	t       testing.TB
	version atomic.Int64
	away    atomic.Bool

	mu      sync.Mutex
	watches []watch.Interface
	// refuse is the response to a write to a status; nil for the normal one.
	refuse error
	// wrote lists the writes to statuses: the Service and its addresses.
	wrote []string
}

func newFake(t testing.TB, objects ...runtime.Object) *fakeAPI {
	a := &fakeAPI{Clientset: kubefake.NewSimpleClientset(objects...), t: t}
	a.version.Store(1000)
	a.PrependReactor("*", "*", func(action clienttesting.Action) (bool, runtime.Object, error) {
		if with, ok := action.(interface{ GetObject() runtime.Object }); ok {
			with.GetObject().(metav1.Object).SetResourceVersion(strconv.FormatInt(a.version.Add(1), 10))
		}
		return a.away.Load(), nil, apierrors.NewServiceUnavailable("away")
	})
	a.PrependReactor("patch", "services", a.patch)
	a.PrependWatchReactor("*", func(action clienttesting.Action) (bool, watch.Interface, error) {
		if a.away.Load() {
			return true, nil, apierrors.NewServiceUnavailable("away")
		}
		w, err := a.Tracker().Watch(action.GetResource(), action.GetNamespace())
		if action.GetResource() == serviceKind {
			a.tellAll(w)
		}
		a.mu.Lock()
		a.watches = append(a.watches, w)
		a.mu.Unlock()
		return true, w, err
	})
	return a
}

// tellAll sends every Service to a watch that begins: one may have changed since it
// was listed. The tracker's own way to do so hands out the objects that it keeps, and
// what a watch receives is stripped in place.
func (a *fakeAPI) tellAll(w watch.Interface) {
	list, err := a.Tracker().List(serviceKind, corev1.SchemeGroupVersion.WithKind("Service"), "")
	if err != nil {
		a.t.Error(err)
		return
	}
	for _, s := range list.(*corev1.ServiceList).Items {
		w.(*watch.RaceFreeFakeWatcher).Add(&s)
	}
}

// leave makes the API unavailable: every watch ends, and every request fails.
func (a *fakeAPI) leave() {
	a.away.Store(true)
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, w := range a.watches {
		w.Stop()
	}
	a.watches = nil
}

func (a *fakeAPI) patch(action clienttesting.Action) (bool, runtime.Object, error) {
	if a.away.Load() {
		return true, nil, apierrors.NewServiceUnavailable("away")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.refuse != nil {
		return true, nil, a.refuse
	}
	p := action.(clienttesting.PatchActionImpl)
	if p.GetSubresource() != "status" || p.GetPatchOptions().FieldManager != "nearcast-speaker" {
		a.t.Errorf("a patch of %q by %q", p.GetSubresource(), p.GetPatchOptions().FieldManager)
	}
	object, err := a.Tracker().Get(serviceKind, p.GetNamespace(), p.GetName())
	if err != nil {
		return true, nil, err
	}
	s := object.(*corev1.Service).DeepCopy()
	var patch struct {
		Metadata struct{ UID, ResourceVersion string }
		Status   corev1.ServiceStatus
	}
	if err := json.Unmarshal(p.GetPatch(), &patch); err != nil {
		return true, nil, err
	}
	if patch.Metadata.ResourceVersion != s.ResourceVersion || patch.Metadata.UID != string(s.UID) {
		return true, nil, apierrors.NewConflict(serviceKind.GroupResource(), s.Name, errors.New("it has changed"))
	}
	if s.Spec.Type != corev1.ServiceTypeLoadBalancer && len(patch.Status.LoadBalancer.Ingress) > 0 {
		return true, nil, apierrors.NewBadRequest("may only be used when `spec.type` is LoadBalancer")
	}
	s.Status = patch.Status
	s.ResourceVersion = strconv.FormatInt(a.version.Add(1), 10)
	a.wrote = append(a.wrote, s.Name+"="+addresses(s))
	return true, s, a.Tracker().Update(serviceKind, s, s.Namespace)
}

// addresses returns the addresses in the Service's status.
func addresses(s *corev1.Service) string {
	var all []string
	for _, i := range s.Status.LoadBalancer.Ingress {
		if i.IPMode == nil || *i.IPMode != corev1.LoadBalancerIPModeVIP {
			i.IP += "?"
		}
		all = append(all, i.IP+i.Hostname)
	}
	return strings.Join(all, " ")
}

// has changes a Service and keeps its status, or creates it.
func (a *fakeAPI) has(s *corev1.Service) {
	a.t.Helper()
	services := a.CoreV1().Services(s.Namespace)
	before, err := services.Get(context.Background(), s.Name, metav1.GetOptions{})
	if err == nil {
		if s.Spec.Type == corev1.ServiceTypeLoadBalancer {
			s.Status = before.Status
		}
		_, err = services.Update(context.Background(), s, metav1.UpdateOptions{})
	} else {
		_, err = services.Create(context.Background(), s, metav1.CreateOptions{})
	}
	if err != nil {
		a.t.Fatal(err)
	}
}

func (a *fakeAPI) deletes(name string) {
	a.t.Helper()
	if err := a.CoreV1().Services("media").Delete(context.Background(), name, metav1.DeleteOptions{}); err != nil {
		a.t.Fatal(err)
	}
}

// hasSlice changes or creates a slice.
func (a *fakeAPI) hasSlice(s *discoveryv1.EndpointSlice) {
	a.t.Helper()
	slices := a.DiscoveryV1().EndpointSlices(s.Namespace)
	if _, err := slices.Update(context.Background(), s, metav1.UpdateOptions{}); err != nil {
		if _, err := slices.Create(context.Background(), s, metav1.CreateOptions{}); err != nil {
			a.t.Fatal(err)
		}
	}
}

// status returns the addresses in the Service's status.
func (a *fakeAPI) status(name string) string {
	a.t.Helper()
	object, err := a.Tracker().Get(serviceKind, "media", name)
	if err != nil {
		return err.Error()
	}
	return addresses(object.(*corev1.Service))
}

func (a *fakeAPI) writes() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.wrote...)
}

// follower runs a Cluster, and grants what a speaker would: everything except what
// is in denied.
type follower struct {
	*Cluster
	t      testing.TB
	log    *fixture.Output
	denied map[string]bool

	mu       sync.Mutex
	declared []cluster.Declared
	end      func()
}

func follow(t testing.TB, a *fakeAPI, node string, denied ...string) *follower {
	f := &follower{t: t, log: &fixture.Output{}, denied: map[string]bool{}}
	for _, addr := range denied {
		f.denied[addr] = true
	}
	f.Cluster = newCluster(a.api(node), config.Services{Node: node, DrainTaints: []string{"nearcast.dev/drain", "example.org/off"}, DrainLabels: []string{"example.org/out", excluded}}, slog.New(slog.NewTextHandler(f.log, nil)))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	// A starting speaker does the same.
	f.Assign(map[vip.ServiceRef][]netip.Addr{})
	go func() {
		defer close(done)
		f.Run(ctx, f.take)
	}()
	f.end = sync.OnceFunc(func() { cancel(); <-done })
	return f
}

func (f *follower) take(d cluster.Declared) {
	f.mu.Lock()
	f.declared = append(f.declared, d)
	f.mu.Unlock()
	f.grant(d)
}

func (f *follower) grant(d cluster.Declared) {
	granted := map[vip.ServiceRef][]netip.Addr{}
	for _, s := range d.Services {
		for _, addr := range s.Addresses {
			if !f.denied[addr.String()] {
				granted[s.ServiceRef] = append(granted[s.ServiceRef], addr)
			}
		}
	}
	f.Assign(granted)
}

// deny changes the speaker's configuration.
func (f *follower) deny(addr string) {
	f.denied[addr] = true
	f.grant(f.last())
}

func (f *follower) last() cluster.Declared {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.declared[len(f.declared)-1]
}

func (f *follower) calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.declared)
}

// says compares the last declaration: each Service with its endpoints, what is
// refused, and why the node is drained.
func (f *follower) says(step, want string) {
	f.t.Helper()
	synctest.Wait()
	if f.calls() == 0 {
		f.t.Fatalf("%s: nothing was declared", step)
	}
	d := f.last()
	var parts []string
	for _, s := range d.Services {
		parts = append(parts, strings.TrimSpace(s.Name+": "+text(s.Endpoints)))
	}
	for _, r := range d.Refused {
		parts = append(parts, "!"+r.Service.Name)
	}
	if d.Drained != "" {
		parts = append(parts, d.Drained)
	}
	if got := strings.Join(parts, "; "); got != want {
		f.t.Fatalf("%s: got %q, want %q", step, got, want)
	}
}

// bubble runs a test in synthetic time.
func bubble(t *testing.T, do func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, do)
}

// soon is longer than the time over which changes are coalesced.
func soon() { time.Sleep(time.Second); synctest.Wait() }

const excluded = "node.kubernetes.io/exclude-from-external-load-balancers"

func labelledNode(key string) *corev1.Node {
	n := node("node")
	n.Labels = map[string]string{key: "false"}
	return n
}

func node(name string, taints ...string) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, ResourceVersion: "1"}}
	for _, key := range taints {
		n.Spec.Taints = append(n.Spec.Taints, corev1.Taint{Key: key, Effect: corev1.TaintEffectNoSchedule})
	}
	return n
}

func TestWhatChangesIsDeclared(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a := newFake(t, node("node"), balanced("a"), sliceOf("a", "a-1", 8080, "192.0.2.1 ready here"))
		f := follow(t, a, "node")
		defer f.end()
		soon()
		f.says("at first", "a: 192.0.2.1:8080 ready here")
		for _, step := range []struct {
			name string
			do   func()
			want string
		}{
			{"another endpoint", func() { a.hasSlice(sliceOf("a", "a-2", 8080, "2001:db8::1 ready")) }, "a: 192.0.2.1:8080 ready here, [2001:db8::1]:8080 ready"},
			{"one terminates", func() { a.hasSlice(sliceOf("a", "a-1", 8080, "192.0.2.1 !ready serving terminating here")) }, "a: 192.0.2.1:8080 terminating here, [2001:db8::1]:8080 ready"},
			{"an invalid Service beside it", func() { a.has(balanced("b", annotated("nearcast.dev/vip", "x"))) }, "a: 192.0.2.1:8080 terminating here, [2001:db8::1]:8080 ready; !b"},
			{"which becomes valid", func() { a.has(balanced("b", annotated("nearcast.dev/vip", "2001:db8::80"))) }, "a: 192.0.2.1:8080 terminating here, [2001:db8::1]:8080 ready; b:"},
			{"and is invalid again, and stays declared", func() { a.has(balanced("b", annotated("nearcast.dev/vip", "x"))) }, "a: 192.0.2.1:8080 terminating here, [2001:db8::1]:8080 ready; b:; !b"},
			{"which is deleted", func() { a.deletes("b") }, "a: 192.0.2.1:8080 terminating here, [2001:db8::1]:8080 ready"},
			{"and recreated, invalid", func() {
				a.has(balanced("b", annotated("nearcast.dev/vip", "x"), func(s *corev1.Service) { s.UID = "2" }))
			}, "a: 192.0.2.1:8080 terminating here, [2001:db8::1]:8080 ready; !b"},
			{"its slices go", func() {
				for _, name := range []string{"a-1", "a-2"} {
					if err := a.DiscoveryV1().EndpointSlices("media").Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
						t.Fatal(err)
					}
				}
			}, "a:; !b"},
			{"it is being deleted and waits for another finalizer", func() { a.has(balanced("a", deleted)) }, "!b"},
		} {
			step.do()
			soon()
			f.says(step.name, step.want)
		}
	})
}

// TestATaintOrALabelDrains also deletes the node, which is logged once.
func TestATaintOrALabelDrains(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a := newFake(t, node("another", "nearcast.dev/drain"))
		f := follow(t, a, "node")
		defer f.end()
		soon()
		f.says("the node does not exist", "")
		nodes := a.CoreV1().Nodes()
		for _, step := range []struct {
			node *corev1.Node
			want string
		}{
			{node("node"), ""},
			{node("node", "node.kubernetes.io/unschedulable"), ""},
			{node("node", "x", "example.org/off", "nearcast.dev/drain"), "node node has taint example.org/off"},
			{node("node", "nearcast.dev/drain"), "node node has taint nearcast.dev/drain"},
			{labelledNode("nearcast.dev/drain"), ""},
			{labelledNode(excluded), "node node has label " + excluded},
			{nil, ""},
			{node("node"), ""},
		} {
			var err error
			if step.node == nil {
				err = nodes.Delete(t.Context(), "node", metav1.DeleteOptions{})
			} else if _, err = nodes.Update(t.Context(), step.node, metav1.UpdateOptions{}); err != nil {
				_, err = nodes.Create(t.Context(), step.node, metav1.CreateOptions{})
			}
			if err != nil {
				t.Fatal(err)
			}
			soon()
			f.says(fmt.Sprint(step.node), step.want)
		}
		a.has(balanced("a")) // not logged again
		soon()
		if n := f.log.Count("no node of this name"); n != 2 {
			t.Errorf("logged %d times that there is no node, want 2: it was missing twice", n)
		}
	})
}

// TestNothingIsDeclaredBeforeEverythingIsListed has the API reject EndpointSlices at
// first: a Service without its endpoints would be withdrawn.
func TestNothingIsDeclaredBeforeEverythingIsListed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a := newFake(t, node("node"), balanced("a", has(vip4)), sliceOf("a", "a-1", 8080, "192.0.2.1 ready"))
		var forbidden atomic.Bool
		forbidden.Store(true)
		a.PrependReactor("list", "endpointslices", func(clienttesting.Action) (bool, runtime.Object, error) {
			return forbidden.Load(), nil, apierrors.NewForbidden(schema.GroupResource{Resource: "endpointslices"}, "", errors.New("no"))
		})
		f := follow(t, a, "node")
		defer f.end()
		time.Sleep(time.Minute)
		synctest.Wait()
		if f.calls() != 0 {
			t.Fatalf("declared %+v too early", f.last())
		}
		if n := f.log.Count("EndpointSlices"); n != 1 {
			t.Errorf("logged %d times that EndpointSlices are forbidden", n)
		}
		forbidden.Store(false)
		time.Sleep(10 * time.Second) // more than the longest pause with its jitter
		f.says("allowed", "a: 192.0.2.1:8080 ready")
		if f.calls() != 1 {
			t.Errorf("got %d declarations, want 1", f.calls())
		}
	})
}

// TestChangesAreCoalescedAndNothingIsDeclaredTwice changes an endpoint every
// millisecond for a second, and then something that makes no difference.
func TestChangesAreCoalescedAndNothingIsDeclaredTwice(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a := newFake(t, node("node"), balanced("a"), sliceOf("a", "a-1", 8080))
		f := follow(t, a, "node")
		defer f.end()
		soon()
		before := f.calls()
		for i := range 1000 {
			a.hasSlice(sliceOf("a", "a-1", 8080, fmt.Sprintf("192.0.2.%d ready", i%200+1)))
			time.Sleep(time.Millisecond)
		}
		soon()
		if n := f.calls() - before; n < 15 || n > 21 {
			t.Errorf("got %d declarations in a second", n)
		}
		f.says("the last", "a: 192.0.2.200:8080 ready")

		before = f.calls()
		a.has(balanced("plain", clusterIP))
		a.has(balanced("a", func(s *corev1.Service) { s.Annotations["example.org/x"] = "y" }))
		a.hasSlice(sliceOf("plain", "plain-1", 8080, "192.0.2.9 ready"))
		slice := sliceOf("a", "a-1", 8080, "192.0.2.200 ready")
		slice.Endpoints[0].Zone = ptr("z")
		a.hasSlice(slice)
		n := node("node", "node.kubernetes.io/unschedulable")
		n.Status.Phase = corev1.NodeRunning
		if _, err := a.CoreV1().Nodes().Update(t.Context(), n, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		soon()
		if f.calls() != before {
			t.Errorf("got %d declarations without a change, want 0", f.calls()-before)
		}
	})
}

// TestTheLastDeclarationIsKeptWhileTheAPIIsUnavailable makes changes meanwhile, which are
// seen soon after it is back.
func TestTheLastDeclarationIsKeptWhileTheAPIIsUnavailable(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a := newFake(t, node("node"), balanced("a"), balanced("b"), sliceOf("a", "a-1", 8080, "192.0.2.1 ready"))
		f := follow(t, a, "node")
		defer f.end()
		soon()
		before := f.calls()
		a.leave()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if f.calls() != before {
			t.Fatalf("declared %+v while the API is unavailable", f.last())
		}
		if n := f.log.Count("following"); n > 6 { // a watch and a list of each kind
			t.Errorf("logged %d times that the API is unavailable", n)
		}
		a.away.Store(false)
		a.deletes("b")
		a.hasSlice(sliceOf("a", "a-1", 8080, "192.0.2.2 ready"))
		time.Sleep(10 * time.Second)
		f.says("back", "a: 192.0.2.2:8080 ready")
		a.hasSlice(sliceOf("a", "a-1", 8080, "192.0.2.3 ready"))
		soon()
		f.says("watched again", "a: 192.0.2.3:8080 ready")
	})
}

// TestRunLeavesNothingBehind ends it while it waits for an API, and while it
// holds the Lease.
func TestRunLeavesNothingBehind(t *testing.T) {
	for _, away := range []bool{true, false} {
		ignore := goleak.IgnoreCurrent()
		a := newFake(t, node("node"), balanced("a"))
		a.away.Store(away)
		f := follow(t, a, "node")
		for begin := time.Now(); !away && a.status("a") != vip4; time.Sleep(5 * time.Millisecond) {
			if time.Since(begin) > 10*time.Second {
				t.Fatal("its address was not written")
			}
		}
		ended := make(chan struct{})
		go func() { f.end(); close(ended) }()
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			t.Fatal("Run did not end")
		}
		goleak.VerifyNone(t, ignore)
	}
}

func TestAccessComesFromAKubeconfigOrThePod(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if _, err := New(config.Services{Kubeconfig: path}, slog.Default()); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want an error that names the file", err)
	}
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	if _, err := New(config.Services{}, slog.Default()); err == nil || !strings.Contains(err.Error(), "services.kubeconfig") {
		t.Errorf("got %v, want an error that says what to do", err)
	}
	fixture.Write(t, path, `apiVersion: v1
kind: Config
clusters: [{name: k, cluster: {server: "https://192.0.2.1:6443", insecure-skip-tls-verify: true}}]
users: [{name: u, user: {token: x}}]
contexts: [{name: c, context: {cluster: k, user: u}}]
current-context: c
`)
	if _, err := New(config.Services{Kubeconfig: path, Node: "node"}, slog.Default()); err != nil {
		t.Error(err)
	}
}
