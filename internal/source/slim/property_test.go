package slim_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"pgregory.net/rapid"

	policyv1alpha1 "github.com/karmada-io/karmada/pkg/apis/policy/v1alpha1"
	workv1alpha2 "github.com/karmada-io/karmada/pkg/apis/work/v1alpha2"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/staging"
)

var three = []string{"a", "b", "c"}

// drawn is a binding in one of the states that Karmada's scheduler, interpreters,
// evictions and failed applies produce, with the clusters in which its status describes a
// workload with a ready replica.
type drawn struct {
	binding *workv1alpha2.ResourceBinding
	ready   map[string]bool
}

// counts are statuses of a workload: of a rollout, a scale-out, a scale to zero.
func counts(t *rapid.T) (status string, ready bool) {
	replicas, surge := rapid.IntRange(0, 4).Draw(t, "replicas"), rapid.IntRange(0, 2).Draw(t, "surge")
	all := replicas + surge
	n := rapid.IntRange(0, all).Draw(t, "ready")
	fields := map[string]int{
		"replicas": all, "readyReplicas": n, "availableReplicas": n, "updatedReplicas": rapid.IntRange(0, all).Draw(t, "updated"),
		"desiredNumberScheduled": all, "numberReady": n, "updatedNumberScheduled": rapid.IntRange(0, all).Draw(t, "updated on"),
	}
	maps.DeleteFunc(fields, func(_ string, n int) bool { return n == 0 }) // like omitempty
	text, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(text), n > 0
}

func drawItem(t *rapid.T, cluster string, workload bool) (item workv1alpha2.AggregatedStatusItem, ready bool) {
	if rapid.IntRange(0, 3).Draw(t, "applied") == 0 {
		item = workv1alpha2.AggregatedStatusItem{ClusterName: cluster, Health: workv1alpha2.ResourceUnknown}
		item.AppliedMessage = rapid.SampledFrom([]string{"", "no matches for kind", "denied", "exceeded quota"}).Draw(t, "message")
		return item, false
	}
	health := rapid.SampledFrom([]string{"Healthy", "Unhealthy", "Unknown"}).Draw(t, "health")
	status := ""
	if workload && rapid.Bool().Draw(t, "counted") {
		status, ready = counts(t)
	}
	return seen(cluster, health, status), ready && health != "Unknown"
}

func drawBinding(t *rapid.T, apiVersion, kind string, workload bool) drawn {
	d := drawn{placed(apiVersion, kind, rapid.SliceOfDistinct(rapid.SampledFrom(three), rapid.ID).Draw(t, "clusters")), map[string]bool{}}
	b := d.binding
	for i := range b.Spec.Clusters {
		b.Spec.Clusters[i].Replicas = int32(rapid.IntRange(0, 3).Draw(t, "wanted"))
	}
	if rapid.IntRange(0, 5).Draw(t, "required") == 0 {
		b.Spec.RequiredBy = []workv1alpha2.BindingSnapshot{{Clusters: []workv1alpha2.TargetCluster{{Name: rapid.SampledFrom(three).Draw(t, "required by")}}}}
	}
	if rapid.IntRange(0, 4).Draw(t, "evicted") == 0 {
		mode := rapid.SampledFrom([]policyv1alpha1.PurgeMode{policyv1alpha1.PurgeModeGracefully, policyv1alpha1.PurgeModeDirectly, ""}).Draw(t, "purge")
		b.Spec.GracefulEvictionTasks = []workv1alpha2.GracefulEvictionTask{{FromCluster: rapid.SampledFrom(three).Draw(t, "evicted from"), PurgeMode: mode}}
	}
	if rapid.IntRange(0, 5).Draw(t, "suspended") == 0 {
		b.Spec.Suspension = &workv1alpha2.Suspension{Suspension: policyv1alpha1.Suspension{Dispatching: new(true)}}
	}
	if len(b.Spec.Clusters) == 0 && rapid.Bool().Draw(t, "unscheduled") {
		b.Status.Conditions = []metav1.Condition{{Type: workv1alpha2.Scheduled, Status: metav1.ConditionFalse, Reason: "NoClusterFit"}}
	}
	for _, c := range rapid.SliceOfDistinct(rapid.SampledFrom(three), rapid.ID).Draw(t, "reported") {
		item, ready := drawItem(t, c, workload)
		b.Status.AggregatedStatus = append(b.Status.AggregatedStatus, item)
		d.ready[c] = ready
	}
	return d
}

// named returns the clusters that the binding names: placed, required or evicted.
func named(b *workv1alpha2.ResourceBinding) map[string]bool {
	all := map[string]bool{}
	for _, c := range b.Spec.Clusters {
		all[c.Name] = true
	}
	for _, r := range b.Spec.RequiredBy {
		for _, c := range r.Clusters {
			all[c.Name] = true
		}
	}
	return all
}

// applied adds the clusters in which the binding says that it was applied, to the earlier
// ones that it still mentions, or places as before. A suspended binding removes nothing.
func applied(before map[string]bool, was, b *workv1alpha2.ResourceBinding) map[string]bool {
	now := map[string]bool{}
	for c := range named(b) {
		now[c] = before[c] && named(was)[c]
	}
	if b.Spec.Suspension != nil {
		maps.Copy(now, before)
	}
	for _, item := range b.Status.AggregatedStatus {
		now[item.ClusterName] = item.Applied || before[item.ClusterName]
	}
	return now
}

// TestOnlyRunningPlacementsAreAnsweredInEveryStateOfBindings draws a few updates of the
// bindings of a function and its workload, and checks after each that a placement is
// answered only if both were applied once; that every refusal has a reason; that an
// unreadable item changes the verdict of no other cluster; and that no rollout takes a
// cluster with a ready replica out of the tier up.
func TestOnlyRunningPlacementsAreAnsweredInEveryStateOfBindings(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		kind := rapid.SampledFrom(kindsOfWorkload[:6]).Draw(rt, "kind")
		store := staging.NewStore()
		for _, c := range three {
			put(t, store, member(c, "True"))
		}
		put(t, store, declared("Service", "ClusterIP", nil))
		service, work := map[string]bool{}, map[string]bool{}
		last := [2]*workv1alpha2.ResourceBinding{{}, {}}
		for range rapid.IntRange(1, 4).Draw(rt, "updates") {
			template, workload := drawBinding(rt, "v1", "Service", false), drawBinding(rt, kind.apiVersion, kind.kind, true)
			service, work = applied(service, last[0], template.binding), applied(work, last[1], workload.binding)
			last = [2]*workv1alpha2.ResourceBinding{template.binding, workload.binding}
			put(t, store, template.binding, workload.binding)
			state, f := function(t, store)
			for _, c := range three {
				got := verdict(state, f, c)
				switch p := f.Placements.In(state.ClusterIndex(c)); {
				case p != nil && (!service[c] || !work[c]):
					rt.Fatalf("%s is answered as %s: the template was applied: %t, the workload: %t", c, got, service[c], work[c])
				case p == nil && named(template.binding)[c] && (got == "not placed" || got == "refused: "):
					rt.Fatalf("%s is neither answered nor refused with a reason: %s", c, got)
				case p != nil && p.Leaving == "" && !p.Outdated && workload.ready[c] && kind.kind != "Service" && got != "up":
					rt.Fatalf("%s has a ready replica and is %s", c, got)
				}
			}
			if len(f.Placements) == 0 && len(f.Refused) == 0 && f.Unplaced == "" {
				rt.Fatal("no reason for having no candidate")
			}
			spoil(rt, t, store, workload.binding, state, f)
		}
	})
}

// spoil makes one item of the binding unreadable, and checks that the reports of the
// other placed clusters stay.
func spoil(rt *rapid.T, t *testing.T, store *staging.Store, b *workv1alpha2.ResourceBinding, before *federation.State, f *federation.Function) {
	if len(b.Status.AggregatedStatus) == 0 {
		return
	}
	spoilt := b.DeepCopy()
	item := &spoilt.Status.AggregatedStatus[rapid.IntRange(0, len(b.Status.AggregatedStatus)-1).Draw(rt, "spoilt")]
	item.Status = &runtime.RawExtension{Raw: []byte(rapid.SampledFrom([]string{`"x"`, `[]`, `{"replicas": "x", "numberReady": {}}`}).Draw(rt, "status"))}
	put(t, store, spoilt)
	after, g := function(t, store)
	for _, c := range slices.Sorted(maps.Keys(named(b))) {
		is, was := verdict(after, g, c), verdict(before, f, c)
		if c != item.ClusterName && is != was && !strings.HasPrefix(was, "not placed") {
			rt.Fatalf("the item of %s is unreadable, and %s changes to %s from %s", item.ClusterName, c, is, was)
		}
	}
	put(t, store, b)
}
