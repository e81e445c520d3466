package rtnetlink

import (
	"net"
	"net/netip"
)

// IsOwn reports whether this machine has the address on one of its links; false if that cannot be
// found out. It ignores the zone of a link-local address.
func IsOwn(addr netip.Addr) bool {
	all, _ := net.InterfaceAddrs()
	for _, a := range all {
		if network, ok := a.(*net.IPNet); ok {
			if ip, _ := netip.AddrFromSlice(network.IP); ip.Unmap() == addr.WithZone("") {
				return true
			}
		}
	}
	return false
}
