// Package client identifies the client: the address that sent a query, and the subnet that it asks for.
package client

import (
	"net"
	"net/netip"

	"github.com/miekg/dns"
)

// Source returns the peer's address, without a zone; the zero Addr if it is not known.
func Source(a net.Addr) netip.Addr {
	var ap netip.AddrPort
	switch a := a.(type) {
	case *net.UDPAddr:
		ap = a.AddrPort()
	case *net.TCPAddr:
		ap = a.AddrPort()
	case nil:
	default:
		ap, _ = netip.ParseAddrPort(a.String()) // for transports with their own address types
	}
	return ap.Addr().Unmap().WithZone("")
}

// Subnet returns the client-subnet option (RFC 7871) of a message, or nil.
func Subnet(m *dns.Msg) *dns.EDNS0_SUBNET {
	opt := m.IsEdns0()
	if opt == nil {
		return nil
	}
	for _, o := range opt.Option {
		if subnet, ok := o.(*dns.EDNS0_SUBNET); ok {
			return subnet
		}
	}
	return nil
}
