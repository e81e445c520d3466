package manifest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/fixture"
)

// TestKindsThatAreNotReadAreNamedWhereTheyCarryAKey has the label and an annotation on
// kinds that people take for those that declare functions, as YAML, JSON, in lists, and
// by merge keys.
func TestKindsThatAreNotReadAreNamedWhereTheyCarryAKey(t *testing.T) {
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
		listing := federation.NewListing()
		f.addTo(&listing, map[federation.Ref]federation.Origin{})
		got := listing.All()
		if len(got) != 2 || !strings.Contains(got[0].Error()+got[1].Error(), "is not read on kind "+name) || !got[0].Warning || !got[1].Warning {
			t.Errorf("%s: %v, want a warning for the label and one for the annotation", name, got)
		}
	}
	f, _ := parse("f.yaml", []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n---\napiVersion: example.org/v1\nkind: Thing\n"))
	if len(f.documents) > 0 || len(f.faults) > 0 {
		t.Errorf("%v, %v of kinds that carry nothing", f.documents, f.faults)
	}
}

// TestOneItemOfAnAggregatedStatusSpoilsItselfAlone has items that an API server would
// refuse, beside a good one and after one that was good.
func TestOneItemOfAnAggregatedStatusSpoilsItselfAlone(t *testing.T) {
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
		d, store := New(dir), federation.NewStore()
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
