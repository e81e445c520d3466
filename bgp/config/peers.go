package config

import "fmt"

// checkPeers reports the faults of each peer and conflicts between peers.
func (c *Config) checkPeers(fault faultFunc) {
	seen, links := map[string]bool{}, map[string][]int{}
	for i := range c.Peers {
		p := &c.Peers[i]
		key := fmt.Sprintf("peers[%d]", i)
		p.check(c.ASN, c.Listen, fault.under(key))
		if seen[p.Name()] {
			fault(key, "%s is listed twice", p.Name())
		}
		for _, j := range links[p.link()] {
			if o := &c.Peers[j]; p.Interface != o.Interface {
				fault(key, "%s and %s of peers[%d] are on the same link: an unnumbered session requires a link with a single neighbor", p.Name(), o.Name(), j)
			}
		}
		if seen[p.Name()] = true; p.link() != "" {
			links[p.link()] = append(links[p.link()], i)
		}
	}
	c.checkGroups(fault)
	c.checkOwn(fault)
	if len(c.Peers) == 0 {
		fault("peers", "at least one is required")
	}
}
