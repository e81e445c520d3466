package plainyaml

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	clusterv1alpha1 "github.com/karmada-io/karmada/pkg/apis/cluster/v1alpha1"
	workv1alpha2 "github.com/karmada-io/karmada/pkg/apis/work/v1alpha2"
	"go.yaml.in/yaml/v3"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	kjson "sigs.k8s.io/json"
)

// objects are as kubectl prints them, with a field of each type that is decoded in its own
// way.
var objects = []struct {
	into func() any
	text string
}{
	{func() any { return new(corev1.Service) }, `apiVersion: v1
kind: Service
metadata:
  name: web
  creationTimestamp: "2026-01-10T08:00:00Z"
  deletionTimestamp: null
  deletionGracePeriodSeconds: 30
  labels: {a: "1"}
  finalizers: [a, b]
  managedFields: [{manager: kubectl, fieldsV1: {"f:spec": {"f:b": {}, "f:a": "<>"}}, time: "2026-01-10T08:00:00Z"}]
  unknown: [{a: null, b: [1, true]}]
spec:
  ports: [{port: 80, targetPort: http, nodePort: 0}, {port: 443, targetPort: 8443, protocol: UDP}]
  selector: {app: web}
  publishNotReadyAddresses: true
  allocateLoadBalancerNodePorts: false
  internalTrafficPolicy: Local
status: {loadBalancer: {ingress: [{ip: 192.0.2.1, ipMode: VIP}]}}
`},
	{func() any { return new(workv1alpha2.ResourceBinding) }, `apiVersion: work.karmada.io/v1alpha2
kind: ResourceBinding
metadata: {name: web-service, namespace: x}
spec:
  resource: {apiVersion: v1, kind: Service, name: web}
  clusters: [{name: a, replicas: 2}, {name: b}]
  suspension: {dispatching: true}
  replicaRequirements: {resourceRequest: {cpu: 100m, memory: 1Gi, pods: 3}}
status:
  aggregatedStatus: [{clusterName: a, applied: true, health: Healthy, status: {replicas: 2, readyReplicas: 2, z: "ü\"", a: [{}, null]}}]
  conditions: [{type: Scheduled, status: "True", lastTransitionTime: "2026-01-10T08:00:00Z", observedGeneration: 4}]
`},
	{func() any { return new(clusterv1alpha1.Cluster) }, `kind: Cluster
spec: {id: x, syncMode: Push, zones: [z], region: r, taints: [{key: a, effect: NoSchedule, timeAdded: "2026-01-10T08:00:00Z"}]}
status: {apiEnablements: [{groupVersion: v1, resources: [{name: pods, kind: Pod}]}], resourceSummary: {allocatable: {cpu: "8", pods: 110}}, remedyActions: [TrafficControl]}
`},
	{func() any { return new(appsv1.Deployment) }, `kind: Deployment
spec:
  replicas: 2
  strategy: {rollingUpdate: {maxSurge: 25%, maxUnavailable: 1}}
  template: {spec: {runtimeClassName: wasm, containers: [{name: a, env: [{name: A, value: b}], resources: {limits: {cpu: 1}}, livenessProbe: {httpGet: {port: 80}}}], volumes: [{name: c, configMap: {name: d, defaultMode: 420}}]}}
`},
	{func() any { return new(networkingv1.Ingress) }, `kind: Ingress
spec: {ingressClassName: x, rules: [{host: web.example.org, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: a, port: {number: 80}}}}]}}]}
`},
}

// replacements stand in for each value of an object.
var replacements = []string{
	`null`, `~`, `true`, `True`, `!!bool x`, `0`, `7`, `-1`, `70000`, `5000000000`, `99999999999999999999`, `0x1F`, `!!int x`, `1.5`, `.inf`, `text`, `"7"`, `"\u00fc\u2028<"`, `""`, `2026-01-10`,
	`!!binary aGk=`, `!x y`, `[]`, `[null]`, `[text]`, `[7]`, `[{}]`, `[[.nan]]`, `{}`, `{a: b}`, `{a: null}`, `{a: 7}`, `{7: a}`, `{<<: {a: b}}`, `{name: 7, unknown: .inf}`, `{port: 80}`, `&a {a: *a}`,
}

// TestWhatIsDecodedIsAsTheJSONOfIt puts each replacement in the place of each value and of each
// key of every object.
func TestWhatIsDecodedIsAsTheJSONOfIt(t *testing.T) {
	decoded := 0
	for _, o := range objects {
		root := parsed(t, o.text)
		if !same(t, root, o.into) {
			t.Errorf("is not decoded:\n%s", o.text)
		}
		places := every(root)
		for _, at := range places {
			before := *at
			for _, text := range replacements {
				*at = *parsed(t, text)
				if same(t, root, o.into) {
					decoded++
				}
				*at = before
			}
		}
	}
	if decoded < 1000 {
		t.Errorf("only %d objects were decoded: the test shows little", decoded)
	}
}

func parsed(t *testing.T, text string) *yaml.Node {
	t.Helper()
	var root yaml.Node
	if err := yaml.Unmarshal([]byte(text), &root); err != nil {
		t.Fatal(err)
	}
	return root.Content[0]
}

// every returns the node and all below it.
func every(n *yaml.Node) (all []*yaml.Node) {
	all = append(all, n)
	for _, child := range n.Content {
		all = append(all, every(child)...)
	}
	return all
}

// same returns whether Decode decodes the node, and reports a difference to what JSON gives.
func same(t *testing.T, n *yaml.Node, into func() any) bool {
	t.Helper()
	is, want := into(), into()
	ok := Decode(n, is)
	if !ok {
		if !reflect.ValueOf(is).Elem().IsZero() {
			t.Errorf("%T is not the zero value after a refusal", is)
		}
		return false
	}
	if err := throughJSON(n, want); err != nil && !strings.Contains(err.Error(), "already defined") {
		t.Errorf("is decoded, but JSON says: %v", err)
	} else if err == nil && !reflect.DeepEqual(is, want) {
		t.Errorf("is\n%+v\nwant\n%+v", is, want)
	}
	return true
}

func throughJSON(n *yaml.Node, into any) error {
	var plain any
	if err := n.Decode(&plain); err != nil {
		return err
	}
	data, err := json.Marshal(plain)
	if err != nil {
		return err
	}
	return kjson.UnmarshalCaseSensitivePreserveInts(data, into)
}

// FuzzWhatIsDecodedIsAsTheJSONOfIt reads any YAML as each kind of object.
func FuzzWhatIsDecodedIsAsTheJSONOfIt(f *testing.F) {
	for _, o := range objects {
		f.Add([]byte(o.text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var root yaml.Node
		if yaml.Unmarshal(text, &root) != nil || len(root.Content) == 0 {
			return
		}
		for _, o := range objects {
			same(t, root.Content[0], o.into)
		}
	})
}
