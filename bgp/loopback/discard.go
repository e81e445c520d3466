package loopback

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Discard implements bgp.Binder with blackhole routes in the main table. Like addresses, they are
// marked with the protocol number, and with the owner as their metric. Routes to single addresses
// and the local table take precedence.
func (b *Binder) Discard(prefixes []netip.Prefix) map[netip.Prefix]error {
	failed := map[netip.Prefix]error{}
	held, err := b.discarded()
	if err != nil {
		for _, p := range prefixes {
			failed[p] = err
		}
		return failed
	}
	for _, p := range prefixes {
		if held[p] {
			delete(held, p)
			continue
		}
		if err := netlink.RouteAdd(b.blackhole(p)); err != nil && !errors.Is(err, syscall.EEXIST) {
			failed[p] = fmt.Errorf("cannot add the blackhole route: %w", why(p.Addr(), err))
		}
	}
	for p := range held {
		// A remaining route drops packets to unassigned addresses, and is removed with the next
		// change.
		_ = netlink.RouteDel(b.blackhole(p))
	}
	return failed
}

// discarded returns the prefixes of this owner's routes.
func (b *Binder) discarded() (map[netip.Prefix]bool, error) {
	mine := &netlink.Route{Protocol: protocol, Type: unix.RTN_BLACKHOLE, Table: unix.RT_TABLE_MAIN}
	all, err := netlink.RouteListFiltered(netlink.FAMILY_ALL, mine, netlink.RT_FILTER_PROTOCOL|netlink.RT_FILTER_TYPE|netlink.RT_FILTER_TABLE)
	if err != nil {
		return nil, fmt.Errorf("cannot list routes: %w", err)
	}
	held := map[netip.Prefix]bool{}
	for _, r := range all {
		if uint32(r.Priority) != uint32(b.owner) || r.Dst == nil {
			continue
		}
		ones, _ := r.Dst.Mask.Size()
		if addr, ok := netip.AddrFromSlice(r.Dst.IP); ok {
			held[netip.PrefixFrom(addr.Unmap(), ones)] = true
		}
	}
	return held, nil
}

func (b *Binder) blackhole(p netip.Prefix) *netlink.Route {
	return &netlink.Route{
		Dst:  &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())},
		Type: unix.RTN_BLACKHOLE, Protocol: protocol, Priority: int(uint32(b.owner)), Table: unix.RT_TABLE_MAIN,
	}
}
