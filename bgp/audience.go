package bgp

import (
	"slices"
	"strings"
)

// audience maps names in the file to peers, by Peer.Entry.
type audience struct {
	peers []Peer
	known map[string][]string // by the names in the file
}

// newAudience returns the audience of the peers.
func newAudience(peers []Peer) *audience {
	return &audience{peers: peers, known: map[string][]string{}}
}

// of returns the peers that names lists directly or by group, sorted; nil for all. The result is
// shared and immutable.
func (a *audience) of(names []string) []string {
	if len(names) == 0 {
		return nil
	}
	key := strings.Join(names, "\n")
	if all, ok := a.known[key]; ok {
		return all
	}
	all := []string{} // not nil, which would mean all peers
	for i := range a.peers {
		if p := &a.peers[i]; p.named(names) {
			all = append(all, p.Entry())
		}
	}
	slices.Sort(all)
	a.known[key] = all
	return all
}
