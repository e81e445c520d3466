package karmada

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"

	clusterv1alpha1 "github.com/karmada-io/karmada/pkg/apis/cluster/v1alpha1"
	karmadanetworkingv1alpha1 "github.com/karmada-io/karmada/pkg/apis/networking/v1alpha1"
	workv1alpha2 "github.com/karmada-io/karmada/pkg/apis/work/v1alpha2"

	"github.com/nearcast/nearcast/internal/base/apiclient"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/annotation"
	"github.com/nearcast/nearcast/internal/federation/build"
	"github.com/nearcast/nearcast/internal/federation/staging"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/internal/testkit/kubeapi"
)

const groups = "/apis/"

// apiServer answers over HTTP like an API server that has one function: the kinds of
// Kubernetes in protobuf, those of Karmada in JSON.
type apiServer struct {
	*httptest.Server
	t     *testing.T
	lists map[string]runtime.Object

	mu       sync.Mutex
	events   []*eventsv1.Event
	patched  string
	accepted map[string]string // by path
}

func newAPIServer(t *testing.T) *apiServer {
	s := &apiServer{t: t, accepted: map[string]string{}, lists: map[string]runtime.Object{
		"/api/v1/services":                                             &corev1.ServiceList{Items: []corev1.Service{*service("ns", "web")}},
		groups + "apps/v1/deployments":                                 &appsv1.DeploymentList{},
		groups + "apps/v1/statefulsets":                                &appsv1.StatefulSetList{},
		groups + "apps/v1/daemonsets":                                  &appsv1.DaemonSetList{},
		groups + "networking.k8s.io/v1/ingresses":                      &networkingv1.IngressList{},
		groups + "cluster.karmada.io/v1alpha1/clusters":                &clusterv1alpha1.ClusterList{Items: []clusterv1alpha1.Cluster{*cluster("a", "192.0.2.1")}},
		groups + "work.karmada.io/v1alpha2/resourcebindings":           &workv1alpha2.ResourceBindingList{Items: []workv1alpha2.ResourceBinding{*serviceBinding("ns", "web", "a")}},
		groups + "networking.karmada.io/v1alpha1/multiclusterservices": &karmadanetworkingv1alpha1.MultiClusterServiceList{},
	}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	list, listed := s.lists[r.URL.Path]
	switch query := r.URL.Query(); {
	case r.URL.Path == "/readyz":
	case listed && query.Get("sendInitialEvents") != "":
		http.Error(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","code":400,"reason":"BadRequest"}`, http.StatusBadRequest)
	case listed && query.Get("watch") != "":
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	case listed:
		s.mu.Lock()
		s.accepted[r.URL.Path] = r.Header.Get("Accept")
		s.mu.Unlock()
		encoding := apiclient.Protobuf
		if strings.Contains(r.URL.Path, "karmada.io") {
			encoding = apiclient.JSON
		}
		kubeapi.Answer(s.t, w, known, list, encoding)
	case r.Method == http.MethodPost && r.URL.Path == groups+"events.k8s.io/v1/namespaces/ns/events":
		s.takeEvent(w, r)
	case r.Method == http.MethodPatch && r.URL.Path == groups+"cluster.karmada.io/v1alpha1/clusters/a":
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.patched = string(body)
		s.mu.Unlock()
		drained := cluster("a", "192.0.2.1")
		drained.Annotations[annotation.Drain] = "true"
		kubeapi.Answer(s.t, w, known, drained, apiclient.JSON)
	default:
		s.t.Errorf("asked %s %s", r.Method, r.URL)
		http.NotFound(w, r)
	}
}

func (s *apiServer) takeEvent(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	object, _, err := known.Codecs.UniversalDeserializer().Decode(body, nil, nil)
	event, ok := object.(*eventsv1.Event)
	if err != nil || !ok {
		s.t.Errorf("an invalid Event: %v: %q", err, body)
		return
	}
	s.mu.Lock()
	s.events = append(s.events, event)
	s.mu.Unlock()
	kubeapi.Answer(s.t, w, known, event, apiclient.Protobuf)
}

// TestEveryKindIsReadOverHTTP has a server answer with each kind in its own form, and
// checks that Kubernetes' own kinds are requested in protobuf.
func TestEveryKindIsReadOverHTTP(t *testing.T) {
	server := newAPIServer(t)
	api, err := connect(&rest.Config{Host: server.URL, QPS: -1}, server.Client())
	if err != nil {
		t.Fatal(err)
	}
	source, store := New(api), staging.NewStore()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- source.Run(ctx, store, func(err error) { t.Error(err) }) }()
	for range 500 {
		if !store.Confirmed().IsZero() {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	state := new(build.Builder).Build(store, build.Options{Zones: []string{"fn.example.org."}})
	functions := 0
	for range state.All() {
		functions++
	}
	if len(state.Faults) > 0 || functions != 1 || len(state.Clusters) != 1 {
		t.Errorf("read %d functions and %d clusters, faults %v", functions, len(state.Clusters), state.Faults)
	}
	about := federation.Identity{Ref: federation.Ref{Kind: "Service", Namespace: "ns", Name: "web"}, UID: "1"}
	if written, err := source.Record(ctx, about, federation.Event{Reason: federation.ReasonRefused, Note: "a reason"}); !written || err != nil {
		t.Errorf("the Event: %v, %v", written, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	server.mu.Lock()
	defer server.mu.Unlock()
	for path := range server.lists {
		if accept, want := server.accepted[path], !strings.Contains(path, "karmada.io"); strings.HasPrefix(accept, kubeapi.ProtobufType) != want {
			t.Errorf("%s was requested as %q", path, accept)
		}
	}
	if len(server.events) != 1 || server.events[0].Note != "a reason" || server.events[0].Regarding.Name != "web" {
		t.Errorf("the server received the Events %v", server.events)
	}
}

func TestADrainIsWrittenOverHTTP(t *testing.T) {
	server := newAPIServer(t)
	path := filepath.Join(t.TempDir(), "kubeconfig")
	fixture.Write(t, path, `apiVersion: v1
kind: Config
clusters: [{name: k, cluster: {server: "`+server.URL+`"}}]
contexts: [{name: c, context: {cluster: k}}]
current-context: c
`)
	after, err := SetDrain(t.Context(), path, "a", federation.Everybody)
	if err != nil || after.Leaving == "" {
		t.Errorf("%+v, %v", after, err)
	}
	server.mu.Lock()
	defer server.mu.Unlock()
	if want := `{"metadata":{"annotations":{"nearcast.dev/drain":"true"}}}`; server.patched != want {
		t.Errorf("patched with %s, want %s", server.patched, want)
	}
}
