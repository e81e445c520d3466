package routerconfig

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
)

// linkName matches the link names that Linux accepts, except those with characters special to a
// router.
var linkName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$`)

// routerLink matches the link names of routers, such as ge-0/0/0.0.
var routerLink = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/:-]{0,62}$`)

// find determines where the speaker is, or the speakers that share the file.
func (s *session) find(c *config.Config, p *config.Peer, speakers []netip.Prefix) error {
	if s.Link != "" && !linkName.MatchString(s.Link) && (!s.OwnLink || !routerLink.MatchString(s.Link)) {
		return fmt.Errorf("%q is not the name of a link", s.Link)
	}
	var err error
	switch {
	case p.Interface != "" && len(speakers) > 0:
		return errors.New("an unnumbered peer is found by its link; omit the speakers' addresses")
	case p.Interface != "":
		s.Interface = p.Interface
	case len(speakers) > 0:
		err = s.share(p, speakers)
	case p.LocalAddress.IsValid():
		s.Neighbours = []netip.Addr{p.LocalAddress.WithZone("")}
	case p.Address.IsLinkLocalUnicast():
		err = errors.New("the file does not say from which link-local address the speaker connects; set the peer's localAddress, or interface instead of address")
	case !c.RouterID.IsValid():
		err = s.guess(p)
	case p.Session() == route.IPv4:
		s.Neighbours, s.Guessed = []netip.Addr{c.RouterID}, true
	default:
		err = errors.New("the file does not say from which address the speaker connects; set the peer's localAddress")
	}
	if err != nil {
		return err
	}
	if s.Link == "" && slices.ContainsFunc(s.Neighbours, netip.Addr.IsLinkLocalUnicast) {
		return fmt.Errorf("%s has no zone; write it as %[1]s%%LINK in the peer's localAddress", s.Neighbours[0])
	}
	s.Name = "NEARCAST-" + notSymbol.ReplaceAllString(s.unique(c, p), "-")
	return nil
}

// share selects the speakers that can have the session.
func (s *session) share(p *config.Peer, speakers []netip.Prefix) error {
	for _, prefix := range speakers {
		switch {
		case route.FamilyOf(prefix.Addr()) != p.Session() || prefix.Addr().IsLinkLocalUnicast() != p.Address.IsLinkLocalUnicast():
		case prefix.IsSingleIP():
			s.Neighbours = append(s.Neighbours, prefix.Addr())
		default:
			s.Ranges = append(s.Ranges, prefix.Masked())
		}
	}
	switch {
	case len(s.Neighbours)+len(s.Ranges) == 0:
		return fmt.Errorf("none of the speakers' addresses is an %s address, the session's family", p.Session())
	case len(s.Ranges) > 0 && p.Passive:
		return fmt.Errorf("the speakers wait for the router, which cannot connect to a range of addresses; list the addresses in %s", s.Ranges[0])
	}
	return nil
}

// guess assumes that the speakers are in the router's own network.
func (s *session) guess(p *config.Peer) error {
	if p.Multihop != 0 || p.Passive {
		return errors.New("each speaker has its own address; list them with --speakers")
	}
	bits := 64
	if p.Session() == route.IPv4 {
		bits = 24
	}
	s.Ranges, s.Guessed = []netip.Prefix{netip.PrefixFrom(p.Address.WithZone(""), bits).Masked()}, true
	return nil
}

// unique returns a name that distinguishes the session from others on the router.
func (s *session) unique(c *config.Config, p *config.Peer) string {
	switch {
	case s.Interface != "" && c.RouterID.IsValid():
		return c.RouterID.String() + "-" + s.Interface
	case s.Interface != "":
		return s.Interface
	}
	var name string
	if len(s.Ranges) > 0 {
		name = s.Ranges[0].String()
	} else {
		name = s.Neighbours[0].String()
	}
	if s.Link != "" {
		name += "-" + s.Link // another link may have the same address
	}
	alike := func(o config.Peer) bool {
		return o.Address != p.Address && o.Interface == "" && o.Session() == p.Session() && o.LocalAddress == p.LocalAddress
	}
	if slices.ContainsFunc(c.Peers, alike) {
		name += "-at-" + p.Address.WithZone("").String()
	}
	return name
}

// Many reports whether the text is for several speakers.
func (s *session) Many() bool { return len(s.Ranges) > 0 || len(s.Neighbours) > 1 }

// Target is what settings apply to: the group of several speakers, the neighbour or the link.
func (s *session) Target() string {
	switch {
	case s.Many():
		return s.Name
	case s.Interface != "":
		return s.At
	}
	return s.Neighbours[0].String()
}

// Targets returns the neighbours, and the networks that contain others.
func (s *session) Targets() []string {
	var all []string
	for _, a := range s.Neighbours {
		all = append(all, a.String())
	}
	for _, r := range s.Ranges {
		all = append(all, r.String())
	}
	return all
}

// Who names the speaker in descriptions.
func (s *session) Who() string {
	switch {
	case s.Speaker.IsValid() && !s.Many():
		return "nearcast speaker " + s.Speaker.String()
	case s.Interface != "":
		return "nearcast speaker on " + s.Interface
	}
	return "nearcast speakers"
}

var notSymbol = regexp.MustCompile(`[^A-Za-z0-9]`)

// symbol returns the name in a form that BIRD accepts.
func symbol(name string) string { return strings.ToLower(notSymbol.ReplaceAllString(name, "_")) }

// maxKey is the longest key that the kernel accepts; its placeholder must load as well.
const maxKey = 80

var notPlain = regexp.MustCompile(`[^A-Za-z0-9._/-]`)

// keyOf returns the placeholder for the key in the file; "" for no file.
func keyOf(file string) string {
	if file == "" {
		return ""
	}
	text := "<the-key-in-" + notPlain.ReplaceAllString(file, "_") + ">"
	if len(text) > maxKey {
		return "<the-speakers-key>"
	}
	return text
}
