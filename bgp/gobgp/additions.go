package gobgp

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"

	"github.com/osrg/gobgp/v4/api"
	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"github.com/nearcast/nearcast/bgp/route"
)

// class is a set of peers that the policy treats alike, so that they share statements: GoBGP
// evaluates all statements for every route and peer.
type class struct {
	like  *peer // any member
	addrs []netip.Addr
}

// classes groups the peers by the result of key.
func classes(peers []*peer, key func(*peer) any) []*class {
	var all []*class
	known := map[string]*class{}
	for _, p := range peers {
		text, _ := json.Marshal(key(p)) // values of these types always marshal
		c := known[string(text)]
		if c == nil {
			c = &class{like: p}
			known[string(text)] = c
			all = append(all, c)
		}
		c.addrs = append(c.addrs, p.addr)
	}
	return all
}

func (c *class) set(name string) *api.DefinedSet { return neighborSet(name, c.addrs) }

// additions returns the rules that add to the attributes of a route's state and VIP for some peers.
// The before rules run while routes are still marked, the after rules when they no longer are.
func (s *Speaker) additions(peers []*peer) (before, after rules) {
	var some []*peer
	for _, p := range peers {
		if p.config.Attributes != nil {
			some = append(some, p)
		}
	}
	key := func(p *peer) any {
		e := p.config.Export()
		e.VIPs = nil
		return struct {
			route.Export
			Internal bool
		}{e, p.config.ASN == s.asn}
	}
	for i, class := range classes(some, key) {
		name := fmt.Sprintf("added %d", i+1)
		before.sets = append(before.sets, class.set(name))
		export := class.like.config.Export()
		if class.like.config.ASN == s.asn {
			before.add(preferences(name, export.Preferences))
		} else if n := export.Attributes.Prepend; n > 0 {
			before.statements = append(before.statements, &api.Statement{
				Name: name + " prepend", Conditions: &api.Conditions{NeighborSet: anyOf(name)},
				Actions: &api.Actions{AsPrepend: &api.AsPrependAction{Asn: s.asn, Repeat: uint32(n)}},
			})
		}
		if export.Attributes.MED != nil {
			after.statements = append(after.statements, &api.Statement{
				Name: name + " med", Conditions: &api.Conditions{NeighborSet: anyOf(name)},
				Actions: &api.Actions{Med: &api.MedAction{Type: api.MedAction_TYPE_MOD, Value: int64(*export.Attributes.MED)}},
			})
		}
		after.add(communities(name, export.Attributes.Communities))
	}
	return before, after
}

// preferences returns the rules that change local preferences, in this order, except those that are
// a VIP's own.
func preferences(name string, all []route.Preference) (r rules) {
	for _, p := range all {
		r.statements = append(r.statements, &api.Statement{
			Name: fmt.Sprintf("%s preference %d", name, p.From),
			Conditions: &api.Conditions{
				NeighborSet:       anyOf(name),
				LargeCommunitySet: &api.MatchSet{Type: api.MatchSet_TYPE_INVERT, Name: ownPreference},
				LocalPrefEq:       &api.LocalPrefEq{Value: p.From},
			},
			Actions: &api.Actions{LocalPref: &api.LocalPrefAction{Value: p.To}},
		})
	}
	return r
}

// communities returns the rules that add each community to routes without it.
func communities(name string, c route.Communities) (r rules) {
	for _, text := range (route.Communities{Large: c.Large}).Texts() {
		set := name + " lacks " + text
		r.sets = append(r.sets, &api.DefinedSet{DefinedType: api.DefinedType_DEFINED_TYPE_LARGE_COMMUNITY, Name: set, List: []string{"^" + text + "$"}})
		r.statements = append(r.statements, &api.Statement{
			Name:       set,
			Conditions: &api.Conditions{NeighborSet: anyOf(name), LargeCommunitySet: &api.MatchSet{Type: api.MatchSet_TYPE_INVERT, Name: set}},
			Actions:    &api.Actions{LargeCommunity: &api.CommunityAction{Type: api.CommunityAction_TYPE_ADD, Communities: []string{text}}},
		})
	}
	for _, n := range c.Standard {
		text := standard(n)
		set := name + " lacks " + text
		r.sets = append(r.sets, communitySet(set, n))
		r.statements = append(r.statements, &api.Statement{
			Name:       set,
			Conditions: &api.Conditions{NeighborSet: anyOf(name), CommunitySet: &api.MatchSet{Type: api.MatchSet_TYPE_INVERT, Name: set}},
			Actions:    &api.Actions{Community: &api.CommunityAction{Type: api.CommunityAction_TYPE_ADD, Communities: []string{text}}},
		})
	}
	for _, e := range c.Extended { // no other route has these
		r.statements = append(r.statements, &api.Statement{
			Name:       name + " " + e.String(),
			Conditions: &api.Conditions{NeighborSet: anyOf(name)},
			Actions:    &api.Actions{ExtCommunity: &api.CommunityAction{Type: api.CommunityAction_TYPE_ADD, Communities: []string{extendedText(e)}}},
		})
	}
	return r
}

// extendedText returns a route target or site of origin in the form that GoBGP reads, with 32-bit
// numbers as asdot.
func extendedText(c route.ExtendedCommunity) string {
	text := c.String()
	if c[0] != byte(gobgp.EC_TYPE_TRANSITIVE_FOUR_OCTET_AS_SPECIFIC) {
		return text
	}
	name, _, _ := strings.Cut(text, ":")
	return fmt.Sprintf("%s:%d.%d:%d", name, binary.BigEndian.Uint16(c[2:]), binary.BigEndian.Uint16(c[4:]), binary.BigEndian.Uint16(c[6:]))
}

// standard returns a community in the form that GoBGP reads.
func standard(n uint32) string { return fmt.Sprintf("%d:%d", n>>16, n&0xffff) }

func communitySet(name string, n uint32) *api.DefinedSet {
	return &api.DefinedSet{DefinedType: api.DefinedType_DEFINED_TYPE_COMMUNITY, Name: name, List: []string{"^" + standard(n) + "$"}}
}
