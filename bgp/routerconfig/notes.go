package routerconfig

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/vip"
)

// Notes returns lines with what the person who configures the router must know about the speaker.
func (s *session) Notes() []string {
	var all []string
	switch {
	case s.Guessed && len(s.Ranges) > 0:
		all = append(all,
			fmt.Sprintf("%s is guessed: the network of the router's own address, %s. If the", s.Ranges[0], s.Address),
			"speakers are elsewhere, run this again with --speakers.")
	case s.Guessed:
		all = append(all,
			fmt.Sprintf("%s is the speaker's router ID. Its configuration has no localAddress for this", s.Neighbours[0]),
			"peer: replace it with the address from which it connects.")
	}
	switch {
	case s.At != s.Link:
		all = append(all, fmt.Sprintf("%s stands for the link that the speaker calls %s: replace it with the router's name of the link.", s.At, s.Link))
	case s.Link != "" && !s.OwnLink:
		all = append(all, s.Link+" is the speaker's name of the link: replace it with the router's.")
	}
	all = append(all, "Attributes of its routes:")
	for _, line := range s.Carried {
		all = append(all, "  "+line)
	}
	return all
}

// mostCarried limits the lines about what routes carry: thousands of VIPs may have attributes of
// their own.
const mostCarried = 12

// carried describes what the speaker's routes carry at the peer, in a line per state, or one for
// each kind of route if they differ. weighted reports whether any has a link bandwidth.
func (s *session) carried(c *config.Config, p *config.Peer) (lines []string, weighted bool) {
	type kind struct {
		state vip.State
		text  string
	}
	var kinds []kind
	of, count := map[kind][]string{}, map[vip.State]int{}
	for _, sent := range c.Sendings() {
		if !slices.ContainsFunc(sent.Peers, func(o *config.Peer) bool { return o.Name() == p.Name() }) {
			continue
		}
		weighted = weighted || sent.Attributes.LinkBandwidth > 0
		k := kind{sent.State, s.attributes(sent.Attributes)}
		if _, known := of[k]; !known {
			kinds = append(kinds, k)
			count[k.state]++
		}
		of[k] = append(of[k], sent.Of...)
	}
	for _, k := range kinds {
		line := string(k.state)
		if count[k.state] > 1 {
			line += ", " + strings.Join(of[k][:min(2, len(of[k]))], ", ")
			if more := len(of[k]) - 2; more > 0 {
				line += fmt.Sprintf(" and %d more", more)
			}
		}
		lines = append(lines, line+": "+k.text)
	}
	switch more := len(lines) - mostCarried; {
	case len(lines) == 0:
		lines = []string{"no route is sent to this router"}
	case more > 0:
		lines = append(lines[:mostCarried], fmt.Sprintf("and %d more; see \"nearcast check\"", more))
	}
	return lines, weighted
}

// attributes describes the attributes of a state. eBGP peers get the prepends, iBGP peers the local
// preference.
func (s *session) attributes(a route.Attributes) string {
	var all []string
	if a.Prepend > 0 && !s.Internal {
		all = append(all, fmt.Sprintf("AS path longer by %d", a.Prepend))
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
		return "only an AS path"
	}
	return strings.Join(all, ", ")
}
