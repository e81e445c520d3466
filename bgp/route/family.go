package route

import "net/netip"

// Family is an address family.
type Family string

// IsKnown reports whether the speaker announces routes of the family.
func (f Family) IsKnown() bool { return f == IPv4 || f == IPv6 }

// FamilyOf returns the family of an address.
func FamilyOf(a netip.Addr) Family {
	if a.Is4() {
		return IPv4
	}
	return IPv6
}

// Families that the speaker announces.
const (
	IPv4 Family = "ipv4"
	IPv6 Family = "ipv6"
)

// GatewayName identifies a peer with a Gateway, and includes its router once that is found.
func GatewayName(family Family, router string) string {
	if router == "" {
		return "gateway/" + string(family)
	}
	return "gateway/" + string(family) + "/" + router
}
