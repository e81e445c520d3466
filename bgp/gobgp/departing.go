package gobgp

import (
	"slices"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
)

// A peer that was removed from the file receives its routes until it is drained and ends, even if a
// VIP already names its replacement, which may not be there yet.

// leave records which peers the file has. A peer that is back is sent what the file says; one whose
// session never began is forgotten.
func (s *Speaker) leave(file []config.Peer) {
	in := make(map[string]bool, len(file))
	for i := range file {
		in[file[i].Name()] = true
	}
	for name, p := range s.peers {
		if p.left && in[name] {
			s.selection.concern(p)
		}
		p.left = !in[name]
		if p.left && !p.begun { // it waited while its router had a session by another name
			delete(s.peers, name)
		}
	}
	s.selection.drop(in)
}

// kept returns the peers that were removed from the file and that received the route as part of its
// previous audience, by config.Peer.Name, sorted.
func (s *Speaker) kept(was *audience, r *route.Route) []string {
	if _, announced := s.announced[r.Prefix]; !announced {
		return nil
	}
	var all []string
	for name, p := range s.peers {
		if p.left && was.has(p) {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

// keptFor returns the prefixes that are kept for the peer, sorted.
func (s *selection) keptFor(p *peer) []string {
	if !p.left {
		return nil
	}
	var all []string
	for prefix, a := range s.of {
		if slices.Contains(a.kept, p.config.Name()) && !slices.Contains(a.to, p.config.Entry()) {
			all = append(all, prefix.String())
		}
	}
	slices.Sort(all)
	return all
}

// drop stops keeping routes for the peers, by config.Peer.Name.
func (s *selection) drop(names map[string]bool) {
	for prefix, a := range s.of {
		kept := slices.DeleteFunc(slices.Clone(a.kept), func(name string) bool { return names[name] })
		if len(kept) != len(a.kept) {
			s.of[prefix] = s.audience(a.to, kept)
		}
	}
}
