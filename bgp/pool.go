package bgp

import (
	"net/netip"
	"slices"

	"github.com/nearcast/nearcast/internal/federation"
)

// Pool says which addresses Services of some namespaces may announce.
type Pool struct {
	CIDRs []netip.Prefix `yaml:"cidrs"`
	// Namespaces are those that may; "*" is all.
	Namespaces []string `yaml:"namespaces"`
	// ProbePorts are the TCP ports on which endpoints may be probed that are none of the
	// Service's own; absent, none.
	ProbePorts []federation.PortRange `yaml:"probePorts"`
}

func (p *Pool) check(fault faultFunc) {
	if len(p.CIDRs) == 0 {
		fault("cidrs", "at least one is required")
	}
	if len(p.Namespaces) == 0 {
		fault("namespaces", "at least one is required; \"*\" is all")
	}
	for _, cidr := range p.CIDRs {
		switch before := cidr.Bits() - 96; {
		case !cidr.IsValid() || cidr != cidr.Masked():
			fault("cidrs", "%s has bits set beyond its length", cidr)
		case cidr.Addr().Is4In6() && before >= 0: // which no address of IPv4 would be in
			fault("cidrs", "%s stands for IPv4 addresses; write it as IPv4, %s", cidr, netip.PrefixFrom(cidr.Addr().Unmap(), before))
		}
	}
}

// isFor reports whether the pool is the namespace's.
func (p *Pool) isFor(namespace string) bool {
	return slices.Contains(p.Namespaces, "*") || slices.Contains(p.Namespaces, namespace)
}

// permits reports whether a Service of the namespace may announce the address.
func (p *Pool) permits(namespace string, a netip.Addr) bool {
	return p.isFor(namespace) && slices.ContainsFunc(p.CIDRs, func(cidr netip.Prefix) bool { return cidr.Contains(a) })
}

// permitsProbe reports whether endpoints of a Service of the namespace may be probed on a
// port that is none of the Service's own.
func (p *Pool) permitsProbe(namespace string, port uint16) bool {
	return p.isFor(namespace) && slices.ContainsFunc(p.ProbePorts, func(r federation.PortRange) bool { return r.Has(port) })
}
