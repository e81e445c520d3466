package config

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"

	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/vip"
)

// Sending is what some peers are sent for some routes in one state.
type Sending struct {
	State vip.State
	// Of names the VIPs, the aggregates, and the pools of Services' VIPs that are sent this way.
	Of []string
	// All is set if these are all in the file.
	All   bool
	Peers []*Peer
	// Internal: the peers are iBGP.
	Internal   bool
	Attributes route.Attributes
}

// Sendings returns what each peer is sent in each announced state. Routes and peers with the same
// result share one Sending.
func (c *Config) Sendings() []Sending {
	var all []Sending
	routes, kinds := c.alike(), c.kinds()
	for _, state := range []vip.State{vip.Up, vip.Degraded, vip.Draining} {
		for _, r := range routes {
			first, known := map[string]int{}, map[string]int{} // by kind of peer, and by what is sent
			for _, p := range r.peers {
				i, is := first[kinds[p]]
				if !is {
					e, internal := p.Export(), p.ASN == c.ASN
					sent := e.Sent(*c.States.Of(state, r.attributes), r.attributes.SetsPreference(), internal)
					key := fmt.Sprintf("%t %s", internal, keyOf(sent))
					if i, is = known[key]; !is {
						i = len(all)
						all = append(all, Sending{State: state, Of: r.of, All: len(routes) == 1, Internal: internal, Attributes: sent})
					}
					first[kinds[p]], known[key] = i, i
				}
				all[i].Peers = append(all[i].Peers, p)
			}
		}
	}
	return all
}

// kinds maps each peer to a key that is equal for peers with equal additions.
func (c *Config) kinds() map[*Peer]string {
	all := make(map[*Peer]string, len(c.Peers))
	for i := range c.Peers {
		p := &c.Peers[i]
		e := p.Export()
		e.VIPs = nil
		all[p] = fmt.Sprintf("%t %s", p.ASN == c.ASN, keyOf(e))
	}
	return all
}

// routesAlike are routes of the file with the same attributes and the same recipients.
type routesAlike struct {
	of         []string
	attributes *route.Attributes
	peers      []*Peer
}

// alike groups all routes of the file or, if it has none, all that it could have.
func (c *Config) alike() []*routesAlike {
	var all []*routesAlike
	known := map[string]*routesAlike{}
	for _, s := range c.sources() {
		for _, prefix := range s.prefixes {
			var peers []*Peer
			var names []string
			for i := range c.Peers {
				if p := &c.Peers[i]; s.goesTo(p, prefix) {
					peers, names = append(peers, p), append(names, p.Name())
				}
			}
			key := keyOf(s.attributes) + strings.Join(names, " ")
			r := known[key]
			if r == nil {
				r = &routesAlike{attributes: s.attributes, peers: peers}
				known[key] = r
				all = append(all, r)
			}
			r.of = append(r.of, short(prefix))
		}
	}
	if len(all) > 0 {
		return all
	}
	every := &routesAlike{}
	for i := range c.Peers {
		every.peers = append(every.peers, &c.Peers[i])
	}
	return []*routesAlike{every}
}

// keyOf returns the same string for equal values.
func keyOf(v any) string {
	text, _ := json.Marshal(v) // attributes always marshal
	return string(text)
}

// short formats a prefix; a single address is written without its length.
func short(prefix netip.Prefix) string {
	if prefix.IsSingleIP() {
		return prefix.Addr().String()
	}
	return prefix.String()
}

// Offered is a prefix for which a peer may be sent routes.
type Offered struct {
	netip.Prefix
	// Pool is set if routes to single addresses inside it are meant.
	Pool bool
}

// Offered returns the prefixes for which the peer may be sent routes.
func (c *Config) Offered(p *Peer) []Offered {
	var all []Offered
	for _, s := range c.sources() {
		for _, prefix := range s.prefixes {
			switch {
			case !s.goesTo(p, prefix):
			case !s.pool:
				all = append(all, Offered{prefix, false})
			default:
				for _, part := range p.parts(prefix) {
					all = append(all, Offered{part, !part.IsSingleIP()})
				}
			}
		}
	}
	return all
}

// parts returns the parts of the prefix that the peer accepts.
func (p *Peer) parts(prefix netip.Prefix) []netip.Prefix {
	if len(p.VIPs) == 0 {
		return []netip.Prefix{prefix}
	}
	var all []netip.Prefix
	for _, in := range p.VIPs {
		switch {
		case route.Inside(prefix, in):
			return []netip.Prefix{prefix}
		case route.Inside(in, prefix):
			all = append(all, in)
		}
	}
	return all
}
