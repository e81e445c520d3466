package interop

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
)

// look is how often the kernel's table is read. Its notifications would be sooner, but
// it gives none for the routes that it removes with a link's carrier.
const look = 5 * time.Millisecond

// routes records the changes of one route in a node's kernel, the table by which
// packets go: its next hops, sorted and separated by spaces, each with its weight unless
// that is 1; "" while there is no route.
type routes struct {
	*history
	prefix string
}

// watch records the route to a prefix until the test ends.
func watch(n *node, prefix string) *routes {
	n.t.Helper()
	_, dst, err := net.ParseCIDR(prefix)
	if err != nil {
		n.t.Fatal(err)
	}
	handle, err := netlink.NewHandleAt(n.Handle)
	if err != nil {
		n.t.Fatalf("%s: %v", n.name, err)
	}
	n.t.Cleanup(handle.Close)
	return &routes{prefix: prefix, history: record(n.t, "the route to "+prefix, look, func() (string, error) {
		return read(handle, dst)
	})}
}

func read(handle *netlink.Handle, dst *net.IPNet) (string, error) {
	family := syscall.AF_INET6
	if dst.IP.To4() != nil {
		family = syscall.AF_INET
	}
	found, err := handle.RouteListFiltered(family, &netlink.Route{Dst: dst}, netlink.RT_FILTER_DST)
	if err != nil {
		return "", err
	}
	return hopsOf(found), nil
}

func hopsOf(found []netlink.Route) string {
	var hops []string
	add := func(gw net.IP, via netlink.Destination, more int) {
		weight := ""
		if more > 0 {
			weight = fmt.Sprintf(" weight %d", 1+more)
		}
		switch {
		case gw != nil:
			hops = append(hops, gw.String()+weight)
		case via != nil: // an IPv4 route with an IPv6 next hop
			hops = append(hops, via.(*netlink.Via).Addr.String()+weight)
		}
	}
	for _, route := range found {
		add(route.Gw, route.Via, 0)
		for _, hop := range route.MultiPath {
			add(hop.Gw, hop.Via, hop.Hops)
		}
	}
	slices.Sort(hops)
	return strings.Join(hops, " ")
}
