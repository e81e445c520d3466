package gobgp

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/osrg/gobgp/v4/api"

	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/session"
)

// Routes differ between peers in ways that a GoBGP path cannot express: only eBGP peers get
// prepends (an iBGP peer would see a loop), a next hop of the other family than the session's is
// per peer, and a peer whose session is about to be reset is drained individually. Peers also
// receive different sets of routes, and additional attributes. The export policy implements this.
// The path says how often to prepend, and that its local preference is its own, in large
// communities that never leave the speaker. Their first number is bgp.ReservedASN, which no other
// community has.
const (
	markPrepend = iota + 1
	markOwnPreference
)

// The policies' names; SetPolicies keeps the assignment of policies by name.
const (
	importPolicy = "import"
	exportPolicy = "export"
)

// protect accepts and exports only our own routes. GoBGP applies its import policy to our own paths
// as well: rejecting everything would drop them without an error.
func (s *Speaker) protect(ctx context.Context) error {
	export := s.export(nil)
	for _, set := range export.sets {
		if err := s.server.AddDefinedSet(ctx, &api.AddDefinedSetRequest{DefinedSet: set}); err != nil {
			return err
		}
	}
	for _, p := range export.policies() {
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

// rules are policy statements and the sets that they refer to.
type rules struct {
	sets       []*api.DefinedSet
	statements []*api.Statement
}

func (r *rules) add(more rules) {
	r.sets, r.statements = append(r.sets, more.sets...), append(r.statements, more.statements...)
}

// policies returns the policies, with the rules as the export policy.
func (r *rules) policies() []*api.Policy {
	return []*api.Policy{
		{Name: importPolicy, Statements: []*api.Statement{acceptOwn(importPolicy)}},
		{Name: exportPolicy, Statements: append(slices.Clone(r.statements), counted(acceptOwn(exportPolicy)))},
	}
}

// applyPolicy declares the policy for the current peers.
func (s *Speaker) applyPolicy() error {
	var known []*peer
	for _, p := range s.peers {
		if p.addr.IsValid() {
			known = append(known, p)
		}
	}
	slices.SortFunc(known, func(a, b *peer) int { return cmp.Compare(a.config.Name(), b.config.Name()) })
	r := s.export(known)
	if err := s.server.SetPolicies(s.ctx, &api.SetPoliciesRequest{DefinedSets: r.sets, Policies: r.policies()}); err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	return nil
}

// export returns the rules for the peers with known addresses.
func (s *Speaker) export(peers []*peer) (r rules) {
	r.add(s.selection.rules(peers))
	r.add(ranges(peers))
	for _, n := range s.prepends {
		r.add(s.prepend(n))
	}
	before, after := s.additions(peers)
	r.sets = append(r.sets, largeSet(ownPreference, mark(markOwnPreference, 1)), communitySet(gracefulShutdown, route.GracefulShutdown))
	r.add(before)
	r.statements = append(r.statements, unmark)
	r.add(after)
	r.add(exceptions(peers))
	return r
}

// canPrepend makes the policy support n prepends. It has statements only for the numbers that
// routes have used, because GoBGP evaluates every statement for each route and peer.
func (s *Speaker) canPrepend(n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n == 0 || slices.Contains(s.prepends, n) {
		return nil
	}
	s.prepends = append(s.prepends, n)
	err := s.applyPolicy()
	if err != nil {
		s.prepends = s.prepends[:len(s.prepends)-1]
	}
	return err
}

func prependName(n int) string { return fmt.Sprintf("prepend %d", n) }
func mark(kind, n int) string  { return fmt.Sprintf("%d:%d:%d", route.ReservedASN, kind, n) }

// Names of sets that several statements use.
const (
	ownPreference    = "own preference"
	gracefulShutdown = "graceful-shutdown"
)

func largeSet(name, text string) *api.DefinedSet {
	return &api.DefinedSet{DefinedType: api.DefinedType_DEFINED_TYPE_LARGE_COMMUNITY, Name: name, List: []string{"^" + text + "$"}}
}

// neighborSet matches the peers at the addresses. It drops the link of a link-local address,
// because GoBGP compares addresses without it.
func neighborSet(name string, addrs []netip.Addr) *api.DefinedSet {
	set := &api.DefinedSet{DefinedType: api.DefinedType_DEFINED_TYPE_NEIGHBOR, Name: name}
	for _, a := range addrs {
		set.List = append(set.List, netip.PrefixFrom(a.WithZone(""), a.BitLen()).String())
	}
	return set
}

func anyOf(name string) *api.MatchSet {
	return &api.MatchSet{Type: api.MatchSet_TYPE_ANY, Name: name}
}

var reject = &api.Actions{RouteAction: api.RouteAction_ROUTE_ACTION_REJECT}

// counted is acceptOwn with zero prepends: GoBGP 4.8 measures an AS_PATH before it prepends to it.
// Otherwise it would put more routes into an UPDATE than fit, and drop the message.
// TestARouterThatReconnectsGetsEveryRoute fails without this.
func counted(accept *api.Statement) *api.Statement {
	accept.Actions.AsPrepend = &api.AsPrependAction{Asn: route.ReservedASN, Repeat: 0}
	return accept
}

func acceptOwn(policy string) *api.Statement {
	return &api.Statement{
		Name:       policy + " own",
		Conditions: &api.Conditions{RouteType: api.Conditions_ROUTE_TYPE_LOCAL},
		Actions:    &api.Actions{RouteAction: api.RouteAction_ROUTE_ACTION_ACCEPT},
	}
}

// prepend applies to routes that are marked with n. To eBGP peers their path already has our AS
// number; to iBGP peers it is empty.
func (s *Speaker) prepend(n int) rules {
	return rules{[]*api.DefinedSet{largeSet(prependName(n), mark(markPrepend, n))}, []*api.Statement{{
		Name: prependName(n),
		Conditions: &api.Conditions{
			LargeCommunitySet: anyOf(prependName(n)),
			AsPathLength:      &api.AsPathLength{Type: api.Comparison_COMPARISON_GE, Length: 1},
		},
		Actions: &api.Actions{AsPrepend: &api.AsPrependAction{Asn: s.asn, Repeat: uint32(n)}},
	}}}
}

var unmark = &api.Statement{
	Name: "unmark",
	Actions: &api.Actions{LargeCommunity: &api.CommunityAction{
		Type: api.CommunityAction_TYPE_REMOVE, Communities: []string{fmt.Sprintf("^%d:", route.ReservedASN)},
	}},
}

// exception is what some peers are sent differently in their current state.
type exception struct {
	name    string // of the statement, and of the set of its peers
	of      *api.Conditions
	actions *api.Actions
	addrs   []netip.Addr
}

// exceptions returns the rules for peers in their current state. Peers that are sent the same share
// one.
func exceptions(peers []*peer) (r rules) {
	var all []*exception
	for _, p := range peers {
		for _, e := range p.exceptions() {
			i := slices.IndexFunc(all, func(o *exception) bool { return o.name == e.name })
			if i < 0 {
				i, all = len(all), append(all, e)
			}
			all[i].addrs = append(all[i].addrs, p.addr)
		}
	}
	for _, e := range all {
		e.of.NeighborSet = anyOf(e.name)
		r.sets = append(r.sets, neighborSet(e.name, e.addrs))
		r.statements = append(r.statements, &api.Statement{Name: e.name, Conditions: e.of, Actions: e.actions})
	}
	return r
}

// exceptions returns the exceptions for the peer.
func (p *peer) exceptions() (all []*exception) {
	except := func(name string, of *api.Conditions, actions *api.Actions) {
		all = append(all, &exception{name: name, of: of, actions: actions})
	}
	other := route.IPv4
	if p.config.Session() == route.IPv4 {
		other = route.IPv6
	}
	family := &api.Conditions{AfiSafiIn: []*api.Family{apiFamily(other)}}
	switch {
	case !p.config.Carries(other):
	case p.config.NextHop.IsValid():
		except(fmt.Sprintf("next hop %s of %s", p.config.NextHop, other), family, &api.Actions{Nexthop: &api.NexthopAction{Address: p.config.NextHop.String()}})
	case !p.extended:
		// RFC 8950, section 4: only to peers that have advertised the capability.
		except("no next hop of "+string(other), family, reject)
	}
	if p.config.External && p.asn == 0 { // only to peers known to be external
		except("not external", &api.Conditions{}, reject)
	}
	if p.leaving {
		// A draining route already has the community, and a local preference that is as low. GoBGP
		// does not accept 0.
		lacks := &api.Conditions{CommunitySet: &api.MatchSet{Type: api.MatchSet_TYPE_INVERT, Name: gracefulShutdown}}
		except("leaving", lacks, &api.Actions{
			Community: &api.CommunityAction{Type: api.CommunityAction_TYPE_ADD, Communities: []string{standard(route.GracefulShutdown)}},
			LocalPref: &api.LocalPrefAction{Value: session.LeavingPreference},
		})
	}
	return all
}
