package routerconfig

import (
	"errors"
	"fmt"

	"github.com/nearcast/nearcast/bgp"
)

// router is what a make of router can do.
type router struct {
	// anyPort: it can be told to listen and to connect on other ports than BGP's.
	anyPort bool
	// unnumbered: it can have a neighbour that it knows by the link alone.
	unnumbered bool
	// maxMultiplier of BFD; 0 for more than the speaker takes.
	maxMultiplier int
	// gtsmOutside: it has GTSM for eBGP alone.
	gtsmOutside bool
}

// check refuses what the router cannot do, and has it wait for the speaker where
// it could not connect to it.
func (r router) check(s *session, p *bgp.Peer) error {
	unreachable := s.SpeakerPort != 0 && (!r.anyPort || s.Interface != "")
	switch {
	case s.Interface != "" && !r.unnumbered:
		return errors.New("unnumbered peers are written for frr and bird alone; give the peer an address")
	case s.Port != 0 && !r.anyPort && !p.Passive:
		return fmt.Errorf("the router listens on port %d alone, not on %d", usualPort, s.Port)
	case unreachable && p.Passive:
		return fmt.Errorf("the router connects to port %d alone, and the speaker waits on %d", usualPort, s.SpeakerPort)
	case s.GTSM && s.Internal && r.gtsmOutside:
		return errors.New("the router has GTSM for eBGP alone")
	case s.BFD != nil && r.maxMultiplier != 0 && s.BFD.Multiplier > r.maxMultiplier:
		return fmt.Errorf("the router takes a multiplier of BFD up to %d, not %d", r.maxMultiplier, s.BFD.Multiplier)
	}
	s.Passive = s.Passive || unreachable
	return nil
}
