package config

import (
	"slices"
	"strings"
)

// Audience maps names in the file to peers, by Peer.Entry.
type Audience struct {
	peers []Peer
	known map[string][]string // by the names in the file
}

// NewAudience returns the audience of the peers.
func NewAudience(peers []Peer) *Audience {
	return &Audience{peers: peers, known: map[string][]string{}}
}

// Of returns the peers that names lists directly or by group, sorted; nil for all. The result is
// shared and immutable.
func (a *Audience) Of(names []string) []string {
	if len(names) == 0 {
		return nil
	}
	key := strings.Join(names, "\n")
	if all, ok := a.known[key]; ok {
		return all
	}
	all := []string{} // not nil, which would mean all peers
	for i := range a.peers {
		if p := &a.peers[i]; p.Named(names) {
			all = append(all, p.Entry())
		}
	}
	slices.Sort(all)
	a.known[key] = all
	return all
}
