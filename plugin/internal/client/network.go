package client

import "net/netip"

const (
	// v4Network is what one customer of a network may hold at most: a limit per address would not bound this
	// customer.
	v4Network = 24
	// v6Network is what most access networks delegate to one customer, or more.
	v6Network = 56
)

// Network returns the network by which limits on strangers count an address: its /24, or its /56 for IPv6; the zero
// Prefix for the zero Addr.
func Network(a netip.Addr) netip.Prefix { return NetworkOf(a, v4Network, v6Network) }

// NetworkOf returns the prefix of the address with the length given for its family.
func NetworkOf(a netip.Addr, v4, v6 int) netip.Prefix {
	a = a.Unmap()
	length := v6
	if a.Is4() {
		length = v4
	}
	p, err := a.Prefix(length)
	if err != nil {
		return netip.Prefix{} // of no address
	}
	return p
}
