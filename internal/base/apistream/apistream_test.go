package apistream_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/nearcast/nearcast/internal/base/apiclient"
	"github.com/nearcast/nearcast/internal/base/apistream"
)

var kinds = apiclient.NewKinds(corev1.AddToScheme)

// both are the encodings that an API server may answer in, whatever it is asked for.
var both = map[string]apiclient.Encoding{"JSON": apiclient.JSON, "protobuf": apiclient.Protobuf}

// encode returns the object as an API server writes it.
func encode(t testing.TB, encoding apiclient.Encoding, obj runtime.Object) []byte {
	t.Helper()
	media := runtime.ContentTypeJSON
	if encoding == apiclient.Protobuf {
		media = runtime.ContentTypeProtobuf
	}
	info, _ := runtime.SerializerInfoForMediaType(kinds.Codecs.SupportedMediaTypes(), media)
	version := corev1.SchemeGroupVersion
	if _, ok := obj.(*metav1.Status); ok {
		version = metav1.Unversioned
	}
	raw, err := runtime.Encode(kinds.Codecs.EncoderForVersion(info.Serializer, version), obj)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// event returns an event of a watch as an API server writes it.
func event(t testing.TB, encoding apiclient.Encoding, kind watch.EventType, obj runtime.Object) []byte {
	t.Helper()
	e := &metav1.WatchEvent{Type: string(kind), Object: runtime.RawExtension{Raw: encode(t, encoding, obj)}}
	if encoding == apiclient.JSON {
		raw, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		return append(raw, '\n')
	}
	raw, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(raw))), raw...)
}

func service(name string) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, ResourceVersion: "7", Labels: map[string]string{"app": name}},
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}},
	}
}

func services(names ...string) *corev1.ServiceList {
	list := &corev1.ServiceList{ListMeta: metav1.ListMeta{ResourceVersion: "9", Continue: "next"}}
	for _, name := range names {
		list.Items = append(list.Items, *service(name))
	}
	return list
}

// says is what the tests keep of a Service.
func says(s *corev1.Service, err error) string {
	if err != nil {
		return s.Name + " is bad"
	}
	return fmt.Sprint(s.Name, s.Labels["app"], len(s.Spec.Ports))
}

// served returns a ListerWatcher of Services that the handler answers for.
func served(t *testing.T, handler http.HandlerFunc) cache.ListerWatcherWithContext {
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	group, err := kinds.Group(rest.Config{Host: server.URL, QPS: -1}, server.Client(), corev1.SchemeGroupVersion, apiclient.Protobuf)
	if err != nil {
		t.Fatal(err)
	}
	return cache.ToListerWatcherWithContext(apistream.ListWatch(group, "services", apiclient.Selection{}, says))
}

// answers returns a ListerWatcher whose server answers with the octets, always.
func answers(t *testing.T, body []byte) cache.ListerWatcherWithContext {
	return served(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })
}

func list(t *testing.T, from cache.ListerWatcherWithContext) ([]string, *apistream.Items[string], error) {
	t.Helper()
	obj, err := from.ListWithContext(t.Context(), metav1.ListOptions{})
	items, _ := obj.(*apistream.Items[string])
	if err != nil {
		return nil, nil, err
	}
	var kept []string
	for _, item := range items.Items {
		kept = append(kept, item.Kept)
	}
	return kept, items, nil
}

func TestAListIsReadInEitherEncoding(t *testing.T) {
	var names, want []string
	for i := range 3000 { // several batches
		name := fmt.Sprint("web-", i)
		names, want = append(names, name), append(want, name+name+"1")
	}
	for name, encoding := range both {
		kept, items, err := list(t, answers(t, encode(t, encoding, services(names...))))
		if err != nil || !slices.Equal(kept, want) || items.ResourceVersion != "9" || items.Continue != "next" {
			t.Errorf("%s: %d items, %v", name, len(kept), err)
		}
		if kept, _, err := list(t, answers(t, encode(t, encoding, services()))); err != nil || len(kept) > 0 {
			t.Errorf("%s: %d items of an empty list, %v", name, len(kept), err)
		}
	}
}

// TestAListIsWholeOrAnError cuts a list off at every octet: a short one would delete what it lacks.
func TestAListIsWholeOrAnError(t *testing.T) {
	for name, encoding := range both {
		whole := encode(t, encoding, services("a", "b"))
		body := whole
		from := served(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })
		for n := range len(bytes.TrimRight(whole, "\n")) {
			body = whole[:n]
			if kept, _, err := list(t, from); err == nil && len(kept) < 2 {
				t.Fatalf("%s: %d of %d octets are taken for a list of %v", name, n, len(whole), kept)
			}
		}
	}
}

func TestAnAnswerThatIsNoListIsAnError(t *testing.T) {
	status := &metav1.Status{Status: metav1.StatusFailure, Reason: metav1.StatusReasonUnknown}
	for name, body := range map[string][]byte{
		"a Status in JSON": encode(t, apiclient.JSON, status), "a Status in protobuf": encode(t, apiclient.Protobuf, status),
		"an empty object": []byte("{}"), "a list of JSON": []byte("[]"), "text": []byte("<html>"),
		"items that are not a list": []byte(`{"kind":"ServiceList","metadata":{"resourceVersion":"1"},"items":{}}`),
		"a size that lies":          append([]byte("k8s\x00\x12\xff\xff\x7f\x12\xff\xff\xff\x7f"), 'x'),
	} {
		if kept, _, err := list(t, answers(t, body)); err == nil {
			t.Errorf("%s is taken for a list of %v", name, kept)
		}
	}
}

// TestMembersComeInAnyOrder has lists and events as other servers and proxies may write them.
func TestMembersComeInAnyOrder(t *testing.T) {
	web := string(encode(t, apiclient.JSON, service("web")))
	kept, _, err := list(t, answers(t, []byte(`{"items":[`+web+`],"metadata":{"resourceVersion":"9","continue":null},"other":[1,{}],"kind":"ServiceList"}`)))
	if err != nil || len(kept) != 1 {
		t.Errorf("listed %v, %v", kept, err)
	}
	if kept, _, err = list(t, answers(t, []byte(`{"kind":"ServiceList","items":null,"metadata":{}}`))); err != nil || len(kept) > 0 {
		t.Errorf("listed %v, %v", kept, err)
	}
	got := watched(t, answers(t, []byte(`{"object":`+web+`,"type":"ADDED","other":1}`+"\n\n"+` {"type":"DELETED","object":`+web+`}`)))
	if want := []string{"ADDED webweb1", "DELETED webweb1"}; !slices.Equal(got, want) {
		t.Errorf("watched %q, want %q", got, want)
	}
}

// watched returns the events of a watch until it ends.
func watched(t *testing.T, from cache.ListerWatcherWithContext) []string {
	t.Helper()
	w, err := from.WatchWithContext(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	var all []string
	for e := range w.ResultChan() {
		all = append(all, text(e))
	}
	return all
}

func text(e watch.Event) string {
	switch obj := e.Object.(type) {
	case *apistream.Item[string]:
		m := obj.GetObjectMeta()
		if e.Type == watch.Bookmark {
			return fmt.Sprintf("BOOKMARK %s %v%s", m.GetResourceVersion(), m.GetAnnotations(), obj.Kept)
		}
		return string(e.Type) + " " + obj.Kept
	case *metav1.Status:
		return fmt.Sprint(e.Type, " ", obj.Code, " ", obj.Reason)
	}
	return fmt.Sprintf("%T", e.Object)
}

func TestEventsAreReadInOrderInEitherEncoding(t *testing.T) {
	for name, encoding := range both {
		var body []byte
		var want []string
		for i := range 2000 {
			name := fmt.Sprint("web-", i)
			body = append(body, event(t, encoding, watch.Added, service(name))...)
			want = append(want, "ADDED "+name+name+"1")
		}
		end := &corev1.Service{ObjectMeta: metav1.ObjectMeta{ResourceVersion: "11", Annotations: map[string]string{metav1.InitialEventsAnnotationKey: "true"}}}
		gone := &metav1.Status{Status: metav1.StatusFailure, Code: http.StatusGone, Reason: metav1.StatusReasonExpired}
		for _, e := range [][]byte{
			event(t, encoding, watch.Bookmark, end), event(t, encoding, watch.Modified, service("a")),
			event(t, encoding, watch.Deleted, service("a")), event(t, encoding, watch.Error, gone),
		} {
			body = append(body, e...)
		}
		want = append(want, "BOOKMARK 11 map[k8s.io/initial-events-end:true]", "MODIFIED aa1", "DELETED aa1", "ERROR 410 Expired")
		if got := watched(t, answers(t, body)); !slices.Equal(got, want) {
			t.Errorf("%s: %d events, want %d; the last %q", name, len(got), len(want), got[max(0, len(got)-4):])
		}
	}
}

// TestAnEventDoesNotWaitForTheNext has a server that sends half of the next event, and waits.
func TestAnEventDoesNotWaitForTheNext(t *testing.T) {
	for name, encoding := range both {
		next := event(t, encoding, watch.Added, service("b"))
		w, err := served(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write(append(event(t, encoding, watch.Added, service("a")), next[:len(next)/2]...))
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}).WatchWithContext(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		select {
		case e := <-w.ResultChan():
			if text(e) != "ADDED aa1" {
				t.Errorf("%s: %s", name, text(e))
			}
		case <-time.After(10 * time.Second):
			t.Errorf("%s: the event did not arrive", name)
		}
		w.Stop() // while a read waits
		for range w.ResultChan() {
		}
	}
}

// TestABadObjectIsRefusedAlone has a field of another type than its kind says.
func TestABadObjectIsRefusedAlone(t *testing.T) {
	good := string(encode(t, apiclient.JSON, service("good")))
	bad := strings.ReplaceAll(strings.ReplaceAll(good, "good", "bad"), `"port":80`, `"port":{"a":[80]}`)
	kept, _, err := list(t, answers(t, []byte(`{"kind":"ServiceList","metadata":{"resourceVersion":"1"},"items":[`+bad+","+good+`]}`)))
	if want := []string{"bad is bad", "goodgood1"}; err != nil || !slices.Equal(kept, want) {
		t.Errorf("listed %q, %v; want %q", kept, err, want)
	}
	got := watched(t, answers(t, []byte(`{"type":"ADDED","object":`+bad+`}{"type":"ADDED","object":`+good+`}`)))
	if want := []string{"ADDED bad is bad", "ADDED goodgood1"}; !slices.Equal(got, want) {
		t.Errorf("watched %q, want %q", got, want)
	}
}

// TestAWatchThatIsNotReadableEndsWithAnError sends what is not an event; a watch that is cut off just ends.
func TestAWatchThatIsNotReadableEndsWithAnError(t *testing.T) {
	added := string(event(t, apiclient.JSON, watch.Added, service("a")))
	for name, c := range map[string]struct {
		body string
		want string // of the last event
	}{
		"text":             {added + "<html>", "ERROR 500 InternalError"},
		"another type":     {added + strings.Replace(added, "ADDED", "CHANGED", 1), "ERROR 500 InternalError"},
		"a huge size":      {"\x00\xff\xff\xff", ""},
		"no object inside": {"\x00\x00\x00\x01\xff", "ERROR 500 InternalError"},
		"cut off":          {added + added[:20], "ADDED aa1"},
		"at its end":       {added, "ADDED aa1"},
		"nothing":          {"", ""},
	} {
		var last string
		if all := watched(t, answers(t, []byte(c.body))); len(all) > 0 {
			last = all[len(all)-1]
		}
		if last != c.want {
			t.Errorf("%s: ends with %q, want %q", name, last, c.want)
		}
	}
}

// TestARefusalIsTheServers has the server refuse a list and a watch with a Status.
func TestARefusalIsTheServers(t *testing.T) {
	from := served(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", runtime.ContentTypeJSON)
		w.WriteHeader(http.StatusGone)
		_, _ = w.Write(encode(t, apiclient.JSON, &metav1.Status{Status: metav1.StatusFailure, Code: http.StatusGone, Reason: metav1.StatusReasonExpired}))
	})
	_, _, err := list(t, from)
	_, werr := from.WatchWithContext(t.Context(), metav1.ListOptions{})
	for _, err := range []error{err, werr} {
		var status interface{ Status() metav1.Status }
		if !errors.As(err, &status) || status.Status().Reason != metav1.StatusReasonExpired {
			t.Errorf("%v, want the server's reason", err)
		}
	}
}

// TestAListEndsWithItsContext has a server that stops in the middle of a list.
func TestAListEndsWithItsContext(t *testing.T) {
	body := encode(t, apiclient.JSON, services("a", "b"))
	ctx, cancel := context.WithCancel(t.Context())
	from := served(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, bytes.NewReader(body[:len(body)/2]))
		w.(http.Flusher).Flush()
		cancel()
		<-r.Context().Done()
	})
	if _, err := from.ListWithContext(ctx, metav1.ListOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
