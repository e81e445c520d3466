package slim_test

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	workv1alpha2 "github.com/karmada-io/karmada/pkg/apis/work/v1alpha2"

	"github.com/nearcast/nearcast/internal/base/brief"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/source/slim"
)

// executed is text that a terminal would execute, a log would take for a separate line,
// and memory has no room for.
var executed = "\x1b]0;owned\a\nnl: fake line \u202e" + strings.Repeat("A", 1<<16) + "\u009b31m the end"

func isFit(text string) bool {
	return len(text) <= brief.Most && brief.Escape(text) == text
}

// TestMessagesOfMembersAreCutAndEscaped covers each text of a binding that is kept.
func TestMessagesOfMembersAreCutAndEscaped(t *testing.T) {
	refused := workv1alpha2.AggregatedStatusItem{ClusterName: "a", AppliedMessage: executed}
	unread := seen("b", "Healthy", `{"loadBalancer": {"ingress": [{"ip": "`+strings.Repeat("9", 1<<16)+`"}]}}`)
	b := placed("v1", "Service", both, refused, unread)
	b.Status.Conditions = []metav1.Condition{{Type: workv1alpha2.Scheduled, Status: metav1.ConditionFalse, Reason: "NoClusterFit", Message: executed}}
	read := slim.Read(b, federation.Origin{}, nil)
	binding := read.Object.(*federation.Binding)
	texts := map[string]string{
		"the applied message":  binding.In("a").Observed().Message,
		"an unreadable status": binding.In("b").Observed().Unread,
		"the scheduler's":      binding.Unscheduled,
	}
	for _, f := range read.Faults {
		texts["a fault"] = f.Reason
	}
	if len(texts) != 4 {
		t.Errorf("%d texts are kept, want all four", len(texts))
	}
	for name, text := range texts {
		if text == "" || !isFit(text) {
			t.Errorf("%s: %d octets: %.300q", name, len(text), text)
		}
	}
	if m := texts["the applied message"]; !strings.HasPrefix(m, `\u001b]0;owned`) || !strings.HasSuffix(m, " the end") {
		t.Errorf("%q remains of the message", m)
	}
}

// TestAReasonMadeFromAMessageIsCutAndEscaped: the words around it count.
func TestAReasonMadeFromAMessageIsCutAndEscaped(t *testing.T) {
	refused := workv1alpha2.AggregatedStatusItem{ClusterName: "a", AppliedMessage: executed}
	store := world(t, nil, placed("apps/v1", "Deployment", both, refused, seen("b", "Healthy", "")))
	_, f := function(t, store)
	if len(f.Refused) != 1 || !isFit(f.Refused[0].Reason) || !strings.HasPrefix(f.Refused[0].Reason, "its workload Deployment/web is not applied yet: ") {
		t.Errorf("%+.400v", f.Refused)
	}
}

// TestABindingPlacesNothingOfAnotherNamespace has one that precedes the resource's own by
// name: by Karmada's own roles, editors of a namespace may have bindings there.
func TestABindingPlacesNothingOfAnotherNamespace(t *testing.T) {
	store := world(t, nil)
	_, before := function(t, store)
	theirs := placed("v1", "Service", nil)
	theirs.Namespace = "evil"
	put(t, store, theirs)
	state, f := function(t, store)
	if len(before.Placements) == 0 || len(f.Placements) != len(before.Placements) {
		t.Errorf("%d placements, before %d: %s", len(f.Placements), len(before.Placements), f.Unplaced)
	}
	if len(state.Faults) != 1 || state.Faults[0].Namespace != "evil" || !strings.Contains(state.Faults[0].Reason, `is in namespace "ns"`) {
		t.Errorf("faults %v, want the binding refused", state.Faults)
	}
}
