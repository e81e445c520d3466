package bgp

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/session"
)

// GatewayFinder finds the routers of this machine's default routes, for peers with a Gateway.
type GatewayFinder interface {
	// Run calls changed with the routers of both families, at the start and after each change,
	// until ctx ends.
	Run(ctx context.Context, changed func(map[route.Family]Gateway))
}

// Gateway holds the next hops of a family's default routes. It is immutable.
type Gateway struct {
	// Routers are the next hops of the routes with the lowest metric, by address.
	Routers []Router
	// Problem is why there are none; "" if there are.
	Problem string
}

// Router is the next hop of a default route.
type Router struct {
	// Addr has a zone if it is link-local.
	Addr netip.Addr
	// Problem is why it cannot be a peer; "" if it can.
	Problem string
}

// found holds the sessions of a file with the routers of default routes.
type found struct {
	peers []config.Peer
	// lacking are the sessions that are not possible, each with its problem.
	lacking []session.Status
	// notes list what was left out because the router already has a session as another peer.
	notes []string
}

// find replaces each peer that has a Gateway with the routers of the default routes.
func find(c *config.Config, gateways map[route.Family]Gateway) (f found) {
	taken, others := c.Taken(), c.PeersByName()
	for _, p := range c.Peers {
		if p.Gateway == "" {
			f.peers = append(f.peers, p)
			continue
		}
		gateway, known := gateways[p.Gateway]
		if !known {
			gateway.Problem = fmt.Sprintf("looking for the %s default route", p.Gateway)
		}
		if len(gateway.Routers) == 0 {
			f.lack(&p, session.NoGateway, gateway.Problem)
		}
		for _, r := range gateway.Routers {
			p.Address = r.Addr
			problem := cmp.Or(r.Problem, taken[r.Addr], c.FaultOfRouter(r.Addr))
			switch other := cmp.Or(others[r.Addr.String()], others[r.Addr.Zone()]); {
			case problem != "":
				f.lack(&p, session.NotAPeer, problem)
			case other != "":
				f.notes = append(f.notes, fmt.Sprintf("%s: its router already has a session as %s", p.Name(), other))
			default:
				f.peers = append(f.peers, p)
			}
		}
	}
	return f
}

func (f *found) lack(p *config.Peer, reason session.Reason, problem string) {
	st := session.Status{Gateway: p.Gateway, Group: p.Group, ASN: p.ASN, State: "idle", Reason: reason, Problem: problem, Export: p.Export()}
	if p.Address.IsValid() {
		st.Address = p.Address.String()
	}
	f.lacking = append(f.lacking, st)
}

// findPeers declares the sessions with the routers of default routes. It follows these routes from
// the first file on that uses them.
func (s *speaker) findPeers(dwell time.Duration) error {
	if s.Gateways != nil && !s.follows && slices.ContainsFunc(s.Config.Peers, func(p config.Peer) bool { return p.Gateway != "" }) {
		s.follows = true
		s.background.Go(func() { s.Gateways.Run(s.around, s.takeGateways) })
	}
	f := find(s.Config, s.gateways)
	said := s.found.said()
	for name, text := range f.said() {
		if said[name] != text {
			s.Log.Warn("cannot peer with the router of a default route", "peer", name, "reason", text)
		}
	}
	for i := range f.peers {
		p := &f.peers[i]
		if p.Gateway != "" && !slices.ContainsFunc(s.found.peers, func(o config.Peer) bool { return o.Name() == p.Name() }) {
			s.Log.Info("peering with the router of a default route", "peer", p.Name())
		}
	}
	s.found = f
	s.lacking.Store(&f.lacking)
	return s.Announcer.SetPeers(f.peers, dwell)
}

// said returns the log text for each session that is not possible, by peer.
func (f *found) said() map[string]string {
	all := map[string]string{}
	for _, st := range f.lacking {
		all[st.Name()] = st.Problem
	}
	for _, note := range f.notes {
		all[note] = note
	}
	return all
}

// withLacking merges the sessions with those that are not possible, each name once: a session may
// end after its router was found to be unusable.
func withLacking(sessions, lacking []session.Status) []session.Status {
	all := slices.Clone(sessions)
	for _, st := range lacking {
		if !slices.ContainsFunc(sessions, func(o session.Status) bool { return o.Name() == st.Name() }) {
			all = append(all, st)
		}
	}
	return all
}

// takeGateways takes the current routers of the default routes.
func (s *speaker) takeGateways(gateways map[route.Family]Gateway) {
	s.do(s.around, func() {
		s.gateways = gateways
		if err := s.findPeers(s.Config.States.Draining.Dwell); err != nil {
			s.Log.Error("peers", "error", err)
		}
		s.declare(time.Now())
	})
}
