package nearcast

import (
	"net"
	"net/netip"
	"slices"
	"strings"
)

// ownServer is where, below a zone without an ns line, its name server is. CoreDNS's plugin kubernetes uses the
// same name.
const ownServer = "ns.dns."

// defaultServers are those of a zone without an ns line: this server. Its name is the same at every site; its
// addresses are the site's own.
func defaultServers(zone string, addrs []netip.Addr) []Server {
	return []Server{{Name: ownServer + strings.TrimPrefix(zone, "."), Addrs: addrs}}
}

// ownAddrs returns the addresses at which others can reach a server that binds to the hosts.
func ownAddrs(hosts []string) []netip.Addr { return reachable(listensOn(hosts), machineAddrs()) }

// everywhere is where a server without bind listens.
var everywhere = netip.IPv6Unspecified()

// reachable returns the addresses at which others can reach a server that listens on these; machine's replace the
// unspecified one. Loopback addresses count only if there is no other, as for a server under test.
func reachable(listens, machine []netip.Addr) []netip.Addr {
	var addrs, loopback []netip.Addr
	for _, a := range listens {
		switch {
		case a == everywhere:
			addrs = append(addrs, machine...)
		case a.IsUnspecified():
			addrs = append(addrs, slices.DeleteFunc(slices.Clone(machine), netip.Addr.Is6)...)
		case a.IsGlobalUnicast():
			addrs = append(addrs, a)
		case a.IsLoopback():
			loopback = append(loopback, a)
		}
	}
	if len(addrs) == 0 {
		addrs = loopback
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return slices.Compact(addrs)
}

// machineAddrs returns the addresses of this machine's interfaces that others can reach. It omits interfaces that
// are down: kube-proxy keeps the addresses of all Services on one.
func machineAddrs() (all []netip.Addr) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil
	}
	for _, i := range interfaces {
		if i.Flags&net.FlagUp != 0 {
			all = append(all, addrsOf(&i)...)
		}
	}
	return slices.DeleteFunc(all, func(a netip.Addr) bool { return !a.IsGlobalUnicast() })
}

func addrsOf(i *net.Interface) (all []netip.Addr) {
	addrs, err := i.Addrs()
	if err != nil {
		return nil
	}
	for _, addr := range addrs {
		if prefix, err := netip.ParsePrefix(addr.String()); err == nil {
			all = append(all, prefix.Addr())
		}
	}
	return all
}

// listensOn returns the addresses of bind's hosts, which are addresses or names of interfaces.
func listensOn(hosts []string) (addrs []netip.Addr) {
	if len(hosts) == 0 || hosts[0] == "" { // as CoreDNS does without bind
		return []netip.Addr{everywhere}
	}
	for _, host := range hosts {
		if addr, err := netip.ParseAddr(host); err == nil {
			addrs = append(addrs, addr.Unmap())
		} else if i, err := net.InterfaceByName(host); err == nil {
			addrs = append(addrs, addrsOf(i)...)
		}
	}
	return addrs
}
