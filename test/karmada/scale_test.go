package karmada

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
)

// The federation of TestTenThousandFunctionsInTwoHundredClusters.
const (
	manyFunctions = 10000
	manyClusters  = 200
	// placedIn is in how many clusters each function is.
	placedIn = 8
	// changesASecond are made for changing.
	changesASecond = 10
	changing       = 20 * time.Second
)

func manyCluster(i int) string { return fmt.Sprintf("many-%03d", i%manyClusters) }

// manyAddr is the gateway of a cluster.
func manyAddr(i int) string { return fmt.Sprintf("127.98.%d.1", i%manyClusters) }

var clusters = schema.GroupVersionResource{Group: "cluster.karmada.io", Version: "v1alpha1", Resource: "clusters"}

// create makes the i-th function: its template, and its binding as Karmada would
// have it.
func (s *scene) create(ctx context.Context, i int) error {
	name := fmt.Sprintf("f%05d", i)
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: s.namespace, Labels: map[string]string{"nearcast.dev/function": "true"}, Annotations: unprobed},
		Spec:       corev1.ServiceSpec{ClusterIP: corev1.ClusterIPNone, Ports: []corev1.ServicePort{{Name: "http", Port: 80}}},
	}
	if _, err := w.karmada.CoreV1().Services(s.namespace).Create(ctx, service, metav1.CreateOptions{}); err != nil {
		return err
	}
	var placed, seen []any
	for c := range placedIn {
		cluster := manyCluster(i + 7*c)
		placed = append(placed, map[string]any{"name": cluster})
		seen = append(seen, map[string]any{"clusterName": cluster, "applied": true, "health": "Healthy"})
	}
	binding := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "work.karmada.io/v1alpha2", "kind": "ResourceBinding",
		"metadata": map[string]any{"name": name + "-service", "namespace": s.namespace},
		"spec": map[string]any{
			"resource": map[string]any{"apiVersion": "v1", "kind": "Service", "namespace": s.namespace, "name": name},
			"clusters": placed,
		},
	}}
	made, err := w.dynamic.Resource(bindings).Namespace(s.namespace).Create(ctx, binding, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	made.Object["status"] = map[string]any{"aggregatedStatus": seen}
	_, err = w.dynamic.Resource(bindings).Namespace(s.namespace).UpdateStatus(ctx, made, metav1.UpdateOptions{})
	return err
}

// lists returns how many lists the API server has answered of a resource, of all
// namespaces: those that end are listed one by one.
func lists(t *testing.T, resource string) int {
	t.Helper()
	config, err := w.config("")
	if err != nil {
		t.Fatal(err)
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := client.Get(config.Host + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	if reply.StatusCode != http.StatusOK {
		t.Fatal(reply.Status)
	}
	total := 0
	for scanner := bufio.NewScanner(reply.Body); scanner.Scan(); {
		line := scanner.Text()
		if !strings.HasPrefix(line, "apiserver_request_total{") || !strings.Contains(line, `resource="`+resource+`"`) ||
			!strings.Contains(line, `verb="LIST"`) || !strings.Contains(line, `scope="cluster"`) {
			continue
		}
		n, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
		if err != nil {
			t.Fatal(err)
		}
		total += int(n)
	}
	return total
}

// cpu returns the time that the process has run, in user and system mode.
func cpu(t *testing.T, pid int) time.Duration {
	t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
	var ticks int
	for _, f := range fields[11:13] { // utime and stime
		n, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond // USER_HZ is 100
}

// resident returns the process's memory, in MiB.
func resident(t *testing.T, pid int) int {
	t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(raw))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize() >> 20
}

// change gives the i-th function changed an address of its own, and returns how
// long it takes until that is answered.
func (s *scene) change(i int) (time.Duration, error) {
	n := i * 37 % manyFunctions
	name, addr := fmt.Sprintf("f%05d", n), fmt.Sprintf("127.97.%d.%d", i/250, 1+i%250)
	patch := fmt.Sprintf(`{"metadata":{"annotations":{"nearcast.dev/address":"%[1]s=%[2]s","nearcast.dev/policy":"failover","nearcast.dev/weights":"%[1]s=1"}}}`, manyCluster(n), addr)
	begin := time.Now()
	_, err := w.karmada.CoreV1().Services(s.namespace).Patch(s.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	if err != nil {
		return 0, err
	}
	for s.server.ask(s.host(name), "us") != addr {
		if time.Since(begin) > soon {
			return 0, fmt.Errorf("%s: change not answered within %s", name, soon)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return time.Since(begin), nil
}

func TestTenThousandFunctionsInTwoHundredClusters(t *testing.T) {
	s := stage(t)
	// Karmada's controllers have nothing to do with it, and would be busy for hours.
	s.kill("controller-manager")
	s.kill("scheduler")
	defer s.restart("controller-manager")
	defer s.restart("scheduler")
	// Nor has the server of the other scenarios, which would build as often.
	w.server.stop()
	defer func() {
		if err := w.server.Start(); err != nil {
			t.Error(err)
		}
	}()
	// The webhook would only number the bindings, and that for minutes.
	s.kubectl("", "", "delete", "mutatingwebhookconfiguration", "mutating-config")
	defer s.kubectl("", "", "apply", "--server-side", "-f", w.plane.Webhooks())
	begin := time.Now()
	for i := range manyClusters {
		cluster := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "cluster.karmada.io/v1alpha1", "kind": "Cluster",
			"metadata": map[string]any{"name": manyCluster(i), "annotations": map[string]any{"nearcast.dev/address": manyAddr(i)}},
			"spec":     map[string]any{"syncMode": "Pull", "region": fmt.Sprintf("r%d", i%20)},
		}}
		if _, err := w.dynamic.Resource(clusters).Create(t.Context(), cluster, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	defer func() {
		list, err := w.dynamic.Resource(clusters).List(context.Background(), metav1.ListOptions{})
		if err != nil {
			t.Error(err)
			return
		}
		for _, c := range list.Items {
			if strings.HasPrefix(c.GetName(), "many-") {
				_ = w.dynamic.Resource(clusters).Delete(context.Background(), c.GetName(), metav1.DeleteOptions{})
			}
		}
	}()
	making, ctx := errgroup.WithContext(t.Context())
	making.SetLimit(16)
	for i := range manyFunctions {
		making.Go(func() error { return s.create(ctx, i) })
	}
	if err := making.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%7.3f s: %d functions and %d clusters declared", time.Since(begin).Seconds(), manyFunctions, manyClusters)

	before := lists(t, "resourcebindings")
	server, err := w.serve("many", w.nearcast, "")
	if err != nil {
		t.Fatal(err)
	}
	defer server.stop()
	s.server = server
	last := manyFunctions - 1
	s.within("a new server answers for all of them", time.Minute, func() error {
		got := s.server.ask(s.host(fmt.Sprintf("f%05d", last)), "us")
		if !strings.HasPrefix(got, "127.98.") {
			return fmt.Errorf("%s", got)
		}
		return nil
	})
	time.Sleep(2 * time.Second)
	t.Logf("at rest: %d MiB resident", resident(t, server.PID()))

	used, start := cpu(t, server.PID()), time.Now()
	const changes = int(changing/time.Second) * changesASecond
	took := make([]time.Duration, changes)
	var waiting errgroup.Group
	for i := range changes {
		time.Sleep(time.Until(start.Add(time.Duration(i) * time.Second / changesASecond)))
		waiting.Go(func() (err error) {
			took[i], err = s.change(i)
			return err
		})
	}
	if err := waiting.Wait(); err != nil {
		t.Fatal(err)
	}
	wall := time.Since(start)
	used = cpu(t, server.PID()) - used
	slices.Sort(took)
	t.Logf("%.1f changes a second: %.0f%% of a core, %d MiB resident; to the answer p50 %d ms, p99 %d ms", float64(changes)/wall.Seconds(),
		100*used.Seconds()/wall.Seconds(), resident(t, server.PID()), took[changes/2].Milliseconds(), took[changes*99/100].Milliseconds())
	after := lists(t, "resourcebindings")
	t.Logf("%d lists of bindings since the server was started", after-before)
	if after-before > 2 {
		t.Errorf("got %d lists of bindings for one start of one server", after-before)
	}
}
