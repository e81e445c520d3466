package slim_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"

	clusterv1alpha1 "github.com/karmada-io/karmada/pkg/apis/cluster/v1alpha1"
	workv1alpha2 "github.com/karmada-io/karmada/pkg/apis/work/v1alpha2"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/build"
	"github.com/nearcast/nearcast/internal/federation/staging"
	"github.com/nearcast/nearcast/internal/source/slim"
	"github.com/nearcast/nearcast/internal/steering/health"
	"github.com/nearcast/nearcast/internal/steering/steer"
)

// put stages API objects as a source does.
func put(t *testing.T, store *staging.Store, objects ...any) {
	t.Helper()
	for _, obj := range objects {
		store.Put(slim.Read(obj, federation.Origin{}, nil))
	}
}

func member(name, ready string) *clusterv1alpha1.Cluster {
	return &clusterv1alpha1.Cluster{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{"nearcast.dev/address": "192.0.2.1"}},
		Status:     clusterv1alpha1.ClusterStatus{Conditions: []metav1.Condition{{Type: "Ready", Status: metav1.ConditionStatus(ready)}}},
	}
}

// declared is the function ns/web with the annotations, as a Service or an Ingress.
func declared(kind, serviceType string, annotations map[string]string) runtime.Object {
	meta := metav1.ObjectMeta{Namespace: "ns", Name: "web", Labels: map[string]string{federation.FunctionLabel: "true"}, Annotations: annotations}
	if kind == "Ingress" {
		return &networkingv1.Ingress{ObjectMeta: meta}
	}
	return &corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{Type: corev1.ServiceType(serviceType), Ports: []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(8080)}, {Name: "grpc", Port: 9000}}}}
}

// placed binds ns/web of the kind to clusters, with the items of its status.
func placed(apiVersion, kind string, clusters []string, items ...workv1alpha2.AggregatedStatusItem) *workv1alpha2.ResourceBinding {
	b := &workv1alpha2.ResourceBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web-" + strings.ToLower(kind) + strings.ReplaceAll(apiVersion, "/", "")},
		Spec:       workv1alpha2.ResourceBindingSpec{Resource: workv1alpha2.ObjectReference{APIVersion: apiVersion, Kind: kind, Namespace: "ns", Name: "web"}},
		Status:     workv1alpha2.ResourceBindingStatus{AggregatedStatus: items},
	}
	for _, c := range clusters {
		b.Spec.Clusters = append(b.Spec.Clusters, workv1alpha2.TargetCluster{Name: c, Replicas: 3})
	}
	return b
}

// seen is a status item of an applied resource.
func seen(cluster, health, status string) workv1alpha2.AggregatedStatusItem {
	item := workv1alpha2.AggregatedStatusItem{ClusterName: cluster, Applied: true, Health: workv1alpha2.ResourceHealth(health)}
	if status != "" {
		item.Status = &runtime.RawExtension{Raw: []byte(status)}
	}
	return item
}

var options = build.Options{Zones: []string{"fn.example.org."}}

// function returns ns/web as built from the store, with the clusters.
func function(t *testing.T, store *staging.Store) (*federation.State, *federation.Function) {
	t.Helper()
	state := new(build.Builder).Build(store, options)
	for _, f := range state.All() {
		return state, f
	}
	t.Fatalf("no function: %v", state.Faults)
	return nil, nil
}

// verdict returns the verdict on the cluster without probes: a tier, or "refused: " and
// the reason.
func verdict(state *federation.State, f *federation.Function, cluster string) string {
	i := state.ClusterIndex(cluster)
	if p := f.Placements.In(i); p != nil {
		return steer.Judge(p, &state.Clusters[i], health.Verdict{}).Tier.String()
	}
	for _, r := range f.Refused {
		if r.Cluster == cluster {
			return "refused: " + r.Reason
		}
	}
	return "not placed"
}

// TestEveryStateThatKarmadaReportsHasItsVerdict uses what Karmada's own interpreters
// report: see testdata/health.yaml.
func TestEveryStateThatKarmadaReportsHasItsVerdict(t *testing.T) {
	var cases []struct {
		Name, Verdict string
		Cold          bool
		Annotations   map[string]string
		Object        struct {
			APIVersion, Kind string
			Spec             struct{ Type string }
		}
	}
	var words map[string]struct {
		Health string
		Status json.RawMessage
	}
	for file, into := range map[string]any{"testdata/health.yaml": &cases, "testdata/karmada.json": &words} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(text, into); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range cases {
		word, known := words[c.Name]
		if !known {
			t.Errorf("%s: Karmada's interpreter was not asked", c.Name)
			continue
		}
		template, serviceType := "Service", "ClusterIP"
		isTemplate := c.Object.Kind == "Ingress" || c.Object.Kind == "Service" && c.Object.APIVersion == "v1"
		if isTemplate {
			template, serviceType = c.Object.Kind, c.Object.Spec.Type
		}
		store, item := staging.NewStore(), seen("a", word.Health, string(word.Status))
		put(t, store, member("a", "True"), declared(template, serviceType, c.Annotations), placed(c.Object.APIVersion, c.Object.Kind, []string{"a"}, item))
		if !isTemplate {
			put(t, store, placed("v1", "Service", []string{"a"}, seen("a", "Healthy", "")))
		}
		state, f := function(t, store)
		if got := verdict(state, f, "a"); got != c.Verdict {
			t.Errorf("%s, which Karmada calls %s: %s, want %s", c.Name, word.Health, got, c.Verdict)
		}
		if p := f.Placements.In(0); p != nil && p.Cold != c.Cold {
			t.Errorf("%s: cold %t, want %t", c.Name, p.Cold, c.Cold)
		}
		if len(state.Faults) > 0 {
			t.Errorf("%s: %v", c.Name, state.Faults)
		}
	}
}
