package main

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"sigs.k8s.io/yaml"
)

// api answers as the API server of a federation in which nothing happens does: over TLS and
// HTTP/2, in JSON.
type api struct {
	*httptest.Server
	// items are the objects, by resource.
	items map[string][]json.RawMessage
	// lists are the encoded answers, by path: an API server does not encode an object again
	// either.
	lists sync.Map
}

// kinds are those that a site reads, by resource.
var kinds = map[string]string{
	"clusters": "Cluster", "resourcebindings": "ResourceBinding", "services": "Service", "ingresses": "Ingress", "deployments": "Deployment",
	"statefulsets": "StatefulSet", "daemonsets": "DaemonSet", "multiclusterservices": "MultiClusterService",
}

// startAPI serves the objects of a directory of manifests.
func startAPI(manifests string) (*api, error) {
	a := &api{items: map[string][]json.RawMessage{}}
	files, err := filepath.Glob(filepath.Join(manifests, "*.yaml"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		if err := a.read(file); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	a.Server = httptest.NewUnstartedServer(a)
	a.EnableHTTP2 = true
	a.StartTLS()
	return a, nil
}

// read adds a file's objects.
func (a *api) read(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for document := range strings.SplitSeq(string(text), "---\n") {
		raw, err := yaml.YAMLToJSON([]byte(document))
		if err != nil {
			return err
		}
		var object struct{ Kind string }
		if err := json.Unmarshal(raw, &object); err != nil {
			return err
		}
		for resource, kind := range kinds {
			if kind == object.Kind {
				a.items[resource] = append(a.items[resource], raw)
			}
		}
	}
	return nil
}

// Authority is the certificate in the form of a kubeconfig.
func (a *api) Authority() string {
	return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Certificate().Raw}))
}

// bookmarkEvery is how often an API server reports how far a watch is.
const bookmarkEvery = time.Minute

// ServeHTTP answers lists and watches, and that it is ready. It has no streaming lists.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	switch {
	case r.URL.Path == "/readyz":
		fmt.Fprint(w, "ok")
	case query.Get("sendInitialEvents") != "":
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","code":400,"reason":"BadRequest"}`)
	case query.Get("watch") != "":
		watch(w, r)
	default:
		a.list(w, r.URL.Path)
	}
}

// list writes all objects of a collection, which is named by its path.
func (a *api) list(w http.ResponseWriter, collection string) {
	text, encoded := a.lists.Load(collection)
	if !encoded {
		text = a.encoded(collection)
		a.lists.Store(collection, text)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(text.([]byte)) // the asker asks again
}

func (a *api) encoded(collection string) []byte {
	version, resource := resourceOf(collection)
	items := a.items[resource]
	if items == nil {
		items = []json.RawMessage{} // [] in JSON
	}
	text, err := json.Marshal(map[string]any{
		"kind": kinds[resource] + "List", "apiVersion": version, "metadata": map[string]string{"resourceVersion": "1"}, "items": items,
	})
	if err != nil {
		return []byte(err.Error()) // which the site reports
	}
	return text
}

// watch writes nothing but bookmarks until the asker leaves or the time that it asked for
// is over.
func watch(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	tick := time.NewTicker(bookmarkEvery)
	defer tick.Stop()
	lasts, err := time.ParseDuration(r.URL.Query().Get("timeoutSeconds") + "s")
	if err != nil {
		lasts = time.Hour
	}
	for end := time.After(lasts); ; {
		w.(http.Flusher).Flush()
		select {
		case <-r.Context().Done():
			return
		case <-end:
			return
		case <-tick.C:
			fmt.Fprintln(w, bookmark(r.URL.Path))
		}
	}
}

// bookmark is the event of a watch in which nothing happened.
func bookmark(collection string) string {
	version, resource := resourceOf(collection)
	return fmt.Sprintf(`{"type":"BOOKMARK","object":{"kind":%q,"apiVersion":%q,"metadata":{"resourceVersion":"1","creationTimestamp":null}}}`, kinds[resource], version)
}

// resourceOf is the version and the resource of a collection.
func resourceOf(collection string) (version, resource string) {
	version, resource = path.Split(strings.TrimPrefix(strings.TrimPrefix(collection, "/apis/"), "/api/"))
	return path.Clean(version), resource
}
