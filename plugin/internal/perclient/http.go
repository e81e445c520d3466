package perclient

import (
	"context"
	"net/http"
)

// Private is the handler of a server over HTTPS (RFC 8484) that tells shared caches which answers depend on the
// client. They must not store these (RFC 9111, section 5.2.2.7): the URL of a query, which is a cache's key, does
// not say who the client is.
func Private(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := &private{ResponseWriter: w}
		next.ServeHTTP(p, r.WithContext(context.WithValue(r.Context(), dependenceKey{}, &p.dependence)))
	})
}

// private is the writer of the answer to a request.
type private struct {
	http.ResponseWriter
	dependence dependence
}

const cacheControl = "Cache-Control"

// WriteHeader implements http.ResponseWriter.
func (p *private) WriteHeader(status int) {
	if age := p.Header().Get(cacheControl); age != "" && p.dependence.noted.Load() {
		p.Header().Set(cacheControl, "private, "+age)
	}
	p.ResponseWriter.WriteHeader(status)
}
