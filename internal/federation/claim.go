package federation

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Claim is what the operator allows the annotations of one namespace.
type Claim struct {
	Namespace string
	// Names are canonical; each allows itself and everything below it.
	Names []string
	// Addresses are those that annotations may answer with.
	Addresses []netip.Prefix
}

// Claims are all that were declared. With none, every name in the zones and
// every address that is not special is free: there is one tenant.
type Claims []Claim

func (c Claims) of(namespace string) (names []string, addresses []netip.Prefix) {
	for _, claim := range c {
		if claim.Namespace == namespace {
			names = append(names, claim.Names...)
			addresses = append(addresses, claim.Addresses...)
		}
	}
	return names, addresses
}

// allowName returns an error unless the namespace may take the hostname.
func (c Claims) allowName(namespace, hostname string) error {
	if len(c) == 0 {
		return nil
	}
	names, _ := c.of(namespace)
	name := strings.TrimPrefix(hostname, "*.")
	if slices.ContainsFunc(names, func(n string) bool { return isAtOrBelow(name, n) }) {
		return nil
	}
	return fmt.Errorf("%s is not claimed for namespace %s; the operator's claim lines name what is", hostname, namespace)
}

// allowAnnotated returns an error unless the namespace's annotations may answer
// with the address.
func (c Claims) allowAnnotated(namespace string, a netip.Addr) error {
	if len(c) == 0 {
		return c.allowSpecial(namespace, a)
	}
	if c.claimed(namespace, a) {
		return nil
	}
	return fmt.Errorf("address %s is not claimed for namespace %s; the operator's claim lines name what is", a, namespace)
}

// allowSpecial returns an error if the address is one that is never answered nor
// probed, unless it is claimed: from there one would reach the client itself, or
// a cloud's metadata service.
func (c Claims) allowSpecial(namespace string, a netip.Addr) error {
	kind := ""
	switch {
	case a.IsLoopback():
		kind = "loopback"
	case a.IsLinkLocalUnicast():
		kind = "link-local"
	case a.IsMulticast(), a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		kind = "multicast or broadcast"
	case a.IsUnspecified():
		kind = "unspecified"
	}
	if kind == "" || c.claimed(namespace, a) {
		return nil
	}
	return fmt.Errorf("address %s is %s; it is served only where a claim line lists it for namespace %s", a, kind, namespace)
}

func (c Claims) claimed(namespace string, a netip.Addr) bool {
	_, addresses := c.of(namespace)
	return slices.ContainsFunc(addresses, func(p netip.Prefix) bool { return p.Contains(a) })
}

// isAtOrBelow reports whether the canonical name is at or below the domain.
func isAtOrBelow(name, domain string) bool {
	if domain == "." || name == domain {
		return true
	}
	return strings.HasSuffix(name, domain) && name[len(name)-len(domain)-1] == '.'
}
