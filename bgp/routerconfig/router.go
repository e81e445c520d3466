package routerconfig

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nearcast/nearcast/bgp/config"
)

// router describes the capabilities of a make of router.
type router struct {
	// listensAnywhere and connectsAnywhere: it can use other ports than BGP's.
	listensAnywhere, connectsAnywhere bool
	// unnumbered: it can have a neighbour that is identified only by the link.
	unnumbered bool
	// linkLocal: it can have a neighbour with a link-local address.
	linkLocal bool
	// link is an example of its link names; "" for names as in Linux.
	link string
	// keylessRanges: it supports no TCP MD5 key for a network of neighbours.
	keylessRanges bool
	// bfdAgain: for a neighbour in a network it restarts BFD with each session, which the speaker
	// (GoBGP 4.8) takes for a loss each time.
	bfdAgain bool
	// minMultiplier and maxMultiplier limit BFD; 0 for all values that the speaker accepts.
	minMultiplier, maxMultiplier int
	// gtsmOutside: it supports GTSM only for eBGP.
	gtsmOutside bool
	// gtsmAsMultihop: a TTL of 255 makes its BFD multihop, which the speaker does not support.
	gtsmAsMultihop bool
}

// check rejects what the router cannot do, and makes the router wait for the speaker if it could
// not connect to it.
func (r router) check(s *session, p *config.Peer) error {
	unreachable := s.SpeakerPort != 0 && (!r.connectsAnywhere || s.Interface != "")
	switch {
	case s.Interface != "" && !r.unnumbered:
		return fmt.Errorf("unnumbered peers are supported for %s only; set the peer's address", able(func(r router) bool { return r.unnumbered }))
	case s.Interface == "" && s.Link != "" && !r.linkLocal:
		return fmt.Errorf("link-local peers are supported for %s only; use global addresses at both ends", able(func(r router) bool { return r.linkLocal }))
	case s.Port != 0 && !r.listensAnywhere && !p.Passive:
		return fmt.Errorf("the router listens only on port %d, not on %d", usualPort, s.Port)
	case unreachable && p.Passive:
		return fmt.Errorf("the router connects only to port %d, but the speaker listens on %d", usualPort, s.SpeakerPort)
	case s.GTSM && s.Internal && r.gtsmOutside:
		return errors.New("the router supports GTSM only for eBGP")
	case s.GTSM && s.BFD != nil && r.gtsmAsMultihop:
		return errors.New("with a TTL of 255 the router uses multihop BFD, which the speaker does not support; remove gtsm or bfd")
	case s.Password != "" && len(s.Ranges) > 0 && r.keylessRanges:
		return fmt.Errorf("the router cannot have a key for a range of neighbors; list the addresses in %s with --speakers", s.Ranges[0])
	case s.BFD != nil && len(s.Ranges) > 0 && r.bfdAgain:
		return fmt.Errorf("with bfd, sessions of a range of neighbors would be reset repeatedly; list the addresses in %s with --speakers, or remove bfd", s.Ranges[0])
	}
	s.Passive = s.Passive || unreachable || len(s.Ranges) > 0 && len(s.Neighbours) == 0
	return r.checkBFD(s.BFD)
}

func (r router) checkBFD(b *detection) error {
	switch {
	case b == nil:
	case r.maxMultiplier != 0 && b.Multiplier > r.maxMultiplier:
		return fmt.Errorf("the router accepts a BFD multiplier of at most %d, not %d", r.maxMultiplier, b.Multiplier)
	case b.Multiplier < r.minMultiplier:
		return fmt.Errorf("the router accepts a BFD multiplier of at least %d, not %d", r.minMultiplier, b.Multiplier)
	}
	return nil
}

// able returns the names of the routers that satisfy can.
func able(can func(router) bool) string {
	var names []string
	for _, name := range Routers() {
		if can(routers[name]) {
			names = append(names, name)
		}
	}
	last := len(names) - 1
	return strings.Join(slices.Concat(names[:last-1], []string{names[last-1] + " and " + names[last]}), ", ")
}
