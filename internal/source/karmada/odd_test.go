package karmada

import (
	"bytes"
	"encoding/json"
	"math/rand"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/apitesting/fuzzer"
	metafuzzer "k8s.io/apimachinery/pkg/apis/meta/fuzzer"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/randfill"

	clusterv1alpha1 "github.com/karmada-io/karmada/pkg/apis/cluster/v1alpha1"
	workv1alpha2 "github.com/karmada-io/karmada/pkg/apis/work/v1alpha2"

	"github.com/nearcast/nearcast/internal/base/apiclient"
	"github.com/nearcast/nearcast/internal/base/apistream"
)

// odd stand in for each value of an object: values of every type, and what decoders disagree about.
var odd = []string{
	`null`, `true`, `-1`, `1.0`, `70000`, `99999999999999999999`, `"text"`, `"7"`, `"\u00fc\ud800"`, "\"\xff\"", `"2026-01-10T08:00:00+01:00"`,
	`[null]`, `["text"]`, `[{}]`, `{"a":null}`, `{"a":7}`, `{"Name":"x"}`, `{"a":"b","a":"c"}`,
}

// TestAnOddObjectIsDecodedAsKubernetesDoes lists objects with an odd value in the place of each one, and
// compares the objects, and whether they are refused, with Kubernetes' own decoder.
func TestAnOddObjectIsDecodedAsKubernetesDoes(t *testing.T) {
	sameAsKubernetes[corev1.Service](t)
	sameAsKubernetes[networkingv1.Ingress](t)
	sameAsKubernetes[clusterv1alpha1.Cluster](t)
	sameAsKubernetes[workv1alpha2.ResourceBinding](t)
}

// outcome is what was decoded of an object.
type outcome struct {
	object any
	err    error
}

func sameAsKubernetes[T any, P apistream.Object[T]](t *testing.T) {
	t.Helper()
	all := oddOnes(t, P(new(T)))
	for i, got := range decodedAlone[T, P](t, all) {
		want := P(new(T))
		err := kjson.UnmarshalCaseSensitivePreserveInts(all[i], want)
		switch {
		case (got.err == nil) != (err == nil):
			t.Errorf("%s\nis refused with %v, want %v", all[i], got.err, err)
		case err == nil && !reflect.DeepEqual(got.object, any(want)):
			t.Errorf("%s\nis %+v, want %+v", all[i], got.object, want)
		}
	}
}

// oddOnes returns the JSON of the object with all fields that are read set, once with each odd value
// in the place of each value.
func oddOnes(t *testing.T, object any) (all [][]byte) {
	t.Helper()
	fill := fuzzer.FuzzerFor(fuzzer.MergeFuzzerFuncs(metafuzzer.Funcs, func(serializer.CodecFactory) []any {
		return []any{func(e *runtime.RawExtension, _ randfill.Continue) { e.Raw = []byte(`{"a":[1,{"b":null}]}`) }}
	}), rand.NewSource(1), known.Codecs)
	fill.NumElements(1, 1).NilChance(0).Fill(object)
	withoutUnread(reflect.ValueOf(object))
	var root any
	if err := json.Unmarshal(marshal(t, object), &root); err != nil {
		t.Fatal(err)
	}
	replaceEach(root, func() { all = append(all, marshal(t, root)) })
	if len(all) < 500 {
		t.Fatalf("%d odd objects; the test shows little", len(all))
	}
	return all
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// replaceEach calls fn while an odd value is in the place of a value below the one given, for each.
func replaceEach(of any, fn func()) {
	replace := func(value any, set func(any)) {
		for _, text := range odd {
			set(json.RawMessage(text))
			fn()
		}
		set(value)
		replaceEach(value, fn)
	}
	switch of := of.(type) {
	case map[string]any:
		for key, value := range of {
			replace(value, func(v any) { of[key] = v })
		}
	case []any:
		for i, value := range of {
			replace(value, func(v any) { of[i] = v })
		}
	}
}

// decodedAlone lists the objects over HTTP, and returns what was decoded of each.
func decodedAlone[T any, P apistream.Object[T]](t *testing.T, objects [][]byte) (all []outcome) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"kind":"List","items":[` + string(bytes.Join(objects, []byte(","))) + `]}`))
	}))
	defer server.Close()
	group, err := groupOf(rest.Config{Host: server.URL, QPS: -1}, server.Client(), workVersion)
	if err != nil {
		t.Fatal(err)
	}
	from := apistream.ListWatch(group, "objects", apiclient.Selection{}, func(object P, err error) outcome { return outcome{object, err} }, unread...)
	list, err := cache.ToListerWatcherWithContext(from).ListWithContext(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range list.(*apistream.Items[outcome]).Items {
		all = append(all, item.Kept)
	}
	if len(all) != len(objects) {
		t.Fatalf("%d objects arrive, want %d", len(all), len(objects))
	}
	return all
}
