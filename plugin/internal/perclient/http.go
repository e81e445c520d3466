package perclient

import (
	"context"
	"net/http"
)

// Private is the handler of a server over HTTPS (RFC 8484) that tells shared caches which
// answers depend on who asks: of these none may keep one (RFC 9111, section 5.2.2.7). The
// URL of a query, by which caches know answers, says nothing of who asks.
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
