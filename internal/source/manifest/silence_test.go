package manifest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/staging"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// TestIgnoredKindsAreNamedIfTheyCarryAKey has the label and an annotation on kinds that
// people may expect to declare functions, as YAML, JSON, in lists, and by merge keys.
func TestIgnoredKindsAreNamedIfTheyCarryAKey(t *testing.T) {
	const keys = "{name: web, namespace: shop, labels: {nearcast.dev/function: \"true\"}, annotations: {nearcast.dev/ttl: \"5\"}}"
	for name, text := range map[string]string{
		"HTTPRoute":           "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: " + keys,
		"SpinApp":             "apiVersion: core.spinkube.dev/v1alpha1\nkind: SpinApp\nmetadata: " + keys,
		"Service.serving":     "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: " + keys,
		"MultiClusterIngress": "apiVersion: networking.karmada.io/v1alpha1\nkind: MultiClusterIngress\nmetadata: " + keys,
		"ConfigMap":           "apiVersion: v1\nkind: ConfigMap\nmetadata: " + keys + "\ndata: {1: x}",
		"TCPRoute":            "{\"apiVersion\": \"gateway.networking.k8s.io/v1alpha2\", \"kind\": \"TCPRoute\", \"metadata\": {\"name\": \"web\", \"namespace\": \"shop\", \"labels\": {\"nearcast.dev/function\": \"true\"}, \"annotations\": {\"nearcast.dev/ttl\": \"5\"}}}",
		"Rollout":             "apiVersion: v1\nkind: List\nitems:\n- apiVersion: argoproj.io/v1alpha1\n  kind: Rollout\n  metadata: " + keys,
		"GRPCRoute":           "x: &m " + keys + "\napiVersion: gateway.networking.k8s.io/v1\nkind: GRPCRoute\nmetadata: {<<: *m}",
	} {
		f, fault := parse("f.yaml", []byte(text))
		if fault != nil {
			t.Fatalf("%s: %v", name, fault)
		}
		listing := listed(f)
		got := listing.All()
		if len(got) != 2 || !strings.Contains(got[0].Error()+got[1].Error(), "is ignored on kind "+name) || !got[0].Warning || !got[1].Warning {
			t.Errorf("%s: %v, want a warning for the label and one for the annotation", name, got)
		}
	}
	f, _ := parse("f.yaml", []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n---\napiVersion: example.org/v1\nkind: Thing\n"))
	if len(f.documents) > 0 || len(f.faults) > 0 {
		t.Errorf("%v, %v of kinds without a key", f.documents, f.faults)
	}
}

// TestOneBadItemOfAnAggregatedStatusAffectsOnlyItself has items that an API server would
// refuse, beside a valid one and after a valid version.
func TestOneBadItemOfAnAggregatedStatusAffectsOnlyItself(t *testing.T) {
	const binding = `apiVersion: work.karmada.io/v1alpha2
kind: ResourceBinding
metadata: {name: web-service, namespace: demo}
spec:
  resource: {apiVersion: v1, kind: Service, name: web, namespace: demo}
  clusters: [%s]
status:
  aggregatedStatus:
  - {clusterName: de-wide, applied: true, health: Healthy}
  - %s
`
	service := "---\napiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: demo, labels: {nearcast.dev/function: \"true\"}}\nspec: {ports: [{port: 80}]}\n---\n"
	for _, bad := range []string{"{clusterName: us-azure, applied: yes please}", "{clusterName: us-azure, health: [Healthy]}", "{clusterName: us-azure, applied: {}}", "{clusterName: us-azure, appliedMessage: 7, applied: true}"} {
		dir := fixture.Dir(t, map[string]string{"clusters.yaml": fixture.ThreeWith()})
		d, store := New(dir), staging.NewStore()
		write := func(clusters, item string) *federation.State {
			fixture.Write(t, dir+"/f.yaml", service+fmt.Sprintf(binding, clusters, item))
			return built(t, d, store)
		}
		write("{name: us-azure}, {name: mk-core}", "{clusterName: us-azure, applied: true, health: Healthy}")
		state := write("{name: us-azure}, {name: de-wide}", bad)
		f := state.Functions.At(0)
		var in []string
		for _, p := range f.Placements {
			in = append(in, state.Clusters[p.Cluster].Name)
		}
		if got := strings.Join(in, " "); got != "de-wide us-azure" {
			t.Errorf("%s: answered in %s (refused %v), want the spec and the other item in force, and what was applied kept", bad, got, f.Refused)
		}
		if len(state.Faults) != 1 || !strings.Contains(state.Faults[0].Error(), "status.aggregatedStatus of us-azure") {
			t.Errorf("%s: %v, want one fault that names the item", bad, state.Faults)
		}
	}
}

// TestKeysInTheWrongPlaceAreNamed has keys where people put them by mistake, and where
// they belong.
func TestKeysInTheWrongPlaceAreNamed(t *testing.T) {
	const service = "apiVersion: v1\nkind: Service\n"
	for text, want := range map[string]string{
		service + "metadata: {name: a, namespace: x, Labels: {nearcast.dev/function: \"true\"}}":                                                         "is ignored in metadata.Labels",
		service + "metadata: {name: a, namespace: x, label: {nearcast.dev/function: \"true\"}}":                                                          "is ignored in metadata.label",
		service + "metadata: {name: a, namespace: x}\nlabels: {nearcast.dev/function: \"true\"}":                                                         "is ignored in labels",
		service + "metadata: {name: a, namespace: x}\nspec: {annotations: {nearcast.dev/ttl: \"5\"}}":                                                    "is ignored in spec.annotations",
		"apiVersion: cluster.karmada.io/v1alpha1\nkind: Cluster\nmetadata: {name: a, annotation: {nearcast.dev/drain: \"true\"}}":                        "is ignored in metadata.annotation",
		"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: x}\nspec: {template: {metadata: {labels: {nearcast.dev/function: yes}}}}": "is ignored in spec.template.metadata.labels",
		"apiVersion: example.org/v1\nkind: X\nmetadata: {name: a}\nspec: {template: {metadata: {annotations: {Nearcast.dev/TTL: \"5\"}}}}":               "is ignored in spec.template.metadata.annotations",
		"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: x}\nspec: {template: {metadata: {labels: {nearcast.dev/announced: x}}}}":  "",
		service + "metadata: {name: a, namespace: x, labels: {nearcast.dev/function: \"true\"}}":                                                         "",
		"apiVersion: v1\nkind: Endpoints\nmetadata: {name: a, namespace: x, labels: {nearcast.dev/function: \"true\"}}":                                  "",
		"apiVersion: v1\nkind: List\nItems: []":     "items must be a list",
		"apiVersion: v1\nkind: List\nitems: {a: 1}": "items must be a list",
		service + "metadata: {name: a, namespace: \"{{ .Release.Namespace }}\", labels: {nearcast.dev/function: \"true\"}}":                             "looks like a Helm template",
		service + "metadata: {name: a, namespace: x, annotations: {nearcast.dev/hostname: \"{{ .host }}\"}, labels: {nearcast.dev/function: \"true\"}}": "looks like a Helm template",
	} {
		f, fault := parse("f.yaml", []byte(text))
		if fault != nil {
			t.Fatal(fault)
		}
		listing := listed(f)
		switch got := listing.All(); {
		case want == "" && len(got) > 0:
			t.Errorf("%s: %v", text, got)
		case want != "" && (len(got) != 1 || !strings.Contains(got[0].Error(), want)):
			t.Errorf("%s: %v, want %s", text, got, want)
		}
	}
}

// TestOneBadPartOfAClusterOrABindingAffectsOnlyItself has parts that an API server would
// refuse: annotations without quotes, and unreadable statuses.
func TestOneBadPartOfAClusterOrABindingAffectsOnlyItself(t *testing.T) {
	const cluster = "apiVersion: cluster.karmada.io/v1alpha1\nkind: Cluster\nmetadata:\n  name: a\n  annotations:\n    nearcast.dev/drain: \"true\"\n    %s\nstatus: {%s, conditions: [{type: Ready, status: \"False\"}]}\n"
	for _, c := range []struct{ annotation, status, fault string }{
		{"nearcast.dev/cost: 2", "x: 1", "f.yaml:7: Cluster a: nearcast.dev/cost: 2 is not text: put it in quotes"},
		{"nearcast.dev/coordinates: [1, 2]", "x: 1", "f.yaml:7: Cluster a: nearcast.dev/coordinates"},
		{"example.org/x: 7", "x: 1", ""},
		{"a: b", "nodeSummary: {totalNum: \"3\"}", "status.nodeSummary: totalNum: string where a whole number is expected"},
		{"a: b", "resourceSummary: {allocatable: {cpu: lots}}", "status.resourceSummary"},
		{"a: b", "remedyActions: TrafficControl", "status.remedyActions"},
	} {
		f, _ := parse("f.yaml", fmt.Appendf(nil, cluster, c.annotation, c.status))
		listing := listed(f)
		faults := listing.All()
		if c.fault == "" && len(faults) > 0 || c.fault != "" && (len(faults) != 1 || !strings.Contains(faults[0].Error(), c.fault)) {
			t.Errorf("%s, %s: %v, want %s", c.annotation, c.status, faults, c.fault)
		}
		if len(listing.Objects()) != 1 || listing.Objects()[0].(*federation.Cluster).Leaving == "" || listing.Objects()[0].(*federation.Cluster).Ready != federation.ReadyFalse {
			t.Errorf("%s, %s: %+v, want the drain and the condition in force", c.annotation, c.status, listing.Objects())
		}
	}
	const binding = "apiVersion: work.karmada.io/v1alpha2\nkind: ResourceBinding\nmetadata: {name: web, namespace: demo}\nspec:\n  resource: {apiVersion: %s, kind: %s, name: web, namespace: demo}\n  clusters: [{name: a, replicas: %s}]\nstatus: {%s}\n"
	for _, c := range []struct {
		apiVersion, kind, replicas, status string
		objects, faults                    int
	}{
		{"v1", "Service", "1", "conditions: [{type: Scheduled, lastTransitionTime: yesterday}]", 1, 1},
		{"v1", "Service", "1", "schedulerObservedGeneration: \"3\"", 1, 1},
		{"v1", "Service", "1", "aggregatedStatus: {a: b}", 1, 1},
		{"v1", "Service", "\"1\"", "aggregatedStatus: []", 0, 1},
		{"batch/v1", "Job", "\"1\"", "aggregatedStatus: []", 0, 0},
		{"example.org/v1", "Widget", "1", "schedulerObservedGeneration: x", 1, 0},
		{"example.org/v1", "Deployment", "1", "aggregatedStatus: x", 1, 0},
	} {
		f, _ := parse("f.yaml", fmt.Appendf(nil, binding, c.apiVersion, c.kind, c.replicas, c.status))
		listing := listed(f)
		if len(listing.Objects()) != c.objects || len(listing.All()) != c.faults {
			t.Errorf("%s of %s: %d objects, %v; want %d and %d", c.status, c.kind, len(listing.Objects()), listing.All(), c.objects, c.faults)
		}
		if c.objects == 1 && len(listing.Objects()) == 1 && !listing.Objects()[0].(*federation.Binding).In("a").Placed {
			t.Errorf("%s: the spec is not in force", c.status)
		}
	}
}
