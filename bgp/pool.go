package bgp

import (
	"net/netip"
	"slices"
)

// Pool says which addresses Services of some namespaces may announce.
type Pool struct {
	CIDRs []netip.Prefix `yaml:"cidrs"`
	// Namespaces are those that may; "*" is all.
	Namespaces []string `yaml:"namespaces"`
}

func (p *Pool) check(fault faultFunc) {
	if len(p.CIDRs) == 0 {
		fault("cidrs", "at least one is required")
	}
	if len(p.Namespaces) == 0 {
		fault("namespaces", "at least one is required; \"*\" is all")
	}
	for _, cidr := range p.CIDRs {
		if !cidr.IsValid() || cidr != cidr.Masked() {
			fault("cidrs", "%s has bits set beyond its length", cidr)
		}
	}
}

// permits reports whether a Service of the namespace may announce the address.
func (p *Pool) permits(namespace string, a netip.Addr) bool {
	return (slices.Contains(p.Namespaces, "*") || slices.Contains(p.Namespaces, namespace)) &&
		slices.ContainsFunc(p.CIDRs, func(cidr netip.Prefix) bool { return cidr.Contains(a) })
}
