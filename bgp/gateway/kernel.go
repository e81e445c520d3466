package gateway

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/nearcast/nearcast/bgp"
	"github.com/nearcast/nearcast/bgp/internal/rtnetlink"
	"github.com/nearcast/nearcast/bgp/route"
)

// kernel reads and watches the main routing table by netlink.
type kernel struct{}

// list implements routes.
func (kernel) list(family route.Family) (routers []bgp.Router, problem string, err error) {
	var all []netlink.Route
	err = rtnetlink.List(func() (err error) {
		all, err = netlink.RouteListFiltered(number(family), &netlink.Route{Table: unix.RT_TABLE_MAIN, Type: unix.RTN_UNICAST},
			netlink.RT_FILTER_TABLE|netlink.RT_FILTER_TYPE|netlink.RT_FILTER_DST)
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("cannot list the %s default routes: %w", family, err)
	}
	routers, problem = routersOf(all, family)
	return routers, problem, nil
}

func number(f route.Family) int {
	if f == route.IPv4 {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// routersOf returns the next hops of the routes with the lowest metric, as far as they name a
// router.
func routersOf(all []netlink.Route, family route.Family) (routers []bgp.Router, problem string) {
	problem = fmt.Sprintf("no %s default route yet", family)
	slices.SortStableFunc(all, func(a, b netlink.Route) int { return a.Priority - b.Priority })
	for i, r := range all {
		if len(routers) > 0 && r.Priority != all[i-1].Priority {
			break
		}
		for _, hop := range hopsOf(r) {
			addr, why := addrOf(hop, family)
			switch {
			case !addr.IsValid():
				problem = why
			case !slices.ContainsFunc(routers, func(r bgp.Router) bool { return r.Addr == addr }):
				routers = append(routers, bgp.Router{Addr: addr, Problem: faultOf(addr)})
			}
		}
	}
	return routers, problem
}

// hopsOf returns the next hops of a route: several for an equal-cost multipath route.
func hopsOf(r netlink.Route) []*netlink.NexthopInfo {
	if len(r.MultiPath) > 0 {
		return r.MultiPath
	}
	return []*netlink.NexthopInfo{{LinkIndex: r.LinkIndex, Gw: r.Gw, Via: r.Via}}
}

// addrOf returns the router's address, with its link if it is link-local. If there is none of the
// family, the address is invalid and why says so.
func addrOf(hop *netlink.NexthopInfo, family route.Family) (addr netip.Addr, why string) {
	link := linkName(hop.LinkIndex)
	addr, named := netip.AddrFromSlice(hop.Gw)
	switch addr = addr.Unmap(); {
	case hop.Via != nil || named && route.FamilyOf(addr) != family:
		return netip.Addr{}, fmt.Sprintf("the %s default route on %s has a next hop of the other family: set gateway: ipv6, or interface: %[2]s", family, link)
	case !named:
		return netip.Addr{}, fmt.Sprintf("the %s default route on %s has no next hop", family, link)
	case addr.IsLinkLocalUnicast() && addr.Is6():
		return addr.WithZone(link), ""
	}
	return addr, ""
}

func linkName(index int) string {
	ifi, err := net.InterfaceByIndex(index)
	if err != nil {
		return fmt.Sprintf("link %d", index) // the link has gone, and the route will follow
	}
	return ifi.Name
}

// faultOf returns why no session with the router of a route is possible; "" if one is.
func faultOf(addr netip.Addr) string {
	if addr.IsLoopback() || addr.IsUnspecified() || addr.IsMulticast() {
		return fmt.Sprintf("the default route leads to %s, which is not a router's address", addr)
	}
	if rtnetlink.IsOwn(addr) {
		return fmt.Sprintf("the default route leads to %s, which is this machine's own address", addr)
	}
	return ""
}

// watch implements routes.
func (kernel) watch(ctx context.Context, changed func()) error {
	if err := rtnetlink.Watch(ctx, rtnetlink.DefaultRoutes, changed); err != nil {
		return fmt.Errorf("the default routes are not watched: %w", err)
	}
	return nil
}
