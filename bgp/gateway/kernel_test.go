package gateway

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/internal/testkit/netns"
)

// inNamespace gives the test a network of its own with two links.
func inNamespace(t *testing.T) *netns.Namespace {
	t.Helper()
	ns := netns.Enter(t)
	for i, link := range []string{"eth0", "eth1"} {
		ip(t, "link add "+link+" type veth peer name far"+link)
		ip(t, "link set far"+link+" up")
		ip(t, "link set "+link+" up")
		ip(t, fmt.Sprintf("addr add 192.0.2.%d/26 dev %s", 64*i+10, link))
		ip(t, fmt.Sprintf("-6 addr add 2001:db8:%d::10/64 dev %s nodad", i, link))
	}
	return ns
}

func ip(t *testing.T, command string) {
	t.Helper()
	if err := netns.IP(strings.Fields(command)...); err != nil {
		t.Fatal(err)
	}
}

// listed formats what the kernel lists on one line.
func listed(t *testing.T, family route.Family) string {
	t.Helper()
	routers, problem, err := kernel{}.list(family)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, r := range routers {
		all = append(all, r.Addr.String())
		if r.Problem != "" {
			all = append(all, "("+r.Problem+")")
		}
	}
	if len(all) == 0 {
		return problem
	}
	return strings.Join(all, " ")
}

// TestTheRoutersOfTheMainTableAreFound covers every way in which routes name them.
func TestTheRoutersOfTheMainTableAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		commands   []string
		ipv4, ipv6 string
	}{
		"none": {nil, "no ipv4 default route yet", "no ipv6 default route yet"},
		"one of each family": {[]string{"route add default via 192.0.2.1", "-6 route add default via 2001:db8:0::1"},
			"192.0.2.1", "2001:db8::1"},
		"one route with two next hops": {[]string{"route add default nexthop via 192.0.2.1 nexthop via 192.0.2.65", "-6 route add default nexthop via 2001:db8:0::1 nexthop via 2001:db8:1::1"},
			"192.0.2.1 192.0.2.65", "2001:db8::1 2001:db8:1::1"},
		"a backup of a greater metric": {[]string{"route add default via 192.0.2.1 metric 100", "route add default via 192.0.2.65 metric 600"},
			"192.0.2.1", "no ipv6 default route yet"},
		"link-local ones of two links": {[]string{"-6 route add default nexthop via fe80::1 dev eth0 nexthop via fe80::1 dev eth1"},
			"no ipv4 default route yet", "fe80::1%eth0 fe80::1%eth1"},
		"two routes of equal metric": {[]string{"-6 route add default via fe80::1 dev eth0 metric 1024", "-6 route append default via fe80::2 dev eth0 metric 1024"},
			"no ipv4 default route yet", "fe80::1%eth0 fe80::2%eth0"},
		"next hops of one router twice": {[]string{"route add default via 192.0.2.1 metric 5", "route add default via 192.0.2.1 metric 5 tos 0x10"},
			"192.0.2.1", "no ipv6 default route yet"},
		"next hop objects": {[]string{"nexthop add id 1 via 192.0.2.1 dev eth0", "nexthop add id 2 via 192.0.2.65 dev eth1", "nexthop add id 3 group 1/2", "route add default nhid 3"},
			"192.0.2.1 192.0.2.65", "no ipv6 default route yet"},
		"without a next hop": {[]string{"route add default dev eth1"},
			"the ipv4 default route on eth1 has no next hop", "no ipv6 default route yet"},
		"one without a next hop, and one with": {[]string{"route add default dev eth1", "route add default via 192.0.2.1 metric 100"},
			"192.0.2.1", "no ipv6 default route yet"},
		"by an IPv6 next hop": {[]string{"-4 route add default via inet6 fe80::1 dev eth0"},
			"the ipv4 default route on eth0 has a next hop of the other family: set gateway: ipv6, or interface: eth0", "no ipv6 default route yet"},
		"of another table": {[]string{"route add default via 192.0.2.1 table 100", "route add unreachable default metric 4000", "route add 198.51.100.0/24 via 192.0.2.1"},
			"no ipv4 default route yet", "no ipv6 default route yet"},
		"this machine itself": {[]string{"route add default via 192.0.2.1", "addr add 192.0.2.1/32 dev lo"},
			"192.0.2.1 (the default route leads to 192.0.2.1, which is this machine's own address)", "no ipv6 default route yet"},
		"IPv4 link-local, onlink": {[]string{"route add default via 169.254.1.1 dev eth0 onlink"},
			"169.254.1.1", "no ipv6 default route yet"},
	} {
		t.Run(name, func(t *testing.T) {
			inNamespace(t)
			for _, command := range c.commands {
				ip(t, command)
			}
			if got := listed(t, route.IPv4); got != c.ipv4 {
				t.Errorf("ipv4: got %s, want %s", got, c.ipv4)
			}
			if got := listed(t, route.IPv6); got != c.ipv6 {
				t.Errorf("ipv6: got %s, want %s", got, c.ipv6)
			}
		})
	}
}

// TestANextHopThatIsNotARouterIsNamed covers next hops that no kernel accepts today, and checks that the others are kept.
func TestANextHopThatIsNotARouterIsNamed(t *testing.T) {
	for _, addr := range []string{"127.0.0.1", "224.0.0.1", "0.0.0.0"} {
		routers, _ := routersOf([]netlink.Route{{Gw: net.ParseIP(addr)}, {Gw: net.ParseIP("192.0.2.1")}}, route.IPv4)
		if len(routers) != 2 || !strings.Contains(routers[0].Problem, addr+", which is not a router's address") || routers[1].Problem != "" {
			t.Errorf("%s: %+v", addr, routers)
		}
	}
}

// TestEveryChangeOfADefaultRouteIsSeen also covers changes of which the kernel sends
// no route message, and checks that other routes wake nobody.
func TestEveryChangeOfADefaultRouteIsSeen(t *testing.T) {
	ns := inNamespace(t)
	changes := watch(t, ns)
	sees := func(d time.Duration) bool {
		select {
		case <-changes:
			return true
		case <-time.After(d):
			return false
		}
	}
	calm := func() {
		for sees(100 * time.Millisecond) {
		}
	}
	time.Sleep(2 * time.Second) // duplicate address detection of IPv6
	for _, command := range []string{
		"route add default via 192.0.2.1", "route replace default via 192.0.2.65", "route del default", "-6 route add default via fe80::1 dev eth0",
		"-6 route append default via fe80::2 dev eth1", "-6 route del default via fe80::1 dev eth0", "route add default via 192.0.2.1", "addr del 192.0.2.10/26 dev eth0",
		"route add default via 192.0.2.65", "link set eth1 down", "nexthop add id 1 via 192.0.2.1 dev eth0 onlink",
	} {
		calm()
		ip(t, command)
		if !sees(time.Second) {
			t.Errorf("change by ip %s was not seen", command)
		}
	}
	calm()
	for i := range 20 {
		ip(t, fmt.Sprintf("route add 203.0.113.%d/32 dev eth0", i))
		ip(t, fmt.Sprintf("-6 route add 2001:db8:5%d::/48 dev eth0", i))
	}
	if sees(200 * time.Millisecond) {
		t.Error("a change of other routes was reported")
	}
}

// watch returns when the watch has begun. It ends with the test.
func watch(t *testing.T, ns *netns.Namespace) <-chan struct{} {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	changes, done := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		done <- ns.Do(func() error {
			return kernel{}.watch(ctx, func() {
				select {
				case changes <- struct{}{}:
				default:
				}
			})
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-changes:
	case <-time.After(10 * time.Second):
		t.Fatal("the watch did not start")
	}
	return changes
}
