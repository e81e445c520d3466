package karmada

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kubefake "k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	karmadafake "github.com/karmada-io/karmada/pkg/generated/clientset/versioned/fake"

	"github.com/nearcast/nearcast/internal/federation"
)

// TestAForbiddenEventPausesOnlyItsNamespace: a quota in one namespace refuses Events, and
// those of other namespaces are still written.
func TestAForbiddenEventPausesOnlyItsNamespace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kube := kubefake.NewSimpleClientset()
		full, asked := []string{"evil", "worse"}, map[string]int{}
		kube.PrependReactor("create", "events", func(action clienttesting.Action) (bool, runtime.Object, error) {
			asked[action.GetNamespace()]++
			refused := apierrors.NewForbidden(schema.GroupResource{Resource: "events"}, "x", errors.New("exceeded quota"))
			return slices.Contains(full, action.GetNamespace()), nil, refused
		})
		s := New(fakeAPI(karmadafake.NewSimpleClientset(), kube, nil))
		record := func(namespace string, want bool) {
			t.Helper()
			about := federation.Identity{Ref: federation.Ref{Kind: "Service", Namespace: namespace, Name: "web"}, UID: "1"}
			event := federation.Event{Reason: federation.ReasonRefused, Note: time.Now().String()}
			if done, err := s.Record(context.Background(), about, event); done != want || err != nil {
				t.Errorf("%s: %v, %v; want %v", namespace, done, err, want)
			}
		}
		for range 3 {
			record("evil", false)
			record("bank", true)
			record("worse", false)
			record("media", true)
			time.Sleep(forbiddenPause / 4)
		}
		if asked["evil"] != 1 || asked["worse"] != 1 {
			t.Errorf("%v requests within a pause", asked)
		}
		time.Sleep(forbiddenPause)
		full = nil
		record("evil", true)
		time.Sleep(forbiddenPause)
		full = []string{"other"}
		record("other", false)
		if n := len(s.events.forbidden.until); n != 1 {
			t.Errorf("%d pauses are kept, want the one that is not over", n)
		}
	})
}
