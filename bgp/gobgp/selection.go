package gobgp

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/osrg/gobgp/v4/api"

	"github.com/nearcast/nearcast/bgp/route"
)

// audience is the set of peers that some routes are for. The export policy rejects its prefixes for
// all others, so a new peer receives none of them until the policy allows it.
type audience struct {
	name string   // in the policy
	to   []string // by config.Peer.Entry, sorted
	kept []string // by config.Peer.Name, sorted; of Speaker.kept
	// in holds the families for which the policy has prefixes.
	in map[route.Family]bool
}

func (a *audience) has(p *peer) bool {
	if a == nil {
		return true
	}
	_, has := slices.BinarySearch(a.to, p.config.Entry())
	return has || p.left && slices.Contains(a.kept, p.config.Name())
}

// selection records which peers get which routes. Speaker.mu guards it.
type selection struct {
	audiences map[string]*audience // by the names of their peers
	// of maps the prefixes that are not for all peers, including some that are not announced now.
	of    map[netip.Prefix]*audience
	made  int  // number of audiences created, for their names
	stale bool // the policy may be out of date
	// concerned are peers whose routes must be resent.
	concerned []*peer
}

func newSelection() selection {
	return selection{audiences: map[string]*audience{}, of: map[netip.Prefix]*audience{}}
}

// concern marks the peer to be sent its routes again.
func (s *selection) concern(p *peer) {
	if !slices.Contains(s.concerned, p) {
		s.concerned = append(s.concerned, p)
	}
}

// audience returns the audience of the names and of the peers that are kept; nil for all peers.
func (s *selection) audience(to, kept []string) *audience {
	if to == nil {
		return nil
	}
	key := strings.Join(to, "\n") + "\n\n" + strings.Join(kept, "\n")
	a := s.audiences[key]
	if a == nil {
		s.made++
		a = &audience{name: fmt.Sprintf("audience %d", s.made), to: to, kept: kept, in: map[route.Family]bool{}}
		s.audiences[key] = a
	}
	return a
}

// take records which peers the routes are for, and for which others they are kept. It returns the
// prefixes to add to audiences in the policy, or all = true if the policy must be rebuilt.
func (s *selection) take(routes []route.Route, kept func(was *audience, r *route.Route) []string, moved func(prefix netip.Prefix, was, is *audience)) (added map[*audience][]netip.Prefix, all bool) {
	added, all = map[*audience][]netip.Prefix{}, s.stale
	for i := range routes {
		prefix, was := routes[i].Prefix, s.of[routes[i].Prefix]
		if was == nil && routes[i].To == nil || was != nil && routes[i].To != nil && slices.Equal(was.to, routes[i].To) {
			continue
		}
		is := s.audience(routes[i].To, kept(was, &routes[i]))
		moved(prefix, was, is)
		if s.of[prefix] = is; is == nil {
			delete(s.of, prefix)
		}
		if was != nil || !is.in[route.FamilyOf(prefix.Addr())] {
			all = true
			continue
		}
		added[is] = append(added[is], prefix)
	}
	return added, all
}

// prune forgets prefixes that are not announced, and audiences without prefixes.
func (s *selection) prune(announced map[netip.Prefix]bool) {
	maps.DeleteFunc(s.of, func(prefix netip.Prefix, _ *audience) bool { return !announced[prefix] })
	used := map[*audience]bool{}
	for _, a := range s.of {
		used[a] = true
	}
	maps.DeleteFunc(s.audiences, func(_ string, a *audience) bool { return !used[a] })
}

// choose updates the export policy to the audiences of the routes. A route that changes state or
// returns causes no update.
func (s *Speaker) choose(routes []route.Route) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	added, all := s.selection.take(routes, s.kept, func(prefix netip.Prefix, was, is *audience) {
		if _, announced := s.announced[prefix]; !announced {
			return // it is sent as its audience requires
		}
		for _, p := range s.peers {
			e := p.config.Export()
			if was.has(p) != is.has(p) && p.config.Carries(route.FamilyOf(prefix.Addr())) && e.Takes(prefix) {
				s.selection.concern(p)
			}
		}
	})
	s.selection.stale = true
	if all {
		used := make(map[netip.Prefix]bool, len(routes))
		for _, r := range routes {
			used[r.Prefix] = true
		}
		for prefix := range s.announced { // could not be withdrawn
			used[prefix] = true
		}
		s.selection.prune(used)
		err = s.applyPolicy()
	} else {
		err = s.addPrefixes(added)
	}
	s.selection.stale = err != nil
	return err
}

// sendAgain resends the concerned peers their routes under the current policy, and withdraws those
// that are not for them. Peers that fail are retried. s.mu is held.
func (s *Speaker) sendAgain() error {
	var errs []error
	s.selection.concerned = slices.DeleteFunc(s.selection.concerned, func(p *peer) bool {
		err := s.softReset(p)
		errs = append(errs, err)
		return err == nil
	})
	return errors.Join(errs...)
}

// sendToConcerned resends the concerned peers their routes.
func (s *Speaker) sendToConcerned() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sendAgain()
}

// addPrefixes adds prefixes to audiences that are already in the policy.
func (s *Speaker) addPrefixes(added map[*audience][]netip.Prefix) error {
	for a, prefixes := range added {
		for _, family := range []route.Family{route.IPv4, route.IPv6} {
			set := prefixSet(a.name, family, prefixes, false)
			if len(set.Prefixes) == 0 {
				continue
			}
			if err := s.server.AddDefinedSet(s.ctx, &api.AddDefinedSetRequest{DefinedSet: set}); err != nil {
				return fmt.Errorf("policy: %w", err)
			}
		}
	}
	return nil
}

// rules returns the rules of all audiences.
func (s *selection) rules(peers []*peer) (r rules) {
	prefixes := map[*audience][]netip.Prefix{}
	for prefix, a := range s.of {
		prefixes[a] = append(prefixes[a], prefix)
	}
	for _, key := range slices.Sorted(maps.Keys(s.audiences)) {
		a := s.audiences[key]
		r.sets = append(r.sets, neighborSet(a.name, a.members(peers)))
		clear(a.in)
		for _, family := range []route.Family{route.IPv4, route.IPv6} {
			set := prefixSet(a.name, family, prefixes[a], false)
			if len(set.Prefixes) == 0 {
				continue
			}
			a.in[family] = true
			r.sets = append(r.sets, set)
			r.statements = append(r.statements, &api.Statement{
				Name: "all but " + set.Name,
				Conditions: &api.Conditions{
					PrefixSet:   &api.MatchSet{Type: api.MatchSet_TYPE_ANY, Name: set.Name},
					NeighborSet: &api.MatchSet{Type: api.MatchSet_TYPE_INVERT, Name: a.name},
				},
				Actions: reject,
			})
		}
	}
	return r
}

// members returns the addresses of the audience's peers. It omits an address that a peer outside
// the audience has on another link, because the policy cannot distinguish links.
func (a *audience) members(peers []*peer) []netip.Addr {
	var all, others []netip.Addr
	for _, p := range peers {
		if at := p.addr.WithZone(""); a.has(p) {
			all = append(all, at)
		} else {
			others = append(others, at)
		}
	}
	return slices.DeleteFunc(all, func(at netip.Addr) bool { return slices.Contains(others, at) })
}

// ranges returns the rules for peers that are sent only routes in some prefixes.
func ranges(peers []*peer) (r rules) {
	limited := slices.DeleteFunc(slices.Clone(peers), func(p *peer) bool { return len(p.config.VIPs) == 0 })
	for i, class := range classes(limited, func(p *peer) any { return p.config.VIPs }) {
		name := fmt.Sprintf("limited %d", i+1)
		r.sets = append(r.sets, class.set(name))
		for _, family := range []route.Family{route.IPv4, route.IPv6} {
			c := &api.Conditions{NeighborSet: anyOf(name)}
			if set := prefixSet(name, family, class.like.config.VIPs, true); len(set.Prefixes) > 0 {
				r.sets = append(r.sets, set)
				c.PrefixSet = &api.MatchSet{Type: api.MatchSet_TYPE_INVERT, Name: set.Name}
			} else {
				c.AfiSafiIn = []*api.Family{apiFamily(family)}
			}
			r.statements = append(r.statements, &api.Statement{Name: name + " " + string(family), Conditions: c, Actions: reject})
		}
	}
	return r
}

// prefixSet returns the prefixes of the family; with longer, also more specific ones.
func prefixSet(name string, family route.Family, prefixes []netip.Prefix, longer bool) *api.DefinedSet {
	set := &api.DefinedSet{DefinedType: api.DefinedType_DEFINED_TYPE_PREFIX, Name: name + " " + string(family)}
	for _, prefix := range prefixes {
		if route.FamilyOf(prefix.Addr()) != family {
			continue
		}
		one := &api.Prefix{IpPrefix: prefix.String(), MaskLengthMin: uint32(prefix.Bits()), MaskLengthMax: uint32(prefix.Bits())}
		if longer {
			one.MaskLengthMax = uint32(prefix.Addr().BitLen())
		}
		set.Prefixes = append(set.Prefixes, one)
	}
	return set
}
