// Package keyvalue is a minimal service for data that functions must not keep: PUT, GET and DELETE of values by
// their path, in memory.
package keyvalue

import (
	"io"
	"net/http"
	"sync"
)

// largest is the size limit of a value.
const largest = 1 << 20

// Store is safe for concurrent use.
type Store struct {
	mu     sync.Mutex
	values map[string][]byte
}

// New returns an empty Store.
func New() *Store { return &Store{values: map[string][]byte{}} }

// ServeHTTP implements http.Handler.
func (s *Store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodPut:
		value, err := io.ReadAll(http.MaxBytesReader(w, r.Body, largest))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.mu.Lock()
		s.values[r.URL.Path] = value
		s.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	case http.MethodGet:
		s.mu.Lock()
		value, ok := s.values[r.URL.Path]
		s.mu.Unlock()
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(value) // the client may be gone
	case http.MethodDelete:
		s.mu.Lock()
		delete(s.values, r.URL.Path)
		s.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Allow", "GET, PUT, DELETE")
		http.Error(w, "use GET, PUT or DELETE", http.StatusMethodNotAllowed)
	}
}
