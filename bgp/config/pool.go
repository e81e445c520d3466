package config

import (
	"fmt"
	"net/netip"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/internal/federation/claims"
)

// Pool says which addresses the Services of some namespaces may announce.
type Pool struct {
	CIDRs []netip.Prefix `yaml:"cidrs"`
	// Namespaces are those that may use it; "*" means all.
	Namespaces []string `yaml:"namespaces"`
	// ProbePorts are TCP ports on which endpoints may be probed although they are not the Service's
	// own; the default is none.
	ProbePorts []claims.PortRange `yaml:"probePorts"`
	// Peers and Attributes apply to the VIPs in the pool, as in VIP.
	Peers      []string          `yaml:"peers"`
	Attributes *route.Attributes `yaml:"attributes"`
}

func (p *Pool) check(fault faultFunc) {
	if len(p.CIDRs) == 0 {
		fault("cidrs", "at least one is required")
	}
	if len(p.Namespaces) == 0 {
		fault("namespaces", "at least one is required; \"*\" stands for all")
	}
	for i, cidr := range p.CIDRs {
		key := fmt.Sprintf("cidrs[%d]", i)
		switch before := cidr.Bits() - 96; {
		case !cidr.IsValid() || cidr != cidr.Masked():
			fault("cidrs", "%s has bits set beyond its length", cidr)
		case cidr.Addr().Is4In6() && before >= 0: // which no address of IPv4 would be in
			fault("cidrs", "%s is an IPv4-mapped prefix; write it as IPv4, %s", cidr, netip.PrefixFrom(cidr.Addr().Unmap(), before))
		case faultOfRange(cidr) != "":
			fault(key, "%s", faultOfRange(cidr))
		}
		if slices.Contains(p.CIDRs[:i], cidr) {
			fault(key, "%s is listed twice", cidr)
		}
	}
	for i, name := range p.Namespaces {
		key := fmt.Sprintf("namespaces[%d]", i)
		if name != "*" && len(validation.IsDNS1123Label(name)) > 0 {
			fault(key, "%q is not a namespace name, which has lower-case letters, digits and hyphens; \"*\" stands for all", name)
		}
		if slices.Contains(p.Namespaces[:i], name) {
			fault(key, "%q is listed twice", name)
		}
	}
}

// isFor reports whether the namespace may use the pool.
func (p *Pool) isFor(namespace string) bool {
	return slices.Contains(p.Namespaces, "*") || slices.Contains(p.Namespaces, namespace)
}

// permits reports whether a Service in the namespace may announce the address.
func (p *Pool) permits(namespace string, a netip.Addr) bool {
	return p.isFor(namespace) && slices.ContainsFunc(p.CIDRs, func(cidr netip.Prefix) bool { return cidr.Contains(a) })
}

// PoolOf returns the first pool from which a Service in the namespace may announce the address; nil
// for none.
func (c *Config) PoolOf(namespace string, a netip.Addr) *Pool {
	for i := range c.Pools {
		if p := &c.Pools[i]; p.permits(namespace, a) {
			return p
		}
	}
	return nil
}

// PermitsProbe reports whether a Service's endpoints in the namespace may be probed on a port that
// is not the Service's own.
func (p *Pool) PermitsProbe(namespace string, port uint16) bool {
	return p.isFor(namespace) && slices.ContainsFunc(p.ProbePorts, func(r claims.PortRange) bool { return r.Has(port) })
}
