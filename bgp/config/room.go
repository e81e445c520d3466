package config

import (
	"fmt"

	"github.com/nearcast/nearcast/bgp/route"
)

// checkRoom reports communities that do not fit in an UPDATE: those of a state plus those added by
// a VIP, an aggregate or a pool, and by each peer that it goes to.
func (c *Config) checkRoom(fault faultFunc) {
	const why = "%d octets of communities%s are more than %d, which leaves too little room in an UPDATE"
	most := max(c.States.Up.Size(), c.States.Degraded.Size(), c.States.Draining.Size())
	if most > route.MaxCommunities {
		return // this is a fault of its own
	}
	for i := range c.Peers {
		if n := c.Peers[i].Attributes.Size(); most+n > route.MaxCommunities {
			fault(fmt.Sprintf("peers[%d].attributes.communities", i), why, most+n, ", including those of states,", route.MaxCommunities)
		}
	}
	for _, s := range c.sources() {
		own := s.attributes.Size()
		if own == 0 {
			continue
		}
		for _, p := range c.recipients(&s) {
			at := p.Attributes.Size()
			if most+own+at > route.MaxCommunities && most+at <= route.MaxCommunities {
				fault(s.key+".attributes.communities", why, most+own+at, fmt.Sprintf(", including those of states and of peer %s,", p.Name()), route.MaxCommunities)
				break
			}
		}
	}
}
