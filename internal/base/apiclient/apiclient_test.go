package apiclient_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/nearcast/nearcast/internal/base/apiclient"
	"github.com/nearcast/nearcast/internal/testkit/kubeapi"
)

// TestASelectionBoundsListsAndWatches lists and watches with each selection, and holds what the
// server is asked for.
func TestASelectionBoundsListsAndWatches(t *testing.T) {
	kinds := apiclient.NewKinds(corev1.AddToScheme)
	asked := make(chan *http.Request, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r
		if r.URL.Query().Get("watch") == "" {
			kubeapi.Answer(t, w, kinds, &corev1.PodList{Items: []corev1.Pod{{ObjectMeta: metav1.ObjectMeta{Name: "p"}}}}, apiclient.Protobuf)
		}
	}))
	defer server.Close()
	group, err := kinds.Group(rest.Config{Host: server.URL}, server.Client(), corev1.SchemeGroupVersion, apiclient.Protobuf)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		which       apiclient.Selection
		path, field string
	}{
		"everything":       {apiclient.Selection{}, "/api/v1/pods", ""},
		"one namespace":    {apiclient.Selection{Namespace: "ns"}, "/api/v1/namespaces/ns/pods", ""},
		"one object":       {apiclient.Selection{Name: "p"}, "/api/v1/pods", "metadata.name=p"},
		"one in namespace": {apiclient.Selection{Namespace: "ns", Name: "p"}, "/api/v1/namespaces/ns/pods", "metadata.name=p"},
	} {
		t.Run(name, func(t *testing.T) {
			from := cache.ToListerWatcherWithContext(apiclient.ListWatch[corev1.PodList](group, "pods", c.which))
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			list, err := from.ListWithContext(ctx, metav1.ListOptions{})
			if pods, ok := list.(*corev1.PodList); err != nil || !ok || len(pods.Items) != 1 {
				t.Errorf("listed %v, %v", list, err)
			}
			listed := <-asked
			watch, err := from.WatchWithContext(ctx, metav1.ListOptions{})
			if err != nil {
				t.Fatal(err)
			}
			defer watch.Stop()
			watched := <-asked
			for _, r := range []*http.Request{listed, watched} {
				if r.URL.Path != c.path || r.URL.Query().Get("fieldSelector") != c.field {
					t.Errorf("asked for %s, want %s of %q", r.URL, c.path, c.field)
				}
			}
			if watched.URL.Query().Get("watch") != "true" {
				t.Errorf("asked to watch %s", watched.URL)
			}
		})
	}
}

func TestAServerThatCannotBeNamedIsAnError(t *testing.T) {
	if _, err := apiclient.NewKinds().Group(rest.Config{Host: "https://[::1"}, http.DefaultClient, schema.GroupVersion{Version: "v1"}, apiclient.JSON); err == nil {
		t.Error("no error")
	}
}
