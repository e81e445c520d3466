// Package claims says what an operator allows namespaces: names, addresses and ports. It
// knows which addresses are special. It is pure.
package claims

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/nearcast/nearcast/internal/federation"
)

// AnyNamespace in a Claim stands for every namespace.
const AnyNamespace = "*"

// Claim is what the operator allows a namespace.
type Claim struct {
	// Namespace may be AnyNamespace.
	Namespace string
	// Names are canonical; each allows itself and every name below it.
	Names []string
	// Addresses are those that the namespace's functions may be answered with and probed
	// at, in addition to the clusters' gateways, which belong to the operator.
	Addresses []netip.Prefix
	// Ports are the ports that its probes may use in addition to the functions' own; see
	// AllowsPort.
	Ports []PortRange
}

// List holds all declared claims. Without any, a namespace may use every name that does
// not belong to another (see build.Builder), and every address that is not special.
type List []Claim

func (c List) of(namespace string) (names []string, addresses []netip.Prefix) {
	for _, claim := range c {
		if claim.Namespace == namespace || claim.Namespace == AnyNamespace {
			names = append(names, claim.Names...)
			addresses = append(addresses, claim.Addresses...)
		}
	}
	return names, addresses
}

// AllowName returns an error unless the namespace may take the hostname.
func (c List) AllowName(namespace, hostname string) error {
	if len(c) == 0 {
		return nil
	}
	names, _ := c.of(namespace)
	name := strings.TrimPrefix(hostname, "*.")
	if slices.ContainsFunc(names, func(n string) bool { return federation.IsAtOrBelow(name, n) }) {
		return nil
	}
	return fmt.Errorf("%s is not claimed for namespace %s; the operator's claim lines list what is", hostname, namespace)
}

// Names reports whether a claim of the namespace itself, and not one of all namespaces,
// lists the hostname or a name above it.
func (c List) Names(namespace, hostname string) bool {
	return slices.ContainsFunc(c, func(claim Claim) bool {
		return claim.Namespace == namespace && slices.ContainsFunc(claim.Names, func(n string) bool { return federation.IsAtOrBelow(hostname, n) })
	})
}

// AllowAnnotated returns an error unless the namespace's annotations may set the address.
func (c List) AllowAnnotated(namespace string, a netip.Addr) error {
	if len(c) > 0 && !c.claimed(namespace, a) {
		return unclaimed(namespace, a)
	}
	return c.AllowSpecial(namespace, a)
}

// AllowBalanced returns an error unless the namespace may use the address of a load
// balancer. If a controller lets the tenant choose the address or name, it is the
// tenant's choice as much as an annotation. If its claims list no addresses, addresses of
// private networks are refused: the operator's own machines and those of other tenants
// are there.
func (c List) AllowBalanced(namespace string, a netip.Addr) error {
	_, addresses := c.of(namespace)
	switch {
	case len(addresses) > 0 && !c.claimed(namespace, a):
		return unclaimed(namespace, a)
	case len(c) > 0 && len(addresses) == 0 && private(a):
		return fmt.Errorf("load balancer address %s is private; it is answered only if a claim line lists it for namespace %s", a, namespace)
	}
	return c.AllowSpecial(namespace, a)
}

func unclaimed(namespace string, a netip.Addr) error {
	return fmt.Errorf("address %s is not claimed for namespace %s; the operator's claim lines list what is", a, namespace)
}

// AllowSpecial returns an error if the address is special, unless a claim lists a prefix
// within the special range: a claim of the whole Internet does not include it.
func (c List) AllowSpecial(namespace string, a netip.Addr) error {
	within, kind, is := special(a)
	if !is {
		return nil
	}
	_, addresses := c.of(namespace)
	means := func(p netip.Prefix) bool {
		return p.Contains(a) && p.Bits() >= within.Bits() && within.Contains(p.Addr())
	}
	if slices.ContainsFunc(addresses, means) {
		return nil
	}
	return fmt.Errorf("address %s is %s; it is answered only if a claim line lists it for namespace %s", a, kind, namespace)
}

func (c List) claimed(namespace string, a netip.Addr) bool {
	_, addresses := c.of(namespace)
	return slices.ContainsFunc(addresses, func(p netip.Prefix) bool { return p.Contains(a) })
}
