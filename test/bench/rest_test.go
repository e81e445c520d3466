package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nearcast/nearcast/test/usage"
)

func TestCountersOfAllLabelsAddUp(t *testing.T) {
	const text = `# HELP go_memstats_mallocs_total Total
go_memstats_mallocs_total 1.5e+06
go_memstats_mallocs_total_of_others 7
go_memstats_alloc_bytes_total 2e+06
go_gc_duration_seconds{quantile="1"} 0.1
go_gc_duration_seconds_count 3
coredns_nearcast_probes_total{kind="tcp",result="passed"} 4
coredns_nearcast_probes_total{kind="http",result="failed"} 5
`
	got, err := parseCounters(strings.NewReader(text))
	if want := (counters{Allocations: 1.5e6, Allocated: 2e6, Collections: 3, Probes: 9}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if _, err := parseCounters(strings.NewReader("go_memstats_mallocs_total many\n")); err == nil {
		t.Error("a word is taken for a counter")
	}
}

func TestFiguresAtRestAreOfTheirTime(t *testing.T) {
	row := Row{target: target{name: "x"}, AtRest: AtRest{
		Lasted: 2 * time.Minute, Threads: usage.Threads{CPU: 1200 * time.Millisecond, Sleeps: 2400},
		counters: counters{Allocations: 360, Allocated: 4 << 20, Collections: 4, Probes: 600}, Octets: 2000,
		Memory: usage.Bytes{Resident: 30 << 20, Anonymous: 20 << 20},
	}}
	table := Table{group: group{rests: true}, Rows: []Row{row}}
	if text := table.tables(); !strings.HasSuffix(text, "\n| x | 1.00 | 20.0 | 5.00 | 3.00 | 34.1 | 2.00 | 1.44 | 30.0 | 20.0 |\n") {
		t.Errorf("the table is\n%s", text)
	}
}

// TestTheAPIHasTheFederation asks as a site does: for lists, for watches, and whether it is ready.
func TestTheAPIHasTheFederation(t *testing.T) {
	w, err := newWorld()
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	a, err := w.api(size{clusters: 4, functions: 10, placements: 2, locations: 4, probed: gatewaysProbed})
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}}
	get := func(ctx context.Context, path string) *http.Response {
		t.Helper()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	for resource, want := range map[string]int{"clusters": 4, "services": 10, "resourcebindings": 10, "ingresses": 0} {
		resp := get(t.Context(), "/apis/group/v1/"+resource)
		var list struct {
			Kind, APIVersion string
			Items            []json.RawMessage
		}
		if err := json.NewDecoder(resp.Body).Decode(&list); err != nil || len(list.Items) != want || list.Kind != kinds[resource]+"List" || list.APIVersion != "group/v1" || resp.ProtoMajor != 2 {
			t.Errorf("%s: %d objects in a %s of %s, %v, by HTTP/%d, want %d by HTTP/2", resource, len(list.Items), list.Kind, list.APIVersion, err, resp.ProtoMajor, want)
		}
		_ = resp.Body.Close()
	}
	if resp := get(t.Context(), "/readyz"); resp.StatusCode != http.StatusOK {
		t.Errorf("it is not ready: %s", resp.Status)
	}
	begin := time.Now()
	watched := get(t.Context(), "/api/v1/services?watch=true&timeoutSeconds=1")
	for collection, want := range map[string]string{"/api/v1/services": `"kind":"Service","apiVersion":"v1"`, "/apis/apps/v1/deployments": `"kind":"Deployment","apiVersion":"apps/v1"`} {
		if got := bookmark(collection); !strings.Contains(got, want) {
			t.Errorf("the bookmark of %s is %s, want %s", collection, got, want)
		}
	}
	if events, err := io.ReadAll(watched.Body); len(events) > 0 || err != nil || time.Since(begin) < time.Second {
		t.Errorf("a watch had %q, %v, for %s", events, err, time.Since(begin))
	}
}
