package bgp

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// GatewayFinder finds the routers of this machine's default routes, for peers with a Gateway.
type GatewayFinder interface {
	// Run calls changed with the routers of both families, now and whenever they change, until
	// ctx ends.
	Run(ctx context.Context, changed func(map[Family]Gateway))
}

// Gateway is what the default routes of a family lead to. It is immutable.
type Gateway struct {
	// Routers are those of the routes with the least metric, by address.
	Routers []Router
	// Problem is why there are none; "" where there are.
	Problem string
}

// Router is the next hop of a default route.
type Router struct {
	// Addr has a zone where it is link-local.
	Addr netip.Addr
	// Problem is why it cannot be a peer; "" where it can.
	Problem string
}

// gatewayName is how a peer with a Gateway is told from others: by its router too, once that
// is found.
func gatewayName(family Family, router string) string {
	if router == "" {
		return "gateway/" + string(family)
	}
	return "gateway/" + string(family) + "/" + router
}

// found are the sessions of a file with the routers of default routes.
type found struct {
	peers []Peer
	// lacking are the sessions that there cannot be, each with its problem.
	lacking []PeerStatus
	// notes say what was left out because the router has its session as another peer.
	notes []string
}

// find puts the routers of default routes in the place of each peer that has a Gateway.
func (c *Config) find(gateways map[Family]Gateway) (f found) {
	taken, others := c.taken(), c.others()
	for _, p := range c.Peers {
		if p.Gateway == "" {
			f.peers = append(f.peers, p)
			continue
		}
		gateway, known := gateways[p.Gateway]
		if !known {
			gateway.Problem = fmt.Sprintf("the default route of %s is looked for", p.Gateway)
		}
		if len(gateway.Routers) == 0 {
			f.lack(&p, NoGateway, gateway.Problem)
		}
		for _, r := range gateway.Routers {
			p.Address = r.Addr
			problem := cmp.Or(r.Problem, taken[r.Addr], c.faultOfRouter(r.Addr))
			switch other := cmp.Or(others[r.Addr.String()], others[r.Addr.Zone()]); {
			case problem != "":
				f.lack(&p, NotAPeer, problem)
			case other != "":
				f.notes = append(f.notes, fmt.Sprintf("%s: has its session as %s", p.Name(), other))
			default:
				f.peers = append(f.peers, p)
			}
		}
	}
	return f
}

func (f *found) lack(p *Peer, reason SessionReason, problem string) {
	st := PeerStatus{Gateway: p.Gateway, Group: p.Group, ASN: p.ASN, State: "idle", Reason: reason, Problem: problem, Export: p.Export()}
	if p.Address.IsValid() {
		st.Address = p.Address.String()
	}
	f.lacking = append(f.lacking, st)
}

// taken are the addresses that no router of a default route may have, with why.
func (c *Config) taken() map[netip.Addr]string {
	all := map[netip.Addr]string{}
	for _, place := range c.places() {
		if place.own {
			all[place.addr] = fmt.Sprintf("the default route leads to %s, which is %s (%s)", place.addr, place.what, place.key)
		}
	}
	for i := range c.VIPs {
		all[c.VIPs[i].Address] = fmt.Sprintf("the default route leads to %s, which is a VIP of this speaker (vips[%d])", c.VIPs[i].Address, i)
	}
	return all
}

// others are the peers that the file names itself, by address and by link.
func (c *Config) others() map[string]string {
	all := map[string]string{}
	for i := range c.Peers {
		if p := &c.Peers[i]; p.Gateway == "" {
			all[p.Name()] = fmt.Sprintf("the peer %s (peers[%d])", p.Name(), i)
		}
	}
	return all
}

// faultOfRouter is why the file has no session with a router at the address; "" where it can.
func (c *Config) faultOfRouter(a netip.Addr) string {
	i := slices.IndexFunc(c.Aggregates, func(g Aggregate) bool { return g.Prefix.Contains(a) })
	if i < 0 {
		return ""
	}
	return fmt.Sprintf("the default route leads to %s, which is in the aggregate %s and would be drawn here (aggregates[%d])", a, c.Aggregates[i].Prefix, i)
}

// findPeers declares the sessions of the file with the routers that default routes lead to, which are
// followed from the first file on that has any.
func (s *speaker) findPeers(dwell time.Duration) error {
	if s.Gateways != nil && !s.follows && slices.ContainsFunc(s.Config.Peers, func(p Peer) bool { return p.Gateway != "" }) {
		s.follows = true
		s.background.Go(func() { s.Gateways.Run(s.around, s.takeGateways) })
	}
	f := s.Config.find(s.gateways)
	said := s.found.said()
	for name, text := range f.said() {
		if said[name] != text {
			s.Log.Warn("no session with the router of a default route", "peer", name, "reason", text)
		}
	}
	for i := range f.peers {
		p := &f.peers[i]
		if p.Gateway != "" && !slices.ContainsFunc(s.found.peers, func(o Peer) bool { return o.Name() == p.Name() }) {
			s.Log.Info("the router of a default route is a peer", "peer", p.Name())
		}
	}
	s.found = f
	s.lacking.Store(&f.lacking)
	return s.Announcer.SetPeers(f.peers, dwell)
}

// said is what the log has of the sessions that there are not, by peer.
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

// withLacking returns the sessions and those that there cannot be, each name once: a session may end
// later than its router is found to be none.
func withLacking(sessions, lacking []PeerStatus) []PeerStatus {
	all := slices.Clone(sessions)
	for _, st := range lacking {
		if !slices.ContainsFunc(sessions, func(o PeerStatus) bool { return o.Name() == st.Name() }) {
			all = append(all, st)
		}
	}
	return all
}

// takeGateways takes the routers that default routes lead to now.
func (s *speaker) takeGateways(gateways map[Family]Gateway) {
	s.do(s.around, func() {
		s.gateways = gateways
		if err := s.findPeers(s.Config.States.Draining.Dwell); err != nil {
			s.Log.Error("peers", "error", err)
		}
		s.declare(time.Now())
	})
}
