package slim_test

import (
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	clusterv1alpha1 "github.com/karmada-io/karmada/pkg/apis/cluster/v1alpha1"
	karmadanetworkingv1alpha1 "github.com/karmada-io/karmada/pkg/apis/networking/v1alpha1"
	policyv1alpha1 "github.com/karmada-io/karmada/pkg/apis/policy/v1alpha1"
	workv1alpha2 "github.com/karmada-io/karmada/pkg/apis/work/v1alpha2"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/build"
	"github.com/nearcast/nearcast/internal/federation/staging"
)

var both = []string{"a", "b"}

// world stages clusters a and b and the function ns/web, placed in both and applied.
func world(t *testing.T, annotations map[string]string, more ...any) *staging.Store {
	t.Helper()
	store := staging.NewStore()
	put(t, store, member("a", "True"), member("b", "True"), declared("Service", "ClusterIP", annotations),
		placed("v1", "Service", both, seen("a", "Healthy", ""), seen("b", "Healthy", "")))
	put(t, store, more...)
	return store
}

// kindsOfWorkload are found by the function's name, or by its annotation.
var kindsOfWorkload = []struct{ apiVersion, kind, annotation string }{
	{"apps/v1", "Deployment", ""},
	{"apps/v1", "StatefulSet", ""},
	{"apps/v1", "DaemonSet", ""},
	{"core.spinkube.dev/v1alpha1", "SpinApp", ""},
	{"serving.knative.dev/v1", "Service", ""},
	{"apps.kruise.io/v1alpha1", "CloneSet", ""},
	{"argoproj.io/v1alpha1", "Rollout", "Rollout/web"},
	{"apps.kruise.io/v1beta1", "StatefulSet", "StatefulSet.apps.kruise.io/web"},
	{"example.org/v1", "Fleet", "Fleet/web"},
	{"example.org/v1", "Fleet", "Fleet.example.org/web"},
	{"v1", "Pod", "Pod/web"},
}

func TestAWorkloadThatWasNeverAppliedIsNotACandidate(t *testing.T) {
	suspend := func(b *workv1alpha2.ResourceBinding) *workv1alpha2.ResourceBinding {
		b.Spec.Suspension = &workv1alpha2.Suspension{Suspension: policyv1alpha1.Suspension{Dispatching: new(true)}}
		return b
	}
	for _, k := range kindsOfWorkload {
		annotations := map[string]string{}
		if k.annotation != "" {
			annotations["nearcast.dev/workload"] = k.annotation
		}
		fine := seen("b", "Healthy", `{"replicas": 3, "readyReplicas": 3, "numberReady": 3, "desiredNumberScheduled": 3}`)
		if k.kind == "Pod" {
			fine = seen("b", "Healthy", `{"conditions": [{"type": "Ready", "status": "True"}]}`)
		}
		failed := func(message string) workv1alpha2.AggregatedStatusItem {
			return workv1alpha2.AggregatedStatusItem{ClusterName: "a", AppliedMessage: message, Health: workv1alpha2.ResourceUnknown}
		}
		label := "its workload " + k.kind + "/web is "
		for name, c := range map[string]struct {
			binding *workv1alpha2.ResourceBinding
			want    string
		}{
			"its kind is not served":          {placed(k.apiVersion, k.kind, both, failed(`no matches for kind "X"`), fine), `not applied yet: no matches for kind "X"`},
			"a webhook refuses it":            {placed(k.apiVersion, k.kind, both, failed("admission webhook denied the request"), fine), "not applied yet: admission webhook denied the request"},
			"over quota":                      {placed(k.apiVersion, k.kind, both, failed("exceeded quota: pods"), fine), "not applied yet: exceeded quota: pods"},
			"no message":                      {placed(k.apiVersion, k.kind, both, failed(""), fine), "not applied yet"},
			"no status item":                  {placed(k.apiVersion, k.kind, both, fine), "not applied yet"},
			"suspended before it ran":         {suspend(placed(k.apiVersion, k.kind, both, failed(""), fine)), "not applied yet: its dispatching is suspended"},
			"suspended, and no item":          {suspend(placed(k.apiVersion, k.kind, both, fine)), "not applied yet: its dispatching is suspended"},
			"refused, then suspended":         {suspend(placed(k.apiVersion, k.kind, both, failed("denied"), fine)), "not applied yet: denied"},
			"suspended while it ran":          {suspend(placed(k.apiVersion, k.kind, both, seen("a", "Healthy", ""), fine)), ""},
			"applied, and no longer reported": {placed(k.apiVersion, k.kind, both, seen("a", "Unknown", ""), fine), ""},
		} {
			state, f := function(t, world(t, annotations, c.binding))
			want := "refused: " + label + c.want
			if got := verdict(state, f, "a"); c.want != "" && got != want || c.want == "" && strings.HasPrefix(got, "refused") {
				t.Errorf("%s %s, %s: %s, want %s", k.apiVersion, k.kind, name, got, want)
			}
			if got := verdict(state, f, "b"); got != "up" {
				t.Errorf("%s %s, %s: the other cluster: %s, want up", k.apiVersion, k.kind, name, got)
			}
		}
	}
}

func TestARunningWorkloadSurvivesAFailedUpdate(t *testing.T) {
	for _, k := range kindsOfWorkload[:6] {
		ready := `{"replicas": 3, "readyReplicas": 3, "numberReady": 3, "desiredNumberScheduled": 3}`
		store := world(t, nil, placed(k.apiVersion, k.kind, both, seen("a", "Healthy", ready), seen("b", "Healthy", ready)))
		failed := workv1alpha2.AggregatedStatusItem{ClusterName: "a", AppliedMessage: "denied", Health: workv1alpha2.ResourceUnknown}
		put(t, store, placed(k.apiVersion, k.kind, both, failed, seen("b", "Healthy", ready)))
		state, f := function(t, store)
		if got := verdict(state, f, "a"); got != "unknown" {
			t.Errorf("%s: %s, want unknown", k.kind, got)
		}
	}
}

// TestLoadCountsNoReplicaThatHasNoClientsYet covers surges, which Karmada counts among
// the replicas, and replicas that a scale-out adds.
func TestLoadCountsNoReplicaThatHasNoClientsYet(t *testing.T) {
	const (
		all      = `{"replicas": 3, "updatedReplicas": 3, "readyReplicas": 3}`
		scaleOut = `{"replicas": 6, "updatedReplicas": 6, "readyReplicas": 3}`
	)
	for name, c := range map[string]struct {
		statuses    []string
		borne, left int32
	}{
		"all ready":                           {[]string{all}, 3, 3},
		"a surge":                             {[]string{`{"replicas": 4, "updatedReplicas": 2, "readyReplicas": 3}`}, 3, 3},
		"a surge of all":                      {[]string{`{"replicas": 6, "updatedReplicas": 3, "readyReplicas": 3}`}, 3, 3},
		"an old one fails in a rollout":       {[]string{`{"replicas": 4, "updatedReplicas": 1, "readyReplicas": 2}`}, 3, 2},
		"one fails":                           {[]string{all, `{"replicas": 3, "updatedReplicas": 3, "readyReplicas": 2}`}, 3, 2},
		"one had failed before":               {[]string{`{"replicas": 3, "updatedReplicas": 3, "readyReplicas": 2}`}, 3, 2},
		"a scale-out":                         {[]string{all, scaleOut}, 3, 3},
		"a scale-out, and the next":           {[]string{all, scaleOut, `{"replicas": 9, "updatedReplicas": 9, "readyReplicas": 4}`}, 4, 4},
		"one fails in a scale-out":            {[]string{all, scaleOut, `{"replicas": 6, "updatedReplicas": 6, "readyReplicas": 2}`}, 3, 2},
		"one fails after a scale-out":         {[]string{all, scaleOut, `{"replicas": 6, "updatedReplicas": 6, "readyReplicas": 6}`, `{"replicas": 6, "updatedReplicas": 6, "readyReplicas": 5}`}, 6, 5},
		"one fails after a scale-in":          {[]string{scaleOut, all, `{"replicas": 3, "updatedReplicas": 3, "readyReplicas": 1}`}, 3, 1},
		"one unreadable count":                {[]string{`{"replicas": "4", "updatedReplicas": 2, "readyReplicas": 3}`}, 3, 3},
		"another unreadable count":            {[]string{`{"replicas": 4, "updatedReplicas": "2", "readyReplicas": 3}`}, 4, 3},
		"a start from zero":                   {[]string{`{}`, `{"replicas": 4, "updatedReplicas": 4}`, `{"replicas": 4, "updatedReplicas": 4, "readyReplicas": 1}`}, 1, 1},
		"all but one of a rollout are gone":   {[]string{`{"replicas": 3, "updatedReplicas": 2, "readyReplicas": 1}`}, 3, 1},
		"an unreadable status":                {[]string{all, `{"replicas": "x"}`}, 3, 3},
		"the autoscaler of the member scales": {[]string{all, `{"replicas": 1, "updatedReplicas": 1, "readyReplicas": 1}`}, 1, 1},
	} {
		store := world(t, nil)
		for _, status := range c.statuses {
			put(t, store, placed("apps/v1", "Deployment", both, seen("a", "Unhealthy", status), seen("b", "Healthy", all)))
		}
		_, f := function(t, store)
		if got := f.Placements.In(0).Capacity; got.Borne() != c.borne || got.Ready != c.left {
			t.Errorf("%s: %d of %d, want %d of %d", name, got.Ready, got.Borne(), c.left, c.borne)
		}
	}
}

func TestWhatKarmadaSaysOfAClusterIsBelieved(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*clusterv1alpha1.Cluster)
		want   string
	}{
		"reached":              {func(*clusterv1alpha1.Cluster) {}, "up"},
		"not reached":          {func(c *clusterv1alpha1.Cluster) { c.Status.Conditions[0].Status = metav1.ConditionFalse }, "unknown"},
		"silent":               {func(c *clusterv1alpha1.Cluster) { c.Status.Conditions[0].Status = metav1.ConditionUnknown }, "unknown"},
		"written by hand":      {func(c *clusterv1alpha1.Cluster) { c.Status.Conditions = nil }, "up"},
		"being removed":        {func(c *clusterv1alpha1.Cluster) { c.DeletionTimestamp = new(metav1.NewTime(time.Unix(1, 0))) }, "leaving"},
		"under TrafficControl": {func(c *clusterv1alpha1.Cluster) { c.Status.RemedyActions = []string{"TrafficControl"} }, "leaving"},
		"drained, and removed": {func(c *clusterv1alpha1.Cluster) {
			c.DeletionTimestamp = new(metav1.NewTime(time.Unix(1, 0)))
			c.Annotations["nearcast.dev/drain"] = "true"
		}, "leaving"},
		"drained beside a typo": {func(c *clusterv1alpha1.Cluster) {
			c.Annotations["nearcast.dev/drain"], c.Annotations["nearcast.dev/cots"] = "true", "2"
		}, "leaving"},
	} {
		store, a := world(t, nil), member("a", "True")
		c.change(a)
		put(t, store, a)
		state, f := function(t, store)
		if got := verdict(state, f, "a"); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// TestOneBadAnnotationOfAClusterAffectsOnlyItself makes each key invalid in turn, beside
// all others, at first and after it was valid.
func TestOneBadAnnotationOfAClusterAffectsOnlyItself(t *testing.T) {
	good := map[string]string{
		"nearcast.dev/address": "192.0.2.1", "nearcast.dev/address.vpn": "10.0.0.1", "nearcast.dev/coordinates": "50,8",
		"nearcast.dev/cost": "2", "nearcast.dev/drain": "true",
	}
	shape := func(store *staging.Store) map[string]bool {
		c := new(build.Builder).Build(store, options).Clusters[0]
		return map[string]bool{
			"nearcast.dev/address": !c.Gateways[""].IsZero(), "nearcast.dev/address.vpn": !c.Gateways["vpn"].IsZero(),
			"nearcast.dev/coordinates": c.Coordinates != nil, "nearcast.dev/cost": c.Cost != nil, "nearcast.dev/drain": c.Leaving != "",
		}
	}
	for bad := range good {
		for _, before := range []bool{false, true} {
			store, c := staging.NewStore(), member("a", "False")
			c.Annotations = map[string]string{}
			for key, value := range good {
				c.Annotations[key] = value
			}
			if before {
				put(t, store, c.DeepCopy())
			}
			c.Annotations[bad] = "?"
			put(t, store, c)
			for key, there := range shape(store) {
				if want := key != bad || before; there != want {
					t.Errorf("%s is invalid, valid before: %t: %s exists: %t, want %t", bad, before, key, there, want)
				}
			}
			state := new(build.Builder).Build(store, options)
			if len(state.Faults) != 1 || state.Faults[0].Key != bad || state.Clusters[0].Ready != federation.ReadyFalse {
				t.Errorf("%s is invalid: %v, want only it named, and the condition read", bad, state.Faults)
			}
		}
	}
}

// TestAnUpdateDoesNotStartAFunctionWithoutReplicas has a workload at zero, and then what
// Karmada reports of it during an update, while its API is unreachable, and once it
// starts.
func TestAnUpdateDoesNotStartAFunctionWithoutReplicas(t *testing.T) {
	const none, some = `{"observedGeneration": 3}`, `{"replicas": 2, "readyReplicas": 2}`
	for _, k := range kindsOfWorkload[:10] {
		if k.kind == "DaemonSet" || k.kind == "Service" {
			continue // one of which has nodes, and the other no counts
		}
		annotations := map[string]string{"nearcast.dev/probe": "http://:8080/healthz"}
		if k.annotation != "" {
			annotations["nearcast.dev/workload"] = k.annotation
		}
		for name, c := range map[string]struct {
			then workv1alpha2.AggregatedStatusItem
			want federation.ProbeKind
		}{
			"an update":              {seen("a", "Unhealthy", none), federation.ProbeTCP},
			"an unreadable status":   {seen("a", "Healthy", `{"replicas": "x"}`), federation.ProbeTCP},
			"its API is unreachable": {workv1alpha2.AggregatedStatusItem{ClusterName: "a"}, federation.ProbeTCP},
			"the status is gone":     {seen("a", "Healthy", ""), federation.ProbeTCP},
			"and its first replica":  {seen("a", "Healthy", some), federation.ProbeHTTP},
		} {
			store := world(t, annotations, placed(k.apiVersion, k.kind, both, seen("a", "Healthy", some)), placed(k.apiVersion, k.kind, both, seen("a", "Healthy", none)))
			if _, f := function(t, store); !f.Placements.In(0).Cold {
				t.Errorf("%s %s at zero is not cold", k.apiVersion, k.kind)
			}
			put(t, store, placed(k.apiVersion, k.kind, both, c.then))
			state, f := function(t, store)
			if got := verdict(state, f, "a"); got != "up" && c.then.Applied {
				t.Errorf("%s %s, %s: %s", k.apiVersion, k.kind, name, got)
			}
			if p := f.Placements.In(0); p == nil || p.Target.Value().Kind != c.want {
				t.Errorf("%s %s, %s: %v", k.apiVersion, k.kind, name, p)
			}
		}
	}
}

// TestARolloutTakesOverADeploymentsPods covers what workloadRef does to a Deployment.
func TestARolloutTakesOverADeploymentsPods(t *testing.T) {
	service := declared("Service", "ClusterIP", nil).(*corev1.Service)
	service.Spec.Selector = map[string]string{"app": "argo"}
	pods := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: service.Spec.Selector}}
	store := world(t, nil, service, &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web"}, Spec: appsv1.DeploymentSpec{Template: pods}},
		placed("apps/v1", "Deployment", both, seen("a", "Healthy", `{"observedGeneration": 1}`)),
		placed("argoproj.io/v1alpha1", "Rollout", both, seen("a", "Healthy", `{"replicas": 3, "readyReplicas": 3}`)))
	if _, f := function(t, store); f.Placements.In(0).Cold || f.Placements.In(0).Capacity.Ready != 3 {
		t.Errorf("%+v, want the Rollout's replicas", f.Placements.In(0))
	}
}

func TestOnlyTheAnnotatedProbeWaitsForAReplica(t *testing.T) {
	const none, some = `{"observedGeneration": 2}`, `{"replicas": 1, "readyReplicas": 1}`
	for _, probe := range []string{"http://:8080/healthz", "https:///x", "grpc://:9000/service"} {
		for name, c := range map[string]struct {
			apiVersion, kind, health, status string
			sent                             bool
		}{
			"scaled to zero":               {"apps/v1", "Deployment", "Healthy", none, false},
			"scaled to zero, not seen yet": {"apps/v1", "Deployment", "Unknown", none, false},
			"a StatefulSet at zero":        {"apps/v1", "StatefulSet", "Healthy", `{"replicas": 0, "availableReplicas": 0}`, false},
			"a SpinApp at zero":            {"core.spinkube.dev/v1alpha1", "SpinApp", "Healthy", `{"replicas": 0, "readyReplicas": 0}`, false},
			"a CloneSet at zero":           {"apps.kruise.io/v1alpha1", "CloneSet", "Healthy", `{"replicas": 0, "readyReplicas": 0}`, false},
			"a Knative Service":            {"serving.knative.dev/v1", "Service", "Healthy", `{"conditions": [{"type": "Ready", "status": "True"}]}`, false},
			"a Knative Service, kept warm": {"serving.knative.dev/v1", "Service", "Healthy", `{"minScale": 1}`, true},
			"one that is kept, as text":    {"serving.knative.dev/v1", "Service", "Healthy", `{"minScale": "2"}`, true},
			"running":                      {"apps/v1", "Deployment", "Healthy", some, true},
			"broken":                       {"apps/v1", "Deployment", "Unhealthy", `{"replicas": 1}`, true},
			"a DaemonSet without a node":   {"apps/v1", "DaemonSet", "Healthy", `{"desiredNumberScheduled": 0, "numberReady": 0}`, false},
			"a DaemonSet":                  {"apps/v1", "DaemonSet", "Healthy", `{"desiredNumberScheduled": 2, "numberReady": 2}`, true},
		} {
			store := world(t, map[string]string{"nearcast.dev/probe": probe}, placed(c.apiVersion, c.kind, both, seen("a", c.health, c.status)))
			_, f := function(t, store)
			p := f.Placements.In(0)
			if sent := p.Target.Value().Kind != federation.ProbeTCP; sent != c.sent {
				t.Errorf("%s, %s: %s", probe, name, p.Target.Value())
			}
			if why := f.Withheld(p); (why == "") != c.sent {
				t.Errorf("%s, %s: withheld %q", probe, name, why)
			}
		}
	}
	// Its last state survives while a member's API is unreachable.
	store := world(t, map[string]string{"nearcast.dev/probe": "http://:8080/healthz"}, placed("apps/v1", "Deployment", both, seen("a", "Healthy", none)))
	put(t, store, placed("apps/v1", "Deployment", both, workv1alpha2.AggregatedStatusItem{ClusterName: "a", Health: "Unknown", AppliedMessage: "unreachable"}))
	if _, f := function(t, store); f.Placements.In(0).Target.Value().Kind != federation.ProbeTCP {
		t.Error("a cold function is called while its member's API is unreachable")
	}
}

// TestNoAddressIsInvented has load balancers that are present, pending and unreadable, of
// Services and Ingresses, before clusters with gateways for two horizons.
func TestNoAddressIsInvented(t *testing.T) {
	const pending = "refused: the load balancer has no address yet"
	for name, c := range map[string]struct {
		kind, serviceType, address, status, want string
	}{
		"an address":                            {"Service", "LoadBalancer", "", `{"loadBalancer": {"ingress": [{"ip": "198.51.100.7"}]}}`, "198.51.100.7"},
		"an IPv6 address":                       {"Service", "LoadBalancer", "", `{"loadBalancer": {"ingress": [{"ip": "2001:db8::7"}]}}`, "2001:db8::7"},
		"no status":                             {"Service", "LoadBalancer", "", ``, pending},
		"an empty status":                       {"Service", "LoadBalancer", "", `{}`, pending},
		"no load balancer":                      {"Service", "LoadBalancer", "", `{"loadBalancer": {}}`, pending},
		"no entry":                              {"Service", "LoadBalancer", "", `{"loadBalancer": {"ingress": []}}`, pending},
		"an empty entry":                        {"Service", "LoadBalancer", "", `{"loadBalancer": {"ingress": [{}]}}`, pending},
		"a name":                                {"Service", "LoadBalancer", "", `{"loadBalancer": {"ingress": [{"hostname": "lb.example.net"}]}}`, pending + ": its name lb.example.net. is only resolved by a running server"},
		"a name, and no type":                   {"Service", "", "", `{"loadBalancer": {"ingress": [{"hostname": "lb.example.net"}]}}`, pending + ": its name lb.example.net. is only resolved by a running server"},
		"a name of our zone":                    {"Service", "LoadBalancer", "", `{"loadBalancer": {"ingress": [{"hostname": "web.ns.fn.example.org"}]}}`, pending + ": its name web.ns.fn.example.org. is in a zone served here, and would lead back"},
		"loopback with a zone":                  {"Service", "LoadBalancer", "", `{"loadBalancer": {"ingress": [{"ip": "::1%lo"}]}}`, pending + `: loadBalancer.ingress.ip "::1%lo" is not an IP address`},
		"a VIP's address with a zone":           {"Service", "LoadBalancer", "", `{"loadBalancer": {"ingress": [{"ip": "2001:db8::7%x"}]}}`, pending + `: loadBalancer.ingress.ip "2001:db8::7%x" is not an IP address`},
		"no address at all":                     {"Service", "LoadBalancer", "", `{"loadBalancer": {"ingress": [{"ip": "pending"}]}}`, pending + `: loadBalancer.ingress.ip "pending" is not an IP address`},
		"one with a zone":                       {"Service", "LoadBalancer", "", `{"loadBalancer": {"ingress": [{"ip": "fd00:ec2::254%eth0"}]}}`, pending + `: loadBalancer.ingress.ip "fd00:ec2::254%eth0" is not an IP address`},
		"one of two":                            {"Service", "LoadBalancer", "", `{"loadBalancer": {"ingress": [{"ip": "pending"}, {"ip": "198.51.100.7"}]}}`, "198.51.100.7"},
		"an Ingress, pending":                   {"Ingress", "", "", `{"loadBalancer": {}}`, pending},
		"an Ingress with a name":                {"Ingress", "", "", `{"loadBalancer": {"ingress": [{"hostname": "lb.example.net"}]}}`, pending + ": its name lb.example.net. is only resolved by a running server"},
		"an Ingress with an address":            {"Ingress", "", "", `{"loadBalancer": {"ingress": [{"ip": "198.51.100.7"}]}}`, "198.51.100.7"},
		"a cluster's own":                       {"Service", "ClusterIP", "", ``, "192.0.2.1"},
		"a node's port":                         {"Service", "NodePort", "", ``, "192.0.2.1"},
		"no type":                               {"Service", "", "", ``, "192.0.2.1"},
		"no cluster IP":                         {"Service", "ExternalName", "", ``, "192.0.2.1"},
		"pending, and fixed":                    {"Service", "LoadBalancer", "a=198.51.100.9", `{}`, "198.51.100.9"},
		"pending, and fixed in another cluster": {"Service", "LoadBalancer", "b=198.51.100.9", `{}`, pending},
		"pending, and by gateway":               {"Service", "LoadBalancer", "gateway", `{}`, "192.0.2.1"},
		"by gateway here":                       {"Service", "LoadBalancer", "a=gateway,b=198.51.100.9", `{}`, "192.0.2.1"},
		"by gateway in another cluster":         {"Service", "LoadBalancer", "b=gateway", `{}`, pending},
		"balanced, and by gateway":              {"Service", "LoadBalancer", "gateway", `{"loadBalancer": {"ingress": [{"ip": "198.51.100.7"}]}}`, "192.0.2.1"},
		"an Ingress by gateway":                 {"Ingress", "", "gateway", `{"loadBalancer": {}}`, "192.0.2.1"},
	} {
		annotations := map[string]string{}
		if c.address != "" {
			annotations["nearcast.dev/address"] = c.address
		}
		a := member("a", "True")
		a.Annotations["nearcast.dev/address.vpn"] = "10.0.0.1"
		apiVersion := "v1"
		if c.kind == "Ingress" {
			apiVersion = "networking.k8s.io/v1"
		}
		store := staging.NewStore()
		put(t, store, a, member("b", "True"), declared(c.kind, c.serviceType, annotations), placed(apiVersion, c.kind, []string{"a"}, seen("a", "Healthy", c.status)))
		state, f := function(t, store)
		got := verdict(state, f, "a")
		if p := f.Placements.In(0); p != nil {
			got = p.Endpoint("").First().String()
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// TestAnAnnouncedServiceIsReachedAtTheGateway covers the time before the speaker has
// given it its VIP, and after.
func TestAnAnnouncedServiceIsReachedAtTheGateway(t *testing.T) {
	for _, status := range []string{"", `{"loadBalancer": {}}`, `{"loadBalancer": {"ingress": [{"ip": "198.51.100.80"}]}}`} {
		service := declared("Service", "LoadBalancer", map[string]string{"nearcast.dev/vip": "198.51.100.80"}).(*corev1.Service)
		service.Spec.LoadBalancerClass = new("nearcast.dev/anycast")
		store := staging.NewStore()
		health := "Unhealthy" // while there is no address
		if strings.Contains(status, "ip") {
			health = "Healthy"
		}
		put(t, store, member("a", "True"), service, placed("v1", "Service", []string{"a"}, seen("a", health, status)))
		state, f := function(t, store)
		if p := f.Placements.In(0); p == nil || p.Endpoint("").First().String() != "192.0.2.1" || verdict(state, f, "a") == "down" {
			t.Errorf("%s: %s", status, verdict(state, f, "a"))
		}
	}
}

// TestOneUnreadableStatusItemAffectsOnlyItself removes a cluster from the binding in the
// same update, and makes each field of another's item unreadable.
func TestOneUnreadableStatusItemAffectsOnlyItself(t *testing.T) {
	balanced := func(ip string) string { return `{"loadBalancer": {"ingress": [{"ip": "` + ip + `"}]}}` }
	for _, bad := range []string{`"text"`, `7`, `[]`, `{"loadBalancer": "x"}`, `{"loadBalancer": {"ingress": {}}}`, `{"loadBalancer": {"ingress": ["x"]}}`, balanced("pending"), `{"loadBalancer": {"ingress": [{"hostname": "a b"}]}}`} {
		store := staging.NewStore()
		put(t, store, member("a", "True"), member("b", "True"), member("c", "True"), declared("Service", "LoadBalancer", nil),
			placed("v1", "Service", []string{"a", "b", "c"}, seen("a", "Healthy", balanced("198.51.100.1")), seen("b", "Healthy", balanced("198.51.100.2")), seen("c", "Healthy", balanced("198.51.100.3"))))
		put(t, store, placed("v1", "Service", []string{"b", "c"}, seen("b", "Healthy", balanced("198.51.100.4")), seen("c", "Healthy", bad)))
		state, f := function(t, store)
		if got := verdict(state, f, "a"); got != "not placed" {
			t.Errorf("%s: the cluster that left: %s", bad, got)
		}
		if got := f.Placements.In(1).Endpoint("").First().String(); got != "198.51.100.4" {
			t.Errorf("%s: the other cluster's address is %s, want the new one", bad, got)
		}
		if p := f.Placements.In(2); p == nil || p.Endpoint("").First().String() != "198.51.100.3" {
			t.Errorf("%s: %s, want the last address that could be read", bad, verdict(state, f, "c"))
		}
		if len(state.Faults) != 1 || !strings.HasPrefix(state.Faults[0].Key, "status.aggregatedStatus of c") {
			t.Errorf("%s: %v, want one fault that names the item", bad, state.Faults)
		}
	}
}

// TestStatusesOfIgnoredKindsAreNotValidated has statuses that would be invalid for a
// Deployment.
func TestStatusesOfIgnoredKindsAreNotValidated(t *testing.T) {
	for _, status := range []string{`{"replicas": "3"}`, `{"replicas": {"desired": 3}}`, `"fine"`, `[1]`, `{"readyReplicas": -1.5, "loadBalancer": 1}`} {
		for _, kind := range []string{"Widget", "Deployment", "Service"} {
			state, _ := function(t, world(t, nil, placed("example.org/v1", kind, both, seen("a", "Healthy", status))))
			if len(state.Faults) > 0 {
				t.Errorf("%s of %s: %v", status, kind, state.Faults)
			}
		}
		if state, _ := function(t, world(t, nil, placed("apps/v1", "Deployment", both, seen("a", "Healthy", status)))); len(state.Faults) == 0 {
			t.Errorf("%s of a Deployment is not a fault", status)
		}
	}
}

func TestExplainGivesAReasonIfNothingIsPlaced(t *testing.T) {
	unscheduled := func(apiVersion, kind string) *workv1alpha2.ResourceBinding {
		b := placed(apiVersion, kind, nil)
		b.Status.Conditions = []metav1.Condition{{Type: "Scheduled", Status: metav1.ConditionFalse, Reason: "NoClusterFit", Message: "0/3 clusters are available"}}
		return b
	}
	clusters := []any{member("a", "True"), member("b", "True"), declared("Service", "ClusterIP", nil)}
	service := placed("v1", "Service", both, seen("a", "Healthy", ""), seen("b", "Healthy", ""))
	noWorkload := func(why string) string { return "refused: its workload Deployment/web is not placed here" + why }
	for name, c := range map[string]struct {
		objects       []any
		unplaced, onA string
	}{
		"no binding":                      {nil, "no ResourceBinding of Service ns/web: it is not propagated", "not placed"},
		"not scheduled":                   {[]any{unscheduled("v1", "Service")}, "Karmada could not schedule Service ns/web: NoClusterFit: 0/3 clusters are available", "not placed"},
		"no cluster, and no message":      {[]any{placed("v1", "Service", nil)}, "the ResourceBinding of Service ns/web names no cluster", "not placed"},
		"the workload not scheduled":      {[]any{service, unscheduled("apps/v1", "Deployment")}, "", noWorkload(": Karmada could not schedule Deployment ns/web: NoClusterFit: 0/3 clusters are available")},
		"the workload in another cluster": {[]any{service, placed("apps/v1", "Deployment", []string{"b"})}, "", noWorkload("")},
		"placed":                          {[]any{service}, "", "up"},
		"its scheduling is suspended": {[]any{func() *workv1alpha2.ResourceBinding {
			b := placed("v1", "Service", nil)
			b.Spec.Suspension = &workv1alpha2.Suspension{Scheduling: new(true)}
			return b
		}()}, "Karmada could not schedule Service ns/web: its scheduling is suspended", "not placed"},
	} {
		store := staging.NewStore()
		put(t, store, append(clusters, c.objects...)...)
		state, f := function(t, store)
		if f.Unplaced != c.unplaced || verdict(state, f, "a") != c.onA {
			t.Errorf("%s: %q and %q, want %q and %q", name, f.Unplaced, verdict(state, f, "a"), c.unplaced, c.onA)
		}
	}
	annotated := declared("Service", "ClusterIP", map[string]string{"nearcast.dev/workload": "Rollout/shop"})
	state, f := function(t, func() *staging.Store {
		store := staging.NewStore()
		put(t, store, clusters[0], annotated, service)
		return store
	}())
	if got, want := verdict(state, f, "a"), "refused: its workload Rollout/shop is not placed here: no ResourceBinding of Rollout ns/shop: it is not propagated"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestOnlyProviderClustersProvide(t *testing.T) {
	mcs := func(change func(*karmadanetworkingv1alpha1.MultiClusterServiceSpec)) *karmadanetworkingv1alpha1.MultiClusterService {
		m := &karmadanetworkingv1alpha1.MultiClusterService{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web"}}
		change(&m.Spec)
		return m
	}
	for name, c := range map[string]struct {
		change func(*karmadanetworkingv1alpha1.MultiClusterServiceSpec)
		want   string
	}{
		"none, which means all": {func(*karmadanetworkingv1alpha1.MultiClusterServiceSpec) {}, "up"},
		"this one": {func(s *karmadanetworkingv1alpha1.MultiClusterServiceSpec) {
			s.ProviderClusters = []karmadanetworkingv1alpha1.ClusterSelector{{Name: "a"}}
		}, "up"},
		"another": {func(s *karmadanetworkingv1alpha1.MultiClusterServiceSpec) {
			s.ProviderClusters = []karmadanetworkingv1alpha1.ClusterSelector{{Name: "b"}}
		}, "refused: its MultiClusterService has no provider here"},
		"another, as before": {func(s *karmadanetworkingv1alpha1.MultiClusterServiceSpec) { s.ServiceProvisionClusters = []string{"b"} }, "up"},
	} {
		state, f := function(t, world(t, nil, mcs(c.change)))
		if got := verdict(state, f, "a"); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// TestADaemonSetIsSelectedLikeADeployment covers what the selector matches.
func TestADaemonSetIsSelectedLikeADeployment(t *testing.T) {
	labels := map[string]string{"app": "shop"}
	pods := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}}
	for _, workload := range []runtime.Object{
		&appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "shop"}, Spec: appsv1.DaemonSetSpec{Template: pods}},
		&appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "shop"}, Spec: appsv1.DeploymentSpec{Template: pods}},
		&appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "shop"}, Spec: appsv1.StatefulSetSpec{Template: pods}},
	} {
		service := declared("Service", "ClusterIP", nil).(*corev1.Service)
		service.Spec.Selector = labels
		state, f := function(t, world(t, nil, service, workload))
		if got := verdict(state, f, "a"); !strings.Contains(got, "/shop is not placed here: no ResourceBinding") {
			t.Errorf("%T: %s", workload, got)
		}
	}
}
