package manifest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/build"
	"github.com/nearcast/nearcast/internal/federation/staging"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

var opts = build.Options{Zones: []string{"fn.example.org."}}

// built loads the directory into a new state.
func built(t *testing.T, d *Dir, store *staging.Store) *federation.State {
	t.Helper()
	listing, err := d.Load()
	if err != nil {
		t.Fatal(err)
	}
	store.Replace(listing)
	return new(build.Builder).Build(store, opts)
}

// listed returns how a directory with one file is read.
func listed(f file) staging.Listing {
	d := New("f.yaml")
	d.files["f.yaml"] = entry{held: &f}
	d.merge(nil)
	return d.listing()
}

func hostnames(s *federation.State) string {
	var names []string
	for _, f := range s.All() {
		names = append(names, f.Hostnames...)
	}
	return strings.Join(names, " ")
}

var hello = fixture.Function{Name: "hello", Clusters: fixture.ThreeNames, Annotations: fixture.Unprobed()}

// printed is what kubectl prints for a list of a cluster, a Service and its binding,
// shortened.
const printed = `apiVersion: v1
items:
- apiVersion: cluster.karmada.io/v1alpha1
  kind: Cluster
  metadata:
    creationTimestamp: "2026-01-10T08:00:00Z"
    finalizers:
    - karmada.io/cluster-controller
    name: member1
    resourceVersion: "1201"
    uid: 5f0f6f5e-7a1c-4f6b-9a41-2f1d9b6a0001
  spec:
    apiEndpoint: https://192.0.2.3:6443
    id: 0b9f1c5e-8a2d-4c3e-9d7e-000000000001
    region: eu-west-1
    secretRef:
      name: member1
      namespace: karmada-cluster
    syncMode: Push
    zones:
    - eu-west-1a
  status:
    conditions:
    - lastTransitionTime: "2026-01-10T08:01:00Z"
      message: cluster is healthy and ready to accept workloads
      reason: ClusterReady
      status: "True"
      type: Ready
    remedyActions:
    - TrafficControl
    somethingNew: true
- apiVersion: v1
  kind: Service
  metadata:
    labels:
      nearcast.dev/function: "true"
    name: web
    namespace: shop
  spec:
    ports:
    - port: 53
      protocol: UDP
    - port: 8443
- apiVersion: work.karmada.io/v1alpha2
  kind: ResourceBinding
  metadata:
    name: web-service
    namespace: shop
  spec:
    requiredBy:
    - clusters:
      - name: member1
      name: web-deployment
      namespace: shop
    resource:
      apiVersion: v1
      kind: Service
      name: web
      namespace: shop
  status:
    aggregatedStatus:
    - applied: true
      clusterName: member1
      health: Healthy
      status:
        loadBalancer:
          ingress:
          - ip: 203.0.113.10
            ipMode: VIP
kind: List
metadata:
  resourceVersion: ""
`

func TestWhatKubectlPrintsIsRead(t *testing.T) {
	s := built(t, New(fixture.Dir(t, map[string]string{"all.yaml": printed})), staging.NewStore())
	if len(s.Faults) > 0 || len(s.Clusters) != 1 || s.Functions.Len() != 1 {
		t.Fatalf("%d clusters, %d functions, faults %v", len(s.Clusters), s.Functions.Len(), s.Faults)
	}
	c, f := s.Clusters[0], s.Functions.At(0)
	if c.Region != "eu-west-1" || c.Ready != federation.ReadyTrue || c.Leaving != "Karmada Remedy TrafficControl" {
		t.Errorf("cluster %+v", c)
	}
	if got := f.Placements[0].Target.Value().String(); got != "tcp://203.0.113.10:8443" {
		t.Errorf("target %s", got)
	}
}

// TestAnIngressAlsoDeclaresAFunction has the load balancer's address from its own
// binding, and its workload found by name.
func TestAnIngressAlsoDeclaresAFunction(t *testing.T) {
	const text = `---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop, labels: {nearcast.dev/function: "true"}}
---
apiVersion: work.karmada.io/v1alpha2
kind: ResourceBinding
metadata: {name: web-ingress, namespace: shop}
spec:
  resource: {apiVersion: networking.k8s.io/v1, kind: Ingress, name: web, namespace: shop}
  clusters: [{name: de-wide}, {name: us-azure}]
status:
  aggregatedStatus:
  - {clusterName: de-wide, applied: true, health: Healthy, status: {loadBalancer: {ingress: [{ip: 203.0.113.7}]}}}
  - {clusterName: us-azure, applied: true, health: Healthy, status: {loadBalancer: {ingress: [{hostname: lb.example.net}]}}}
---
apiVersion: work.karmada.io/v1alpha2
kind: ResourceBinding
metadata: {name: web-statefulset, namespace: shop}
spec:
  resource: {apiVersion: apps/v1, kind: StatefulSet, name: web, namespace: shop}
  clusters: [{name: de-wide, replicas: 2}]
status:
  aggregatedStatus: [{clusterName: de-wide, applied: true, health: Unhealthy}]
`
	s := built(t, New(fixture.Dir(t, map[string]string{"clusters.yaml": fixture.ThreeWith(), "web.yaml": text})), staging.NewStore())
	if s.Functions.Len() != 1 || len(s.Functions.At(0).Placements) != 1 {
		t.Fatalf("%+v, faults %v", s.Functions, s.Faults)
	}
	p := s.Functions.At(0).Placements[0]
	if p.Target.Value().String() != "tcp://203.0.113.7:80" || p.Replicas != 2 || p.Health != federation.Unhealthy {
		t.Errorf("%+v", p)
	}
	if refused := s.Functions.At(0).Refused; len(refused) != 1 || refused[0].Reason != "its workload StatefulSet/web is not placed here" {
		t.Errorf("refused %v", refused)
	}
}

// TestBadInputIsRefusedAloneAndByName covers a typo, a file that is not YAML, and an
// invalid address.
func TestBadInputIsRefusedAloneAndByName(t *testing.T) {
	dir := fixture.Dir(t, map[string]string{
		"good.yaml":    fixture.ThreeWith(hello),
		"typo.yaml":    fixture.Documents(fixture.Function{Name: "typo", Annotations: map[string]string{"nearcast.dev/hostnam": "x.fn.example.org"}}),
		"none.yaml":    "this: is: no YAML",
		"addr.yaml":    fixture.Documents(fixture.Cluster{Name: "bad", Address: "192.0.2.999"}),
		"lb.yaml":      fixture.Documents(fixture.Function{Name: "lb", Clusters: []string{"de-wide"}, LoadBalancer: map[string]string{"de-wide": "nowhere"}}),
		"type.yaml":    "apiVersion: v1\nkind: Service\nmetadata: {name: x, namespace: demo}\nspec: {ports: all}",
		"old.yaml":     "apiVersion: cluster.karmada.io/v1\nkind: Cluster\nmetadata: {name: x}",
		"bare.yaml":    "metadata: {name: x}",
		"kind.yaml":    "apiVersion: v1\nkind: Servce\nmetadata: {name: x, namespace: demo}",
		"twice.yaml":   fixture.Documents(fixture.Cluster{Name: "us-azure", Address: "192.0.2.77"}),
		"other.yaml":   "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n---\n---\napiVersion: example.org/v1\nkind: Thing\n",
		".hidden.yaml": "not: [yaml",
		"notes.txt":    "nothing",
	})
	s := built(t, New(dir), staging.NewStore())
	// lb.yaml's Service is valid; the address in its binding is not.
	if got := hostnames(s); got != "hello.demo.fn.example.org. lb.demo.fn.example.org." {
		t.Errorf("served: %s", got)
	}
	var got []string
	for _, f := range s.Faults {
		got = append(got, strings.TrimPrefix(f.Error(), dir+"/"))
	}
	want := []string{
		`addr.yaml:7: Cluster bad: nearcast.dev/address: "192.0.2.999" is not an address or address:port`,
		"bare.yaml:1: is not a Kubernetes object: apiVersion and kind are required",
		"kind.yaml:1: Servce demo/x: v1 has no kind Servce",
		`lb.yaml:10: ResourceBinding demo/lb-service: status.aggregatedStatus of de-wide: loadBalancer.ingress.ip "nowhere" is not an IP address`,
		"none.yaml:1: is not YAML:",
		"old.yaml:1: Cluster x: apiVersion cluster.karmada.io/v1 of Cluster is not supported; use cluster.karmada.io/v1alpha1",
		"twice.yaml:2: Cluster us-azure: is already declared at " + dir + "/good.yaml:",
		"type.yaml:1: Service demo/x: ",
		"typo.yaml:9: Service demo/typo: nearcast.dev/hostnam: unknown annotation; did you mean nearcast.dev/hostname?",
	}
	if len(got) != len(want) {
		t.Fatalf("%d faults, want %d:\n%s", len(got), len(want), strings.Join(got, "\n"))
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("%s\nwant %s", got[i], want[i])
		}
	}
}

func TestTheLastValidVersionStays(t *testing.T) {
	dir := fixture.Dir(t, map[string]string{"all.yaml": fixture.ThreeWith(hello)})
	d, store := New(dir), staging.NewStore()
	path := filepath.Join(dir, "all.yaml")
	for _, c := range []struct{ name, text, served string }{
		{"good", fixture.ThreeWith(hello), "hello.demo.fn.example.org."},
		{"not YAML", "a: [", "hello.demo.fn.example.org."},
		{"a typo", fixture.ThreeWith(fixture.Function{Name: "hello", Annotations: map[string]string{"nearcast.dev/ttl": "soon"}}), "hello.demo.fn.example.org."},
		{"a wrong type", fixture.ThreeWith() + "---\napiVersion: v1\nkind: Service\nmetadata: {name: hello, namespace: demo}\nspec: {ports: 1}", "hello.demo.fn.example.org."},
		{"a wrong version", fixture.ThreeWith() + "---\napiVersion: v2\nkind: Service\nmetadata: {name: hello, namespace: demo}", "hello.demo.fn.example.org."},
		{"no kind", fixture.ThreeWith() + "---\napiVersion: v1\nmetadata: {name: hello, namespace: demo}", "hello.demo.fn.example.org."},
		{"no label any more", fixture.ThreeWith() + "---\napiVersion: v1\nkind: Service\nmetadata: {name: hello, namespace: demo}", ""},
		{"good again", fixture.ThreeWith(hello), "hello.demo.fn.example.org."},
		{"gone", "", ""},
	} {
		fixture.Write(t, path, c.text)
		if got := hostnames(built(t, d, store)); got != c.served {
			t.Errorf("%s: served %q, want %q", c.name, got, c.served)
		}
	}
}

func TestRunFollowsWhatEditorsDo(t *testing.T) {
	dir := fixture.Dir(t, map[string]string{"clusters.yaml": fixture.ThreeWith()})
	store := staging.NewStore()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- New(dir).Run(ctx, store, func(err error) { t.Log(err) }) }()
	served := func(want string) {
		t.Helper()
		var got string
		for range 500 {
			if got = hostnames(new(build.Builder).Build(store, opts)); got == want {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Fatalf("served %q, want %q", got, want)
	}
	path := filepath.Join(dir, "sub", "f.yaml")
	text := fixture.Documents(hello)
	for _, step := range []struct {
		name string
		do   func() error
		want string
	}{
		{"a folder appears", func() error { return os.Mkdir(filepath.Dir(path), 0o755) }, ""},
		{"a file is written", func() error { return os.WriteFile(path, []byte(text), 0o644) }, "hello.demo.fn.example.org."},
		{"it is removed", func() error { return os.Remove(path) }, ""},
		{"it is renamed into place", func() error {
			if err := os.WriteFile(path+"~", []byte(text), 0o644); err != nil {
				return err
			}
			return os.Rename(path+"~", path)
		}, "hello.demo.fn.example.org."},
		{"it is replaced by a link, as a ConfigMap's is", func() error {
			other := filepath.Join(t.TempDir(), "data")
			if err := os.WriteFile(other, []byte(strings.ReplaceAll(text, "hello", "howdy")), 0o644); err != nil {
				return err
			}
			if err := os.Symlink(other, path+".link"); err != nil {
				return err
			}
			return os.Rename(path+".link", path)
		}, "howdy.demo.fn.example.org."},
		{"the folder goes", func() error { return os.RemoveAll(filepath.Dir(path)) }, ""},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		served(step.want)
	}
	if store.Confirmed().IsZero() {
		t.Error("never confirmed")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestALinkedDirectoryIsFollowed does what git-sync does: a link to the current release.
func TestALinkedDirectoryIsFollowed(t *testing.T) {
	base := t.TempDir()
	for release, name := range map[string]string{"r1": "hello", "r2": "howdy"} {
		if err := os.Mkdir(filepath.Join(base, release), 0o755); err != nil {
			t.Fatal(err)
		}
		fixture.Write(t, filepath.Join(base, release, "f.yaml"), fixture.Documents(fixture.Function{Name: name}))
	}
	link := filepath.Join(base, "current")
	point := func(release string) {
		if err := os.Symlink(release, link+".new"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(link+".new", link); err != nil {
			t.Fatal(err)
		}
	}
	point("r1")
	store := staging.NewStore()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- New(link).Run(ctx, store, func(err error) { t.Log(err) }) }()
	for _, want := range []string{"hello.demo.fn.example.org.", "howdy.demo.fn.example.org."} {
		var got string
		for range 500 {
			if got = hostnames(new(build.Builder).Build(store, opts)); got == want {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		if got != want {
			t.Fatalf("served %q, want %q", got, want)
		}
		point("r2")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestASuccessorKeepsTheContentOfABrokenFile(t *testing.T) {
	dir := fixture.Dir(t, map[string]string{"all.yaml": fixture.ThreeWith(hello)})
	before, after := New(dir), New(dir)
	built(t, before, staging.NewStore())
	fixture.Write(t, filepath.Join(dir, "all.yaml"), "a: [")
	after.Inherit(before)
	if got := hostnames(built(t, after, staging.NewStore())); got != "hello.demo.fn.example.org." {
		t.Errorf("served %q", got)
	}
}

// TestOnlyWhatChangedIsParsedAgain covers directories of many files: a change costs what
// its file contains, not what all contain.
func TestOnlyWhatChangedIsParsedAgain(t *testing.T) {
	other := fixture.Function{Name: "other", Clusters: fixture.ThreeNames}
	path := fixture.Dir(t, map[string]string{"a.yaml": fixture.ThreeWith(hello), "b.yaml": fixture.Documents(other)})
	dir := New(path)
	load := func() map[federation.Ref]federation.Object {
		listing, err := dir.Load()
		if err != nil || len(listing.All()) > 0 {
			t.Fatal(err, listing.All())
		}
		objects := map[federation.Ref]federation.Object{}
		for _, o := range listing.Objects() {
			objects[federation.RefOf(o)] = o
		}
		return objects
	}
	before := load()
	fixture.Write(t, filepath.Join(path, "c.yaml"), "a: [")
	for range 2 {
		listing, err := dir.Load()
		if err != nil || len(listing.Faults) != 1 || len(listing.Objects()) != len(before) {
			t.Errorf("%v, %v and %d objects, want the fault of c.yaml beside all", err, listing.Faults, len(listing.Objects()))
		}
	}
	fixture.Write(t, filepath.Join(path, "c.yaml"), "")
	other.Annotations = fixture.Unprobed()
	fixture.Write(t, filepath.Join(path, "b.yaml"), fixture.Documents(other))
	for ref, o := range load() {
		if again := o != before[ref]; again != strings.HasPrefix(ref.Name, "other") {
			t.Errorf("%s: parsed again: %t", ref, again)
		}
	}
}

func TestAMissingDirectoryIsAnError(t *testing.T) {
	if err := New(filepath.Join(t.TempDir(), "nowhere")).Run(t.Context(), staging.NewStore(), nil); err == nil {
		t.Error("no error")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(printed))
	f.Add([]byte(fixture.ThreeWith(hello)))
	f.Add([]byte("a: &a [*a]\n---\n{}"))
	f.Add([]byte("\ufeff" + object("a") + object("b")))
	f.Add([]byte(object("a") + "\n---\n{\"items\": [" + object("b") + "], \"kind\": \"List\", \"apiVersion\": \"v1\"}"))
	f.Add([]byte("apiVersion: v1\nkind: List\nx: &s {apiVersion: v1, kind: Service}\nitems:\n- {<<: *s, metadata: &m {1: a, name: a, namespace: x}}\n- {<<: [*s], metadata: *m}\n"))
	f.Add([]byte("apiVersion: v1\nkind: Service\nmetadata: {name: {{ .Values.a }}, *b : 2026-01-01}\n"))
	f.Add([]byte("\xff\xfea\x00:\x00"))
	f.Add([]byte("apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: x, name: b}\nspec: {\"\": [[[]]], ? [a] : b}\n"))
	f.Add([]byte("---\n--- a\n---\nx: \x00\n"))
	f.Add([]byte("a: &a {<<: &b {k: v}}\nb: {<<: [*a, *b], k: *a}\n---\n? *a\n"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		parsed, fault := parse("f.yaml", data)
		if fault != nil {
			return
		}
		listing := listed(parsed)
		store := staging.NewStore()
		store.Replace(listing)
		new(build.Builder).Build(store, opts) // what was read can be built
	})
}
