package gobgp

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/osrg/gobgp/v4/api"
	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"github.com/nearcast/nearcast/bgp/outage"
	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/session"
	"github.com/nearcast/nearcast/internal/base/seconds"
)

// Peers implements bgp.Announcer.
func (s *Speaker) Peers() []session.Status {
	sessions := map[string]*api.Peer{}
	s.eachPeer("", func(p *api.Peer) { sessions[p.State.NeighborAddress] = p })
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []session.Status
	for _, p := range s.peers {
		all = append(all, s.status(p, sessions[p.addr.String()]))
	}
	slices.SortFunc(all, func(a, b session.Status) int {
		return cmp.Or(strings.Compare(a.Interface, b.Interface), cmp.Compare(a.Gateway, b.Gateway), strings.Compare(a.Address, b.Address))
	})
	return all
}

// status returns the peer's status with the session as GoBGP sees it, which may be nil.
func (s *Speaker) status(p *peer, seen *api.Peer) session.Status {
	st := session.Status{
		Interface: p.config.Interface, Gateway: p.config.Gateway, Group: p.config.Group, ASN: p.config.ASN, State: "idle",
		Export: p.config.Export(), Leaving: p.leaving,
		Change: s.turns.Status(p.config.Name(), time.Now()),
		Kept:   s.selection.keptFor(p),
	}
	if p.addr.IsValid() {
		st.Address = p.addr.String()
	} else if p.config.Address.IsValid() { // it has not begun
		st.Address = p.config.Address.String()
	}
	if seen != nil {
		// The API counts states from one, GoBGP's packet code from zero.
		st.State = stateName(gobgp.FSMState(seen.State.SessionState - 1))
		st.BFD = bfdState(seen)
	}
	if seen == nil || !isEstablished(seen) {
		s.explain(p, &st)
		return st
	}
	if p.config.External {
		if st.ASN = seen.State.PeerAsn; st.ASN == s.asn {
			st.Reason, st.Problem = session.NotExternal, fmt.Sprintf("the router is in AS %d, like this speaker, but the file has asn: external; nothing is announced to it: set asn: %[1]d in the file for iBGP, or another AS on the router", s.asn)
			return st
		}
	}
	if at := seen.GetTimers().GetState().GetUptime(); at != nil {
		st.Uptime = seconds.Duration(time.Since(at.AsTime()).Round(time.Second))
	}
	for _, a := range seen.AfiSafis {
		st.Received += a.GetState().GetReceived()
	}
	for _, f := range p.config.Families {
		switch {
		case !speaks(seen, f):
			st.Reason, st.Problem = session.NoFamily, fmt.Sprintf("the router did not negotiate %s: activate the neighbor for %[1]s unicast on the router, or remove it from families in the file", f)
		case f == route.IPv4 && p.config.Session() == route.IPv6 && !p.config.NextHop.IsValid() && !p.extended:
			st.Reason, st.Problem = session.NoNextHop, "the router does not accept IPv6 next hops for IPv4 routes (RFC 8950), so they are not announced to it: enable that on the router (FRR: capability extended-nexthop; BIRD: extended next hop on), or set nextHop in the file"
		default:
			st.Families = append(st.Families, string(f))
		}
	}
	if st.Problem == "" && seen.GetTimers().GetState().GetNegotiatedHoldTime() == 0 {
		st.Reason, st.Problem = session.NoHoldTime, "the router offers a hold time of 0: neither end sends KEEPALIVEs, so a router that hangs goes unnoticed; set a hold time of at least 3 s on the router (FRR: timers 3 9; BIRD: hold time 9)"
	}
	return st
}

// explain says why the session is down. s.mu is held.
func (s *Speaker) explain(p *peer, st *session.Status) {
	t := &p.trouble
	if t.since.IsZero() {
		return // it is up, or its loss was not noticed yet
	}
	st.Outage = &session.Outage{Since: t.since, Attempts: t.attempts}
	if t.parked() {
		st.Outage.NextTry = t.retry.Add(firstDial)
	}
	if p.problem != "" {
		st.Problem, st.Reason = p.problem, session.NotAdded
		if !p.added && p.config.Interface != "" {
			st.Reason = session.NoNeighbour
		}
	}
	if !p.addr.IsValid() {
		return
	}
	seen, failed := s.notesOf(p).seen()
	switch {
	case failed && t.subject.Peer != nil:
		v := outage.Since(outage.Explain(t.subject, seen), t.reported)
		st.Problem, st.Reason = strings.TrimPrefix(st.Problem+"; "+v.Text, "; "), v.Reason
		st.Outage.Received, st.Outage.Sent, st.Outage.Connection = v.Received, v.Sent, v.Connection
	case p.config.Passive:
		st.Reason, st.Problem = session.Waiting, fmt.Sprintf("the router has not connected, and this speaker waits for it (passive); configure the router to connect to port %d of this speaker's address", s.listens)
	}
}

// UpdatesSent implements bgp.Announcer.
func (s *Speaker) UpdatesSent() (n uint64) {
	s.eachPeer("", func(p *api.Peer) { n += p.State.GetMessages().GetSent().GetUpdate() })
	return n
}

func (s *Speaker) isEstablished(addr netip.Addr) (yes bool) {
	s.eachPeer(addr.String(), func(p *api.Peer) { yes = isEstablished(p) })
	return yes
}

// extendedNextHop reports whether the peer's session accepts IPv6 next hops for IPv4 routes.
func (s *Speaker) extendedNextHop(addr netip.Addr) (yes bool) {
	s.eachPeer(addr.String(), func(p *api.Peer) { yes = takesExtendedNextHop(p) })
	return yes
}

// routerASN returns the AS number in the peer's OPEN; 0 for none.
func (s *Speaker) routerASN(addr netip.Addr) (asn uint32) {
	s.eachPeer(addr.String(), func(p *api.Peer) { asn = p.State.PeerAsn })
	return asn
}

// eachPeer calls fn with GoBGP's session with the address; "" selects all sessions.
func (s *Speaker) eachPeer(addr string, fn func(*api.Peer)) {
	// It fails only if the server has stopped and has no peers.
	_ = s.server.ListPeer(context.Background(), &api.ListPeerRequest{Address: addr}, func(p *api.Peer) {
		if p.State != nil {
			fn(p)
		}
	})
}

func isEstablished(p *api.Peer) bool {
	return p.State.SessionState == api.PeerState_SESSION_STATE_ESTABLISHED
}

func bfdState(p *api.Peer) string {
	if p.State.BfdState == nil || !p.GetBfd().GetEnabled() {
		return ""
	}
	return strings.ToLower(strings.TrimPrefix(p.State.BfdState.SessionState.String(), "BFD_SESSION_STATE_"))
}

// speaks reports whether the peer has advertised the family. A peer that advertises none speaks
// IPv4 (RFC 4760).
func speaks(p *api.Peer, f route.Family) bool {
	named := false
	for _, c := range p.State.RemoteCap {
		if mp := c.GetMultiProtocol(); mp != nil {
			named = true
			if equalFamily(mp.Family, f) {
				return true
			}
		}
	}
	return !named && f == route.IPv4
}

// takesExtendedNextHop reports whether the peer has advertised RFC 8950 for IPv4.
func takesExtendedNextHop(p *api.Peer) bool {
	for _, c := range p.State.RemoteCap {
		for _, t := range c.GetExtendedNexthop().GetTuples() {
			if equalFamily(t.NlriFamily, route.IPv4) && t.GetNexthopFamily().GetAfi() == api.Family_AFI_IP6 {
				return true
			}
		}
	}
	return false
}

func equalFamily(a *api.Family, f route.Family) bool {
	b := apiFamily(f)
	return a.GetAfi() == b.Afi && a.GetSafi() == b.Safi
}

// stateName is RFC 4271's name in lower case.
func stateName(s gobgp.FSMState) string {
	return strings.ToLower(strings.TrimPrefix(s.String(), "BGP_FSM_"))
}

// quiet passes on GoBGP's warnings; its info level logs every message.
func quiet(log *slog.Logger) *slog.Logger {
	return slog.New(levelHandler{log.Handler()})
}

type levelHandler struct{ slog.Handler }

func (h levelHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}

func (h levelHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return levelHandler{h.Handler.WithAttrs(attrs)}
}

func (h levelHandler) WithGroup(name string) slog.Handler {
	return levelHandler{h.Handler.WithGroup(name)}
}
