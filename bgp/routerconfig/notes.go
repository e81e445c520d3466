package routerconfig

import (
	"fmt"
	"strings"

	"github.com/nearcast/nearcast/bgp"
)

// Notes are what whoever gives the router the text must know of the speaker, in lines.
func (s *session) Notes() []string {
	var all []string
	switch {
	case s.Guessed && len(s.Ranges) > 0:
		all = append(all,
			fmt.Sprintf("%s is guessed: the network of the router's own address, %s. If the", s.Ranges[0], s.Address),
			"speakers are elsewhere, print this again with --speakers.")
	case s.Guessed:
		all = append(all,
			fmt.Sprintf("%s is the speaker's router ID. Its configuration has no localAddress for this", s.Neighbours[0]),
			"peer: put the address here from which it connects.")
	}
	switch {
	case s.At != s.Link:
		all = append(all, fmt.Sprintf("%s stands for the link that the speaker calls %s: put the router's name for it here.", s.At, s.Link))
	case s.Link != "":
		all = append(all, s.Link+" is the speaker's name of the link: put the router's here.")
	}
	all = append(all, "What its routes carry:")
	for _, line := range s.Carried {
		all = append(all, "  "+line)
	}
	return all
}

// carried says in a line per state what the speaker's routes carry.
func (s *session) carried(states bgp.States) []string {
	return []string{
		"up: " + s.attributes(states.Up),
		"degraded: " + s.attributes(states.Degraded.Attributes),
		"draining: " + s.attributes(states.Draining.Attributes),
	}
}

// attributes are those of a state in words. The path is prepended for eBGP, and the
// local preference sent to iBGP.
func (s *session) attributes(a bgp.Attributes) string {
	var all []string
	if a.Prepend > 0 && !s.Internal {
		all = append(all, fmt.Sprintf("an AS path that is longer by %d", a.Prepend))
	}
	if a.MED != nil {
		all = append(all, fmt.Sprintf("MED %d", *a.MED))
	}
	if a.LocalPreference != nil && s.Internal {
		all = append(all, fmt.Sprintf("local preference %d", *a.LocalPreference))
	}
	if !a.Communities.IsZero() {
		all = append(all, "communities "+strings.Join(a.Communities.Texts(), " "))
	}
	if a.LinkBandwidth > 0 {
		all = append(all, "link bandwidth "+a.LinkBandwidth.String())
	}
	if len(all) == 0 {
		return "no more than an AS path"
	}
	return strings.Join(all, ", ")
}
