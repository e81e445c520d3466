package federation

import (
	"net/netip"
	"slices"
)

// Endpoint is where a placement, or a cluster's gateway, is reached.
type Endpoint struct {
	V4, V6 []netip.Addr
	// Port is 0 if none was declared.
	Port uint16
	// Gateway is set if the address is the cluster's and shared by functions.
	Gateway bool
	// VIP is set if the addresses are a function's VIPs; a placement has none.
	VIP bool `json:"-"`
}

// IsZero reports whether the endpoint has no address at all.
func (e Endpoint) IsZero() bool { return len(e.V4) == 0 && len(e.V6) == 0 }

// First returns the address that probes use: the first IPv4, else the first IPv6.
func (e Endpoint) First() netip.Addr {
	if len(e.V4) > 0 {
		return e.V4[0]
	}
	if len(e.V6) > 0 {
		return e.V6[0]
	}
	return netip.Addr{}
}

// EndpointOf returns an endpoint with the addresses.
func EndpointOf(addrs []netip.Addr) (e Endpoint) {
	for _, a := range addrs {
		e = e.Add(a)
	}
	return e
}

// Add returns e with the address added to its family, without duplicates.
func (e Endpoint) Add(a netip.Addr) Endpoint {
	family := &e.V6
	if a = a.Unmap(); a.Is4() {
		family = &e.V4
	}
	if !slices.Contains(*family, a) {
		*family = append(slices.Clip(*family), a)
	}
	return e
}

// Bounded returns e with each family cut to the addresses that a placement may have.
func (e Endpoint) Bounded() Endpoint {
	e.V4 = slices.Clip(e.V4[:min(len(e.V4), MaxAddresses)])
	e.V6 = slices.Clip(e.V6[:min(len(e.V6), MaxAddresses)])
	return e
}

// Any reports whether any address of the endpoint satisfies pred.
func (e Endpoint) Any(pred func(netip.Addr) bool) bool {
	return slices.ContainsFunc(e.V4, pred) || slices.ContainsFunc(e.V6, pred)
}

// Equal reports whether the two have the same addresses, in the same order, and the same port, and
// whether both are a cluster's or neither is.
func (e Endpoint) Equal(o Endpoint) bool {
	return e.Port == o.Port && e.Gateway == o.Gateway && slices.Equal(e.V4, o.V4) && slices.Equal(e.V6, o.V6)
}

// Join returns e followed by the addresses of o.
func (e Endpoint) Join(o Endpoint) Endpoint {
	for _, a := range slices.Concat(o.V4, o.V6) {
		e = e.Add(a)
	}
	return e
}

// Without returns e without the addresses for which drop is true.
func (e Endpoint) Without(drop func(netip.Addr) bool) Endpoint {
	e.V4 = slices.DeleteFunc(slices.Clone(e.V4), drop)
	e.V6 = slices.DeleteFunc(slices.Clone(e.V6), drop)
	return e
}

// MaxAddresses bounds the addresses of one placement: each answer contains all of them.
const MaxAddresses = 16
