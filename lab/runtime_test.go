package lab

import (
	"net"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/lab/functions"
	"github.com/nearcast/nearcast/lab/keyvalue"
)

// runtimes returns every runtime of a module, started.
func runtimes(t *testing.T, module string, env ...string) map[string]runtime {
	t.Helper()
	programs := t.TempDir()
	if err := functions.Build(t.Context(), programs, ""); err != nil {
		t.Fatal(err)
	}
	engine, err := newEngine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.close() })
	var all []Workload
	for _, name := range Runtimes {
		all = append(all, Workload{Name: name, Module: module, Runtime: name, Env: func(string) []string { return env }})
	}
	made, err := runtimesAt("de-wide", all, programs, engine, filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range made {
		if err := r.start(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		t.Cleanup(r.stop)
	}
	return made
}

// answer calls the function and stops its instance.
func answer(t *testing.T, r runtime, c call) outcome {
	t.Helper()
	out, err := r.call(t.Context(), c)
	if out.end != nil {
		out.end()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestEveryRuntimeRunsTheSameFunction(t *testing.T) {
	for name, r := range runtimes(t, "nbody") {
		out := answer(t, r, call{method: "GET", uri: "/?steps=1000", host: "n-body.example.org"})
		if out.status != 200 || string(out.body) != "-0.169075164\n-0.169087605\n" || !strings.HasPrefix(out.contentType, "text/plain") {
			t.Errorf("%s: %d %s: %q", name, out.status, out.contentType, out.body)
		}
		if (out.cold > 0) != (name != "warm") || out.processing <= 0 {
			t.Errorf("%s: cold start %s, processing %s", name, out.cold, out.processing)
		}
	}
	for name, r := range runtimes(t, "hello") {
		if out := answer(t, r, call{method: "GET", uri: "/", host: "hello.example.org"}); string(out.body) != "hello.example.org served by de-wide\n" {
			t.Errorf("%s: got %q", name, out.body)
		}
	}
}

func TestEveryRuntimeReachesTheStore(t *testing.T) {
	store := httptest.NewServer(keyvalue.New())
	defer store.Close()
	all := runtimes(t, "usermanager", "STORE_URL="+store.URL)
	for name, r := range all {
		created := answer(t, r, call{method: "POST", uri: "/users", body: []byte(`{"name":"A","email":"` + name + `@example.org","password":"x"}`)})
		if created.status != 201 || created.contentType != "application/json" {
			t.Fatalf("%s: %d: %s", name, created.status, created.body)
		}
		_, rest, _ := strings.Cut(string(created.body), `"id":"`)
		id, _, _ := strings.Cut(rest, `"`)
		for other, r := range all {
			if shown := answer(t, r, call{method: "GET", uri: "/users/" + id}); shown.status != 200 || string(shown.body) != string(created.body) {
				t.Errorf("%s does not show what %s stored: %d: %s", other, name, shown.status, shown.body)
			}
		}
	}
	store.Close()
	for name, r := range all {
		if out := answer(t, r, call{method: "GET", uri: "/users/0123456789abcdef"}); out.status != 502 {
			t.Errorf("%s, without a store: %d: %s", name, out.status, out.body)
		}
	}
}

func TestAColdProcessEndsWithItsCall(t *testing.T) {
	c := runtimes(t, "hello")["cold"].(cold)
	i, err := c.begin()
	if err != nil {
		t.Fatal(err)
	}
	if conn, err := net.Dial("tcp", i.addr); err != nil {
		t.Error(err)
	} else {
		conn.Close()
	}
	i.end()
	if conn, err := net.Dial("tcp", i.addr); err == nil {
		conn.Close()
		t.Error("the process still listens")
	}
}

func TestAMissingProgramIsNamed(t *testing.T) {
	engine, err := newEngine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer engine.close()
	_, err = runtimesAt("de-wide", workloads, t.TempDir(), engine, "")
	if err == nil || !strings.Contains(err.Error(), "hello.wasm") || !strings.Contains(err.Error(), "make build") {
		t.Errorf("got %v, want the name of the file and how to build it", err)
	}
}
