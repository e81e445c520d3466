package bgp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/nearcast/nearcast/bgp/vip"
	"github.com/nearcast/nearcast/internal/base/admin"
	"github.com/nearcast/nearcast/internal/base/admin/hint"
)

// maxHints limits the body of one request, in octets: the resolver sends 256 hints for each
// namespace.
const maxHints = 16 << 20

// handler serves the command and the resolver on the admin socket.
func (s *speaker) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		admin.Reply(w, s.Status(), http.StatusOK, nil)
	})
	mux.HandleFunc("PUT /drains", func(w http.ResponseWriter, r *http.Request) {
		drain, err := parseDrain(r)
		s.reply(w, r, err, func() error {
			return s.drain(func(now time.Time) error { return s.drains.set(drain, now) }, drain.VIP)
		}, s.drains.file.Save)
	})
	mux.HandleFunc("DELETE /drains", func(w http.ResponseWriter, r *http.Request) {
		drain, err := parseDrain(r)
		s.reply(w, r, err, func() error {
			return s.drain(func(now time.Time) error { return s.drains.remove(drain.VIP, now) }, netip.Addr{})
		}, s.drains.file.Save)
	})
	mux.HandleFunc("DELETE /flaps", func(w http.ResponseWriter, r *http.Request) {
		addr, err := parseVIP(r)
		s.reply(w, r, err, func() error {
			changed, err := s.controller.Undamp(addr, time.Now())
			s.log(changed)
			return err
		}, func(context.Context) {})
	})
	mux.HandleFunc("PUT "+hint.Path, s.hints)
	return mux
}

// reply runs do in the loop unless the request is bad, runs what follows outside the loop, and
// answers with the resulting status.
func (s *speaker) reply(w http.ResponseWriter, r *http.Request, bad error, do func() error, then func(context.Context)) {
	err := bad
	if err == nil && !s.do(r.Context(), func() {
		if err = do(); err == nil {
			now := time.Now()
			s.apply(now)
			s.publish(now)
		}
	}) {
		admin.Reply(w, nil, http.StatusServiceUnavailable, errors.New("the speaker has stopped"))
		return
	}
	if err != nil {
		admin.Reply(w, nil, http.StatusBadRequest, err)
		return
	}
	then(r.Context())
	admin.Reply(w, s.shown(), http.StatusOK, nil) // includes the effect of do
}

// drain changes the drains. A named VIP must exist.
func (s *speaker) drain(change func(now time.Time) error, addr netip.Addr) error {
	if addr.IsValid() && !s.controller.Has(addr) {
		return fmt.Errorf("%s is not a VIP of this speaker", addr)
	}
	now := time.Now()
	if err := change(now); err != nil {
		return err
	}
	s.log(s.controller.SetDrains(s.drains.now(now), now))
	return nil
}

func parseDrain(r *http.Request) (d vip.Drain, err error) {
	d.Reason = r.FormValue("reason")
	if d.VIP, err = parseVIP(r); err != nil {
		return d, err
	}
	if text := r.FormValue("until"); text != "" {
		if d.Until, err = time.Parse(time.RFC3339, text); err != nil {
			return d, fmt.Errorf("until: %w", err)
		}
	}
	return d, nil
}

// parseVIP returns the VIP that the request names; the zero Addr means all.
func parseVIP(r *http.Request) (netip.Addr, error) {
	text := r.FormValue("vip")
	if text == "" {
		return netip.Addr{}, nil
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("vip: %q is not an IP address", text)
	}
	return addr.Unmap(), nil
}

// hints replaces all hints of the resolver.
func (s *speaker) hints(w http.ResponseWriter, r *http.Request) {
	var hints []hint.Hint
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxHints)).Decode(&hints)
	if err != nil {
		err = fmt.Errorf("hints: %w", err)
	}
	s.reply(w, r, err, func() error {
		now := time.Now()
		before := s.controller.IgnoredHints(now)
		s.log(s.controller.SetHints(hints, now.Add(hint.Last), now))
		for _, h := range s.controller.IgnoredHints(now) {
			if !slices.Contains(before, h) {
				s.Log.Warn("ignored a hint: hints only drain VIPs of Services of their namespace, and VIPs of the configuration with hints: true", "vip", h.VIP, "namespace", h.Namespace, "hint", h.Reason)
			}
		}
		return nil
	}, func(context.Context) {})
}
