package kube

import (
	"context"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/nearcast/nearcast/bgp/cluster"
	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/vip"
	"github.com/nearcast/nearcast/internal/base/apiclient"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/internal/testkit/kubeapi"
)

// apiServer answers over HTTP as an API server does that has one Service without an address.
type apiServer struct {
	*httptest.Server
	t     *testing.T
	lists map[string]runtime.Object

	mu    sync.Mutex
	lease *coordinationv1.Lease
	asked map[string]*http.Request // by path
	patch string                   // the last
}

const leasesPath = "/apis/coordination.k8s.io/v1/namespaces/nearcast-system/leases"

func newAPIServer(t *testing.T) *apiServer {
	s := &apiServer{t: t, asked: map[string]*http.Request{}, lists: map[string]runtime.Object{
		"/api/v1/services": &corev1.ServiceList{Items: []corev1.Service{*balanced("a")}},
		"/api/v1/nodes":    &corev1.NodeList{Items: []corev1.Node{*node("node")}},
		"/apis/discovery.k8s.io/v1/endpointslices": &discoveryv1.EndpointSliceList{
			Items: []discoveryv1.EndpointSlice{*sliceOf("a", "a-1", 8080, "192.0.2.1 ready here")},
		},
	}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	list, listed := s.lists[r.URL.Path]
	query := r.URL.Query()
	if listed && query.Get("watch") != "" && query.Get("sendInitialEvents") == "" {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the speaker has stopped
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[r.Method+" "+r.URL.Path] = r
	switch {
	case listed && query.Get("watch") != "":
		kubeapi.Refuse(s.t, w, known, apierrors.NewBadRequest("it streams no lists"))
	case listed:
		kubeapi.Answer(s.t, w, known, list, apiclient.Protobuf)
	case strings.HasPrefix(r.URL.Path, leasesPath):
		s.answerLease(w, r, body)
	case r.Method == http.MethodPatch:
		s.patch = string(body)
		kubeapi.Answer(s.t, w, known, balanced("a", has(vip4)), apiclient.Protobuf)
	default:
		s.t.Errorf("asked %s %s", r.Method, r.URL)
		http.NotFound(w, r)
	}
}

func (s *apiServer) answerLease(w http.ResponseWriter, r *http.Request, body []byte) {
	if r.Method == http.MethodGet && s.lease == nil {
		kubeapi.Refuse(s.t, w, known, apierrors.NewNotFound(schema.GroupResource{Resource: "leases"}, leaseName))
		return
	}
	if r.Method != http.MethodGet {
		object, _, err := known.Codecs.UniversalDeserializer().Decode(body, nil, nil)
		lease, ok := object.(*coordinationv1.Lease)
		if err != nil || !ok {
			s.t.Errorf("%s of a Lease: %v: %q", r.Method, err, body)
			http.Error(w, "", http.StatusBadRequest)
			return
		}
		s.lease = lease
	}
	kubeapi.Answer(s.t, w, known, s.lease, apiclient.Protobuf)
}

// TestAClusterIsReadAndWrittenOverHTTP runs a speaker's Cluster from its first request to its last,
// and holds what it asks the API server for.
func TestAClusterIsReadAndWrittenOverHTTP(t *testing.T) {
	server := newAPIServer(t)
	path := t.TempDir() + "/kubeconfig"
	fixture.Write(t, path, `apiVersion: v1
kind: Config
clusters: [{name: k, cluster: {server: "`+server.URL+`"}}]
contexts: [{name: c, context: {cluster: k}}]
current-context: c
`)
	t.Setenv("POD_NAMESPACE", "")
	c, err := New(config.Services{Kubeconfig: path, Node: "node"}, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	declared := make(chan cluster.Declared, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.Run(ctx, func(d cluster.Declared) {
			c.Assign(map[vip.ServiceRef][]netip.Addr{{Namespace: "media", Name: "a"}: {netip.MustParseAddr(vip4)}})
			declared <- d
		})
	}()
	select {
	case d := <-declared:
		if len(d.Services) != 1 || text(d.Services[0].Endpoints) != "192.0.2.1:8080 ready here" || d.Drained != "" {
			t.Errorf("declared %+v", d)
		}
	case <-ctx.Done():
		t.Fatal("nothing was declared")
	}
	for server.written() == "" && ctx.Err() == nil {
		time.Sleep(10 * time.Millisecond)
	}
	cancel()
	<-ended

	if want := `{"metadata":{"resourceVersion":"` + balanced("a").ResourceVersion + `","uid":"uid-a"},"status":{"loadBalancer":{"ingress":[{"ip":"` + vip4 + `","ipMode":"VIP"}]}}}`; server.written() != want {
		t.Errorf("wrote %s, want %s", server.written(), want)
	}
	if holder := server.lease.Spec.HolderIdentity; holder != nil {
		t.Errorf("at its end %s holds the Lease, want nobody", *holder)
	}
	for path, query := range map[string]string{
		"GET /api/v1/services":                             "",
		"GET /api/v1/nodes":                                "fieldSelector=metadata.name%3Dnode",
		"GET /apis/discovery.k8s.io/v1/endpointslices":     "",
		"GET " + leasesPath + "/" + leaseName:              "",
		"POST " + leasesPath:                               "",
		"PUT " + leasesPath + "/" + leaseName:              "",
		"PATCH /api/v1/namespaces/media/services/a/status": "fieldManager=nearcast-speaker",
	} {
		r := server.asked[path]
		if r == nil {
			t.Errorf("%s was not asked; %v were", path, slices.Sorted(maps.Keys(server.asked)))
			continue
		}
		if !strings.Contains(r.URL.RawQuery, query) || !strings.HasPrefix(r.Header.Get("Accept"), kubeapi.ProtobufType) || r.UserAgent() != fieldManager {
			t.Errorf("%s was asked with %q, accepting %s, by %s", path, r.URL.RawQuery, r.Header.Get("Accept"), r.UserAgent())
		}
	}
	if got := server.asked["PATCH /api/v1/namespaces/media/services/a/status"]; got != nil && got.Header.Get("Content-Type") != "application/merge-patch+json" {
		t.Errorf("the status is patched as %s", got.Header.Get("Content-Type"))
	}
}

func (s *apiServer) written() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.patch
}
