package karmada

import (
	"math/rand"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"sync"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/apitesting/fuzzer"
	"k8s.io/apimachinery/pkg/api/meta"
	metafuzzer "k8s.io/apimachinery/pkg/apis/meta/fuzzer"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/diff"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/randfill"

	clusterv1alpha1 "github.com/karmada-io/karmada/pkg/apis/cluster/v1alpha1"
	karmadanetworkingv1alpha1 "github.com/karmada-io/karmada/pkg/apis/networking/v1alpha1"
	policyv1alpha1 "github.com/karmada-io/karmada/pkg/apis/policy/v1alpha1"
	workv1alpha2 "github.com/karmada-io/karmada/pkg/apis/work/v1alpha2"

	"github.com/nearcast/nearcast/internal/base/apiclient"
	"github.com/nearcast/nearcast/internal/federation/staging"
	"github.com/nearcast/nearcast/internal/testkit/kubeapi"
)

// undecoded are the types of unread.
var undecoded = []reflect.Type{
	reflect.TypeFor[[]metav1.ManagedFieldsEntry](), reflect.TypeFor[[]metav1.OwnerReference](), reflect.TypeFor[*policyv1alpha1.Placement](),
	reflect.TypeFor[*workv1alpha2.ReplicaRequirements](), reflect.TypeFor[[]clusterv1alpha1.APIEnablement](),
}

// withoutUnread removes what is not decoded of JSON.
func withoutUnread(v reflect.Value) {
	switch {
	case slices.Contains(undecoded, v.Type()):
		v.SetZero()
	case v.Kind() == reflect.Pointer && !v.IsNil():
		withoutUnread(v.Elem())
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			withoutUnread(v.Index(i))
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				withoutUnread(v.Field(i))
			}
		}
	}
}

// TestEveryFieldIsDecodedAsKubernetesDoes lists objects whose fields are all set at random, in
// each encoding, and compares what arrives with what Kubernetes' own decoder makes of it.
func TestEveryFieldIsDecodedAsKubernetesDoes(t *testing.T) {
	fill := fuzzer.FuzzerFor(fuzzer.MergeFuzzerFuncs(metafuzzer.Funcs, func(serializer.CodecFactory) []any {
		return []any{func(e *runtime.RawExtension, c randfill.Continue) { e.Raw = []byte(`{"a":[1,{"b":null}],"c":"é"}`) }}
	}), rand.NewSource(1), known.Codecs)
	for path, list := range map[string]runtime.Object{
		"services": &corev1.ServiceList{}, "deployments": &appsv1.DeploymentList{}, "statefulsets": &appsv1.StatefulSetList{},
		"daemonsets": &appsv1.DaemonSetList{}, "ingresses": &networkingv1.IngressList{}, "clusters": &clusterv1alpha1.ClusterList{},
		"resourcebindings": &workv1alpha2.ResourceBindingList{}, "multiclusterservices": &karmadanetworkingv1alpha1.MultiClusterServiceList{},
	} {
		for _, encoding := range []apiclient.Encoding{apiclient.JSON, apiclient.Protobuf} {
			if _, ok := list.(interface{ Marshal() ([]byte, error) }); !ok && encoding == apiclient.Protobuf {
				continue
			}
			fill.NumElements(1, 3).NilChance(0).Fill(list)
			got, want := decoded(t, path, list, encoding)
			if len(got) == 0 || len(got) != len(want) {
				t.Errorf("%s: %d objects arrive, want %d", path, len(got), len(want))
			}
			for name, obj := range want {
				if encoding == apiclient.JSON {
					withoutUnread(reflect.ValueOf(obj))
				}
				if !reflect.DeepEqual(got[name], obj) {
					t.Errorf("%s, JSON: %t: %.2000s", path, encoding == apiclient.JSON, diff.Diff(obj, got[name]))
				}
			}
		}
	}
}

// decoded lists the objects over HTTP and returns, by name, what arrives and what Kubernetes' own
// decoder makes of the same octets.
func decoded(t *testing.T, resource string, list runtime.Object, encoding apiclient.Encoding) (got, want map[string]metav1.Object) {
	t.Helper()
	answer := httptest.NewRecorder()
	kubeapi.Answer(t, answer, known, list, encoding)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(answer.Body.Bytes()) }))
	defer server.Close()
	api, err := connect(&rest.Config{Host: server.URL, QPS: -1}, server.Client())
	if err != nil {
		t.Fatal(err)
	}
	of := map[string]Lists{
		"services": api.Services, "deployments": api.Deployments, "statefulsets": api.StatefulSets, "daemonsets": api.DaemonSets,
		"ingresses": api.Ingresses, "clusters": api.Clusters, "resourcebindings": api.ResourceBindings, "multiclusterservices": api.MultiClusterServices,
	}
	got, want = map[string]metav1.Object{}, map[string]metav1.Object{}
	var mu sync.Mutex
	keep := func(obj metav1.Object, err error) staging.Reading {
		if err != nil {
			t.Errorf("%s: %v", resource, err)
		}
		mu.Lock()
		defer mu.Unlock()
		got[obj.GetName()] = obj
		return staging.Reading{}
	}
	if _, err := cache.ToListerWatcherWithContext(of[resource]("", keep)).ListWithContext(t.Context(), metav1.ListOptions{}); err != nil {
		t.Fatalf("%s: %v", resource, err)
	}
	whole, err := runtime.Decode(known.Codecs.UniversalDeserializer(), answer.Body.Bytes())
	if err != nil {
		t.Fatalf("%s: %v", resource, err)
	}
	err = meta.EachListItem(whole, func(obj runtime.Object) error {
		m, err := meta.Accessor(obj)
		want[m.GetName()] = m
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got, want
}
