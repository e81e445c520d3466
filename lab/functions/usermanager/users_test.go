package main

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/lab/functions/handler"
	"github.com/nearcast/nearcast/lab/keyvalue"
)

const ana = `{"name":"Ana","email":"ana@example.org","password":"secret"}`

func newManager(t *testing.T) manager {
	store := httptest.NewServer(keyvalue.New())
	t.Cleanup(store.Close)
	return manager{store: store.URL, fetch: handler.Fetch}
}

func TestARegisteredUserIsKeptOutsideAndShownWithoutItsKey(t *testing.T) {
	m := newManager(t)
	created := m.answer(handler.Request{Method: "POST", URI: "/users", Body: []byte(ana)})
	if created.Status != 201 {
		t.Fatalf("%d: %s", created.Status, created.Body)
	}
	const id = "86b9260a115ceac8"
	_, kept, err := m.fetch("GET", m.store+"/users/"+id, nil)
	if err != nil || !strings.Contains(string(kept), `"key":"`) {
		t.Errorf("kept: %q, %v; want the user with its key", kept, err)
	}
	shown := newManagerOn(m.store).answer(handler.Request{Method: "GET", URI: "/users/" + id})
	if shown.Status != 200 || string(shown.Body) != string(created.Body) || strings.Contains(string(shown.Body), "key") {
		t.Errorf("got %d: %s, want %s", shown.Status, shown.Body, created.Body)
	}
}

// newManagerOn returns another instance, like that of another cluster.
func newManagerOn(store string) manager { return manager{store: store, fetch: handler.Fetch} }

func TestAStoreFailureIsDistinctFromABadRequest(t *testing.T) {
	refusing := manager{fetch: func(string, string, []byte) (int, []byte, error) { return 503, nil, nil }}
	gone := manager{fetch: func(string, string, []byte) (int, []byte, error) { return 0, nil, errors.New("gone") }}
	for _, c := range []struct {
		m      manager
		r      handler.Request
		status int
	}{
		{refusing, handler.Request{Method: "POST", URI: "/users", Body: []byte(ana)}, 502},
		{gone, handler.Request{Method: "POST", URI: "/users", Body: []byte(ana)}, 502},
		{gone, handler.Request{Method: "GET", URI: "/users/0123456789abcdef"}, 502},
		{gone, handler.Request{Method: "POST", URI: "/users", Body: []byte("{")}, 400},
		{gone, handler.Request{Method: "POST", URI: "/users", Body: []byte(`{"name":"x"}`)}, 422},
		{gone, handler.Request{Method: "GET", URI: "/"}, 404},
		{newManager(t), handler.Request{Method: "GET", URI: "/users/0123456789abcdef"}, 404},
		// A string that is not an identifier never reaches the store.
		{refusing, handler.Request{Method: "GET", URI: "/users/.."}, 404},
		{refusing, handler.Request{Method: "GET", URI: "/users/%3Fx"}, 404},
	} {
		if got := c.m.answer(c.r); got.Status != c.status {
			t.Errorf("%s %s %s: status %d, want %d", c.r.Method, c.r.URI, c.r.Body, got.Status, c.status)
		}
	}
}
