package site

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/nearcast/nearcast/internal/base/admin"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/steering/steer"
)

// handler answers the admin socket.
func (s *Site) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /explain", func(w http.ResponseWriter, r *http.Request) {
		v := s.View()
		if v == nil {
			admin.Reply(w, nil, http.StatusServiceUnavailable, fmt.Errorf("no state yet from %s", s.config.Source.Key()))
			return
		}
		from, err := netip.ParseAddr(strings.TrimSpace(r.FormValue("from")))
		if err != nil {
			admin.Reply(w, nil, http.StatusBadRequest, fmt.Errorf("from: %q is not an IP address", r.FormValue("from")))
			return
		}
		var render Renderer
		if r := s.renderer.Load(); r != nil {
			render = *r
		}
		e, err := v.Explain(r.FormValue("name"), from, s.prober.Verdict, render)
		admin.Reply(w, e, http.StatusNotFound, err)
	})
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		v := s.View()
		if v == nil {
			admin.Reply(w, nil, http.StatusServiceUnavailable, fmt.Errorf("no state yet from %s", s.config.Source.Key()))
			return
		}
		admin.Reply(w, s.status(v), http.StatusOK, nil)
	})
	mux.HandleFunc("/drains", s.serveDrains)
	mux.HandleFunc("GET /drains/unkept", func(w http.ResponseWriter, _ *http.Request) {
		admin.Reply(w, s.drains.unkept(), http.StatusOK, nil)
	})
	return mux
}

// serveDrains lists the drains at this site (GET), adds one (PUT) or removes one
// (DELETE); it always answers with the drains then in force.
func (s *Site) serveDrains(w http.ResponseWriter, r *http.Request) {
	drain := steer.Drain{Kind: steer.DrainKind(r.FormValue("kind")), Pattern: r.FormValue("pattern"), Reason: r.FormValue("reason")}
	var err error
	if text := r.FormValue("until"); text != "" {
		drain.Until, err = time.Parse(time.RFC3339, text)
	}
	if text := r.FormValue("share"); err == nil && text != "" {
		drain.Share, err = federation.ParseEighths(text)
	}
	switch {
	case err != nil:
	case r.Method == http.MethodPut:
		err = s.drains.set(r.Context(), drain)
	case r.Method == http.MethodDelete:
		err = s.drains.remove(r.Context(), drain)
	case r.Method != http.MethodGet:
		admin.Reply(w, nil, http.StatusMethodNotAllowed, fmt.Errorf("method %s is not allowed; use GET, PUT or DELETE", r.Method))
		return
	}
	admin.Reply(w, s.drained(), http.StatusBadRequest, err)
}
