package bgp

import "fmt"

// checkRoom reports communities that do not fit in an UPDATE: those of a state plus those added by
// a VIP, an aggregate or a pool, and by each peer that it goes to.
func (c *Config) checkRoom(fault faultFunc) {
	const why = "%d octets of communities%s are more than %d: an UPDATE has room for little else"
	most := max(c.States.Up.size(), c.States.Degraded.size(), c.States.Draining.size())
	if most > maxCommunities {
		return // this is a fault of its own
	}
	for i := range c.Peers {
		if n := c.Peers[i].Attributes.size(); most+n > maxCommunities {
			fault(fmt.Sprintf("peers[%d].attributes.communities", i), why, most+n, ", with those of states,", maxCommunities)
		}
	}
	for _, s := range c.sources() {
		own := s.attributes.size()
		if own == 0 {
			continue
		}
		for _, p := range c.recipients(&s) {
			at := p.Attributes.size()
			if most+own+at > maxCommunities && most+at <= maxCommunities {
				fault(s.key+".attributes.communities", why, most+own+at, fmt.Sprintf(", with those of states and of peer %s,", p.Name()), maxCommunities)
				break
			}
		}
	}
}
