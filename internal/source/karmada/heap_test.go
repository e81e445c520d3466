package karmada

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/nearcast/nearcast/internal/federation/staging"
)

// bulk is an API server that has many ResourceBindings and nothing else. It holds the end of each
// list of them back until the test lets it go on.
type bulk struct {
	*httptest.Server
	count int
	// streams is whether it has streaming lists.
	streams bool
	goOn    chan struct{}
	// expire ends every watch of the bindings with 410 Gone.
	expire chan struct{}
	// kept counts the bindings that have been decoded.
	kept atomic.Int64
}

func newBulk(t *testing.T, count int, streams bool) *bulk {
	b := &bulk{count: count, streams: streams, goOn: make(chan struct{}), expire: make(chan struct{})}
	b.Server = httptest.NewServer(b)
	t.Cleanup(b.Close)
	return b
}

func (b *bulk) binding(i int) []byte {
	clusters := make([]string, 8)
	for c := range clusters {
		clusters[c] = fmt.Sprint("cluster-", (i+c*32)%256)
	}
	o := serviceBinding("ns", fmt.Sprint("function-", i), clusters...)
	o.UID, o.ResourceVersion = "0a1b2c3d-4e5f-6071-8293-000000000000", "1"
	o.Annotations = map[string]string{"policy.karmada.io/applied-placement": strings.Repeat("x", 400)}
	o.ManagedFields = []metav1.ManagedFieldsEntry{{FieldsV1: &metav1.FieldsV1{Raw: []byte(`{"f:metadata":{` + strings.Repeat(`"f:x":{},`, 100) + `"f:y":{}}}`)}}}
	raw, _ := json.Marshal(o)
	return raw
}

func (b *bulk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query, out := r.URL.Query(), bufio.NewWriter(w)
	flush := func() {
		out.Flush()
		w.(http.Flusher).Flush()
	}
	bindings := strings.HasSuffix(r.URL.Path, "/resourcebindings")
	count := 0
	if bindings {
		count = b.count
	}
	switch {
	case r.URL.Path == "/readyz":
	case query.Get("sendInitialEvents") != "" && !b.streams:
		http.Error(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","code":400,"reason":"BadRequest"}`, http.StatusBadRequest)
	case query.Get("watch") == "":
		fmt.Fprint(out, `{"kind":"List","apiVersion":"v1","items":[`)
		for i := range count {
			fmt.Fprintf(out, "%s%s", strings.Repeat(",", min(i, 1)), b.binding(i))
		}
		flush()
		b.wait(r, bindings)
		fmt.Fprint(out, `],"metadata":{"resourceVersion":"1"}}`)
		flush()
	default:
		if query.Get("sendInitialEvents") != "" {
			for i := range count {
				fmt.Fprintf(out, `{"type":"ADDED","object":%s}`+"\n", b.binding(i))
			}
			flush()
			b.wait(r, bindings)
			fmt.Fprintln(out, `{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"1","annotations":{"k8s.io/initial-events-end":"true"}}}}`)
		}
		flush()
		select {
		case <-b.expired(bindings):
			fmt.Fprintln(out, `{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure","code":410,"reason":"Expired"}}`)
			flush()
		case <-r.Context().Done():
		}
	}
}

func (b *bulk) wait(r *http.Request, bindings bool) {
	if !bindings {
		return
	}
	select {
	case <-b.goOn:
	case <-r.Context().Done():
	}
}

func (b *bulk) expired(bindings bool) chan struct{} {
	if !bindings {
		return nil
	}
	return b.expire
}

// decoded waits until so many bindings have been decoded in all.
func (b *bulk) decoded(t *testing.T, count int) {
	t.Helper()
	for range 6000 {
		if b.kept.Load() == int64(count) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%d objects were decoded, want %d", b.kept.Load(), count)
}

// heap returns how much memory is reachable, in octets.
func heap() float64 {
	var stats runtime.MemStats
	for range 2 { // the second also frees what the first finalized
		runtime.GC()
	}
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapAlloc)
}

// TestAListIsNeverHeldWhole measures what is held when all of a list has arrived but its end, at the
// start and after the API expired the watch, beyond what stays in the Store. An object of the list has
// some 2,000 octets.
func TestAListIsNeverHeldWhole(t *testing.T) {
	const count, most = 5000, 300
	for name, streams := range map[string]bool{"streaming list": true, "list": false} {
		t.Run(name, func(t *testing.T) {
			server := newBulk(t, count, streams)
			api, err := connect(&rest.Config{Host: server.URL, QPS: -1}, server.Client())
			if err != nil {
				t.Fatal(err)
			}
			bindings := api.ResourceBindings
			api.ResourceBindings = func(namespace string, keep keep) cache.ListerWatcher {
				return bindings(namespace, func(obj metav1.Object, err error) staging.Reading {
					defer server.kept.Add(1)
					return keep(obj, err)
				})
			}
			before, store := heap(), staging.NewStore()
			ctx, cancel := context.WithCancel(t.Context())
			var running sync.WaitGroup
			defer running.Wait()
			defer cancel()
			running.Go(func() {
				_ = New(api).Run(ctx, store, func(err error) { t.Error(err) })
			})
			server.decoded(t, count)
			during := heap() - before
			server.goOn <- struct{}{}
			for store.Confirmed().IsZero() {
				time.Sleep(10 * time.Millisecond)
			}
			rest := heap() - before
			server.expire <- struct{}{}
			server.decoded(t, 2*count)
			again := heap() - before
			more := max(during, again) - rest
			t.Logf("%.1f MB at rest; for each object %.0f octets more while listing, and %.0f while listing again", rest/1e6, (during-rest)/count, (again-rest)/count)
			if more > most*count {
				t.Errorf("want at most %d octets", most)
			}
			runtime.KeepAlive(store)
		})
	}
}
