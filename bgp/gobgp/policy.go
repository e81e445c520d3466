package gobgp

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/osrg/gobgp/v4/api"

	"github.com/nearcast/nearcast/bgp"
)

// What a route carries differs between peers in ways that a path of GoBGP's
// cannot: prepends are for eBGP alone (an iBGP peer would see a loop), a next hop
// of the other family than the session's is per peer, and a peer whose session is
// about to be reset is drained alone. The export policy makes these; the path
// says with a large community, which never leaves, how often to prepend. The
// community's first number is bgp.ReservedASN, which no other has.
const markPrepend = 1

// The policies' names; SetPolicies keeps their assignment by these.
const (
	importPolicy = "import"
	exportPolicy = "export"
)

// protect lets our own routes in and out, and nobody else's. GoBGP's import
// policy applies to our own paths as well: rejecting all would drop them, and
// without an error.
func (s *Speaker) protect(ctx context.Context) error {
	for _, set := range s.definedSets(nil) {
		if err := s.server.AddDefinedSet(ctx, &api.AddDefinedSetRequest{DefinedSet: set}); err != nil {
			return err
		}
	}
	for _, p := range s.policies(nil) {
		if err := s.server.AddPolicy(ctx, &api.AddPolicyRequest{Policy: p}); err != nil {
			return err
		}
	}
	for name, direction := range map[string]api.PolicyDirection{
		importPolicy: api.PolicyDirection_POLICY_DIRECTION_IMPORT, exportPolicy: api.PolicyDirection_POLICY_DIRECTION_EXPORT,
	} {
		err := s.server.SetPolicyAssignment(ctx, &api.SetPolicyAssignmentRequest{Assignment: &api.PolicyAssignment{
			Name: "global", Direction: direction, Policies: []*api.Policy{{Name: name}},
			DefaultAction: api.RouteAction_ROUTE_ACTION_REJECT,
		}})
		if err != nil {
			return err
		}
	}
	return nil
}

// exception is what a peer is told differently.
type exception struct {
	name string // of the statement
	addr netip.Addr
	// family is "" for both.
	family  bgp.Family
	actions *api.Actions
}

// setPolicy declares the whole policy with the exceptions.
func (s *Speaker) setPolicy(all []exception) error {
	return s.server.SetPolicies(s.ctx, &api.SetPoliciesRequest{DefinedSets: s.definedSets(all), Policies: s.policies(all)})
}

func (s *Speaker) definedSets(all []exception) []*api.DefinedSet {
	var sets []*api.DefinedSet
	for n := 1; n <= bgp.MaxPrepend; n++ {
		sets = append(sets, &api.DefinedSet{
			DefinedType: api.DefinedType_DEFINED_TYPE_LARGE_COMMUNITY, Name: prependName(n), List: []string{"^" + mark(n) + "$"},
		})
	}
	for _, e := range all {
		sets = append(sets, &api.DefinedSet{
			DefinedType: api.DefinedType_DEFINED_TYPE_NEIGHBOR, Name: e.name, List: []string{netip.PrefixFrom(e.addr.WithZone(""), e.addr.BitLen()).String()},
		})
	}
	return sets
}

func prependName(n int) string { return fmt.Sprintf("prepend %d", n) }
func mark(n int) string        { return fmt.Sprintf("%d:%d:%d", bgp.ReservedASN, markPrepend, n) }

func (s *Speaker) policies(all []exception) []*api.Policy {
	var export []*api.Statement
	for n := 1; n <= bgp.MaxPrepend; n++ {
		export = append(export, s.prepend(n))
	}
	export = append(export, unmark)
	for _, e := range all {
		export = append(export, e.statement())
	}
	return []*api.Policy{
		{Name: importPolicy, Statements: []*api.Statement{acceptOwn(importPolicy)}},
		{Name: exportPolicy, Statements: append(export, acceptOwn(exportPolicy))},
	}
}

func acceptOwn(policy string) *api.Statement {
	return &api.Statement{
		Name:       policy + " own",
		Conditions: &api.Conditions{RouteType: api.Conditions_ROUTE_TYPE_LOCAL},
		Actions:    &api.Actions{RouteAction: api.RouteAction_ROUTE_ACTION_ACCEPT},
	}
}

// prepend is for routes that are marked so. Towards eBGP their path has our number
// by now, and towards iBGP it is empty.
func (s *Speaker) prepend(n int) *api.Statement {
	return &api.Statement{
		Name: prependName(n),
		Conditions: &api.Conditions{
			LargeCommunitySet: &api.MatchSet{Type: api.MatchSet_TYPE_ANY, Name: prependName(n)},
			AsPathLength:      &api.AsPathLength{Type: api.Comparison_COMPARISON_GE, Length: 1},
		},
		Actions: &api.Actions{AsPrepend: &api.AsPrependAction{Asn: s.asn, Repeat: uint32(n)}},
	}
}

var unmark = &api.Statement{
	Name: "unmark",
	Actions: &api.Actions{LargeCommunity: &api.CommunityAction{
		Type: api.CommunityAction_TYPE_REMOVE, Communities: []string{fmt.Sprintf("^%d:", bgp.ReservedASN)},
	}},
}

func (e exception) statement() *api.Statement {
	c := &api.Conditions{NeighborSet: &api.MatchSet{Type: api.MatchSet_TYPE_ANY, Name: e.name}}
	if e.family != "" {
		c.AfiSafiIn = []*api.Family{apiFamily(e.family)}
	}
	return &api.Statement{Name: e.name, Conditions: c, Actions: e.actions}
}

// exceptions are those of a peer as it is now.
func (p *peer) exceptions() []exception {
	var all []exception
	other := bgp.IPv4
	if p.config.Session() == bgp.IPv4 {
		other = bgp.IPv6
	}
	switch {
	case !p.config.Carries(other):
	case p.config.NextHop.IsValid():
		all = append(all, exception{"next hop of " + p.config.Name(), p.addr, other, &api.Actions{
			Nexthop: &api.NexthopAction{Address: p.config.NextHop.String()},
		}})
	case !p.extended:
		// RFC 8950, section 4: only to whom has said that it understands.
		all = append(all, exception{"no next hop for " + p.config.Name(), p.addr, other, &api.Actions{
			RouteAction: api.RouteAction_ROUTE_ACTION_REJECT,
		}})
	}
	if p.leaving {
		all = append(all, exception{"leaving " + p.config.Name(), p.addr, "", &api.Actions{
			Community: &api.CommunityAction{Type: api.CommunityAction_TYPE_ADD, Communities: []string{fmt.Sprintf("%d:%d", bgp.GracefulShutdown>>16, bgp.GracefulShutdown&0xffff)}},
			LocalPref: &api.LocalPrefAction{Value: 0},
		}})
	}
	return all
}
