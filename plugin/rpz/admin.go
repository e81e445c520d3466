package rpz

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/plugin"
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/base/admin"
	"github.com/nearcast/nearcast/internal/base/brief"
	"github.com/nearcast/nearcast/plugin/internal/arguments"
	"github.com/nearcast/nearcast/plugin/internal/blocks"
	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
)

// AdminPath is the path below which the plugin answers at the admin sockets of its process.
const AdminPath = "/rpz/"

func (s *settings) parseAdmin(args []string) (err error) {
	s.admin, err = arguments.Socket(args)
	if err == nil && len(s.admin) > admin.MaxPath {
		err = fmt.Errorf("%s is longer than %d characters, the longest path of a socket", s.admin, admin.MaxPath)
	}
	return err
}

// know stores the server blocks of the configuration, in which queries are explained.
func (i *instance) know(c *caddy.Controller) error {
	all, err := blocks.Configured(c)
	if err != nil {
		return plugin.Error("rpz", err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.blocks = all
	return nil
}

// listen opens the socket of a block that has started, if it is not "". The last block to start has the
// configuration answer there and at the sockets of other plugins: until then, the one before knows more zones.
func (i *instance) listen(socket string) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.starting--; i.starting == 0 {
		i.part = admin.Offer(AdminPath, i.routes())
	}
	if socket == "" {
		return nil
	}
	s, err := admin.Listen(socket, nil)
	if err == nil {
		i.sockets = append(i.sockets, s)
	}
	return err
}

// deafen undoes listen.
func (i *instance) deafen() {
	i.mu.Lock()
	part, sockets := i.part, i.sockets
	i.part, i.sockets = nil, nil
	i.mu.Unlock() // requests that are being answered need it
	if part != nil {
		part.Close()
	}
	for _, s := range sockets {
		s.Close()
	}
}

func (i *instance) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+AdminPath+"status", i.serveStatus)
	mux.HandleFunc("GET "+AdminPath+"explain", i.serveExplain)
	mux.HandleFunc("PUT "+AdminPath+"refresh", i.serveRefresh)
	mux.HandleFunc("PUT "+AdminPath+"disabled", i.serveSwitch)
	mux.HandleFunc("DELETE "+AdminPath+"disabled", i.serveSwitch)
	return mux
}

// sources returns the sources of the configuration without duplicates, in the order of the Corefile; only those of
// the zone unless it is "".
func (i *instance) sources(zone string) (all []*source) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, h := range i.held {
		if (zone == "" || h.origin.zone == zone) && !slices.Contains(all, h.source) {
			all = append(all, h.source)
		}
	}
	return all
}

// serveStatus answers with the status of a zone, or of all if none is named.
func (i *instance) serveStatus(w http.ResponseWriter, r *http.Request) {
	zone := ""
	if r.FormValue("zone") != "" {
		var err error
		if zone, err = zoneOf(r); err != nil {
			admin.Reply(w, nil, http.StatusBadRequest, err)
			return
		}
	}
	st := i.status(zone)
	if zone != "" && len(st.Zones)+len(st.Stray) == 0 {
		admin.Reply(w, nil, http.StatusNotFound, i.unknown(zone))
		return
	}
	admin.Reply(w, st, http.StatusOK, nil)
}

// zoneOf returns the zone that a request names, canonical.
func zoneOf(r *http.Request) (string, error) {
	name := strings.TrimSpace(r.FormValue("zone"))
	if _, ok := dns.IsDomainName(name); !ok || name == "" {
		return "", fmt.Errorf("zone: %q is not a domain name", name)
	}
	return policyzone.Canonical(name), nil
}

// unknown says that no block has the zone, and which zones there are.
func (i *instance) unknown(zone string) error {
	var names []string
	for _, s := range i.sources("") {
		if !slices.Contains(names, s.origin.zone) {
			names = append(names, s.origin.zone)
		}
	}
	slices.Sort(names)
	return fmt.Errorf("this server has no policy zone %s; it has %s", zone, strings.Join(names, ", "))
}

// answerTime is how long to wait for a refresh or an explanation: less than a request may take.
const answerTime = 8 * time.Second

func (i *instance) serveRefresh(w http.ResponseWriter, r *http.Request) {
	zone, err := zoneOf(r)
	if err != nil {
		admin.Reply(w, nil, http.StatusBadRequest, err)
		return
	}
	all := i.sources(zone)
	if len(all) == 0 {
		admin.Reply(w, nil, http.StatusNotFound, i.unknown(zone))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerTime)
	defer cancel()
	admin.Reply(w, refresh(ctx, all), http.StatusOK, nil)
}

// serveSwitch disables a zone (PUT) or enables it (DELETE), and answers with the result. It can also enable a zone
// that no block has any more.
func (i *instance) serveSwitch(w http.ResponseWriter, r *http.Request) {
	zone, err := zoneOf(r)
	if err != nil {
		admin.Reply(w, nil, http.StatusBadRequest, err)
		return
	}
	has := len(i.sources(zone)) > 0
	if r.Method == http.MethodDelete {
		_, off := disabled.get(zone)
		switch {
		case off:
			disabled.reset(zone)
		case has:
			err = fmt.Errorf("%s is not disabled", zone)
		}
		has = has || off
	} else if has {
		disabled.set(Disabled{Zone: zone, Since: time.Now().UTC().Truncate(time.Second), Reason: brief.Text(strings.TrimSpace(r.FormValue("reason")))})
	}
	if !has {
		admin.Reply(w, nil, http.StatusNotFound, i.unknown(zone))
		return
	}
	rebuildAll(zone)
	disabled.save(r.Context())
	admin.Reply(w, Switched{Disabled: disabled.list(), Unkept: disabled.unkept()}, http.StatusBadRequest, err)
}

// rebuildAll makes every block of the process that has a zone of that name consult it, or stop consulting it. A
// block that starts meanwhile has added itself to its sources before it makes its first set, and so sees the switch
// either way.
func rebuildAll(zone string) {
	pool.Lock()
	var all []*source
	for s := range pool.uses {
		if s.origin.zone == zone {
			all = append(all, s)
		}
	}
	pool.Unlock()
	for _, s := range all {
		s.rebuild()
	}
}

func (i *instance) serveExplain(w http.ResponseWriter, r *http.Request) {
	from, err := netip.ParseAddr(strings.TrimSpace(r.FormValue("from")))
	if err != nil {
		admin.Reply(w, nil, http.StatusBadRequest, fmt.Errorf("from: %q is not an IP address", r.FormValue("from")))
		return
	}
	name := r.FormValue("name")
	if _, ok := dns.IsDomainName(name); !ok || name == "" {
		admin.Reply(w, nil, http.StatusBadRequest, fmt.Errorf("name: %q is not a domain name", name))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerTime)
	defer cancel()
	all, err := i.explain(ctx, dns.Fqdn(name), from.Unmap().WithZone(""))
	admin.Reply(w, all, http.StatusServiceUnavailable, err)
}
