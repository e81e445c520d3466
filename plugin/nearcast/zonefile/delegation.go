package zonefile

import (
	"errors"
	"fmt"
	"slices"

	"github.com/miekg/dns"
)

// delegate makes the zone's delegations, and takes out the names at and below them: those belong to the delegated
// zones, except for the addresses of their name servers.
func (r *reading) delegate(z *Zone) {
	for _, name := range z.names() {
		node := z.nodes[name]
		if node == nil || name == z.name {
			continue
		}
		if above := z.above(name); above != nil {
			r.occlude(z, node, above)
			continue
		}
		if node.Set(dns.TypeNS) != nil {
			z.cuts = true
			node.delegation = &Delegation{Node: node}
			r.occlude(z, node, node.delegation)
			continue
		}
		r.drop(node, func(s Set) error {
			if s.Type == dns.TypeDS {
				return errors.New("the name has no NS records, and without a delegation DS means nothing")
			}
			return nil
		})
	}
	for _, name := range z.names() {
		if d := z.nodes[name].delegation; d != nil {
			r.reachable(d)
		}
	}
}

// above returns the delegation that the name is below, or nil.
func (z *Zone) above(name string) *Delegation {
	for i, end := dns.NextLabel(name, 0); !end; i, end = dns.NextLabel(name, i) {
		if n := z.nodes[name[i:]]; n != nil && n.delegation != nil {
			return n.delegation
		}
	}
	return nil
}

// occlude takes the node's records out of the zone, because it is at or below the delegation. Addresses of its name
// servers become glue. At the delegation itself, NS and DS stay.
func (r *reading) occlude(z *Zone, node *Node, d *Delegation) {
	r.drop(node, func(s Set) error {
		switch at := node == d.Node; {
		case at && (s.Type == dns.TypeNS || s.Type == dns.TypeDS):
			return nil
		case (s.Type == dns.TypeA || s.Type == dns.TypeAAAA) && d.isServer(node.Name):
			d.Glue = append(d.Glue, s.Records...)
			return errGlue
		}
		return fmt.Errorf("%s is delegated (line %d): its names are served there, and only the addresses of its name servers are used here", d.Name, d.lineOf(dns.TypeNS))
	})
	if node != d.Node {
		delete(z.nodes, node.Name)
	}
}

// errGlue takes a set out of a node without a fault.
var errGlue = errors.New("glue")

// drop takes out the sets of which fault returns an error, and names them.
func (r *reading) drop(node *Node, fault func(Set) error) {
	node.Sets = slices.DeleteFunc(node.Sets, func(s Set) bool {
		err := fault(s)
		if err != nil && !errors.Is(err, errGlue) {
			r.fault(s.Line, s.Records[0], err)
		}
		return err != nil
	})
}

func (d *Delegation) isServer(name string) bool {
	return slices.ContainsFunc(d.Set(dns.TypeNS), func(rr dns.RR) bool { return dns.CanonicalName(rr.(*dns.NS).Ns) == name })
}

// reachable names the name servers of the delegation that nobody can reach: those at and below it without an address.
func (r *reading) reachable(d *Delegation) {
	for _, rr := range d.Set(dns.TypeNS) {
		server := dns.CanonicalName(rr.(*dns.NS).Ns)
		glued := slices.ContainsFunc(d.Glue, func(g dns.RR) bool { return g.Header().Name == server })
		if dns.IsSubDomain(d.Name, server) && !glued {
			r.fault(d.lineOf(dns.TypeNS), rr, fmt.Errorf("%s is in the delegated zone and has no address here, so nobody can reach it: add its A or AAAA records", server))
		}
	}
}
