package karmada

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"

	clusterv1alpha1 "github.com/karmada-io/karmada/pkg/apis/cluster/v1alpha1"
	karmadafake "github.com/karmada-io/karmada/pkg/generated/clientset/versioned/fake"

	"github.com/nearcast/nearcast/internal/federation"
)

// TestADrainSaysWhetherItTookEffect has Clusters with other faults, with other reasons to
// leave, and an API that changes what it is given.
func TestADrainSaysWhetherItTookEffect(t *testing.T) {
	for name, c := range map[string]struct {
		annotations map[string]string
		actions     []string
		rewrite     string
		drain       federation.Eighths
		leaving     string
		faults      int
	}{
		"a valid one":                {nil, nil, "", federation.Everybody, "drained by annotation", 0},
		"beside a typo":              {map[string]string{"nearcast.dev/cots": "2"}, nil, "", federation.Everybody, "drained by annotation", 1},
		"beside a bad address":       {map[string]string{"nearcast.dev/address": "192.0.2.999"}, nil, "", federation.Everybody, "drained by annotation", 1},
		"a webhook sets it to false": {nil, nil, "false", federation.Everybody, "", 0},
		"a webhook garbles it":       {nil, nil, "yes please", federation.Everybody, "", 1},
		"undrained":                  {map[string]string{"nearcast.dev/drain": "true"}, nil, "", 0, "", 0},
		"undrained, and leaving":     {map[string]string{"nearcast.dev/drain": "true"}, []string{"TrafficControl"}, "", 0, "Karmada Remedy TrafficControl", 0},
	} {
		client := karmadafake.NewClientset(&clusterv1alpha1.Cluster{
			ObjectMeta: metav1.ObjectMeta{Name: "a", Annotations: c.annotations}, Status: clusterv1alpha1.ClusterStatus{RemedyActions: c.actions},
		})
		if c.rewrite != "" {
			client.PrependReactor("patch", "clusters", func(clienttesting.Action) (bool, runtime.Object, error) {
				return true, &clusterv1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Name: "a", Annotations: map[string]string{"nearcast.dev/drain": c.rewrite}}}, nil
			})
		}
		after, err := setDrain(t.Context(), mergeInto(client), "a", c.drain)
		if err != nil || after.Leaving != c.leaving || len(after.Faults) != c.faults {
			t.Errorf("%s: %+v, %v; want %q and %d faults", name, after, err, c.leaving, c.faults)
		}
	}
	client := karmadafake.NewClientset(&clusterv1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Name: "a", Annotations: map[string]string{"nearcast.dev/drain": "true"}}})
	if after, err := setDrain(t.Context(), mergeInto(client), "a", 2); err != nil || after.Leaving != "" || after.Shed != 2 {
		t.Errorf("25%%, after it was drained: %+v, %v", after, err)
	}
	if _, err := setDrain(t.Context(), mergeInto(karmadafake.NewClientset()), "a", federation.Everybody); err == nil || !strings.Contains(err.Error(), "cluster a: ") {
		t.Errorf("a cluster that does not exist: %v", err)
	}
}
