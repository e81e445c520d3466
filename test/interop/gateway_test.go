package interop

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nearcast/nearcast/bgp/session"
)

// rackFile is the file of every machine in every rack. Its hold time is long: only the
// default route is to end a session here, not a busy machine.
var rackFile = strings.Replace(strings.Replace(config(1, "", vip4), fmt.Sprintf("{address: %q, asn: %d, }", routerID, routerASN), "{gateway: ipv4, group: tor}", 1),
	"peers:\n", "groups: {tor: {asn: external, holdTime: 90s}}\npeers:\n", 1)

// kept is how long a router stays a peer after its default route is gone.
const kept = 30 * time.Second

// tor is a router with its own address at a switch.
type tor struct {
	router
	vip *routes
}

func newTOR(b brand, l *lan, name, address string, asn int, site neighbour) *tor {
	n := l.node(name)
	l.join(n, address+"/24")
	text := strings.ReplaceAll(b.config(site), fmt.Sprint(routerASN), fmt.Sprint(asn))
	return &tor{b.start(n, text), watch(n, prefix(vip4))}
}

// TestOneFileServesTheMachinesOfAllRacks has two racks whose routers have different addresses and
// different AS numbers.
func TestOneFileServesTheMachinesOfAllRacks(t *testing.T) {
	for _, b := range brands {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t)
			for i, address := range []string{"192.0.2.1", "192.0.2.254"} {
				number := i + 1
				l, s := n.lan(fmt.Sprintf("lan%d", number)), siteAddresses(number)
				asn := routerASN + i
				r := newTOR(b, l, fmt.Sprintf("r%d", number), address, asn, neighbour{address: s.v4, asn: 64511})
				start := time.Now()
				site := l.site(number, rackFile)
				site.node.defaultVia(address)
				r.vip.becomes(start, comeback, s.v4)
				wantPeer(t, site, "gateway/ipv4/"+address, func(p session.Status) bool {
					return p.State == "established" && p.Group == "tor" && p.ASN == uint32(asn)
				})
			}
		})
	}
}

// TestTheSessionsFollowTheDefaultRoute begins without one, goes to a pair of routers with equal
// costs, and ends at the other one; no session that stays is reset.
func TestTheSessionsFollowTheDefaultRoute(t *testing.T) {
	for _, b := range brands {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t)
			l, s := n.lan("lan"), siteAddresses(1)
			first, second := newTOR(b, l, "r1", "192.0.2.1", routerASN, one()), newTOR(b, l, "r2", "192.0.2.2", routerASN+1, one())
			site := l.site(1, rackFile)
			site.node.defaultVia()
			wantPeer(t, site, "gateway/ipv4", func(p session.Status) bool {
				return p.Problem == "no ipv4 default route yet" && p.Reason == session.NoGateway
			})
			start := time.Now()
			site.node.defaultVia("192.0.2.1")
			first.vip.becomes(start, comeback, s.v4)
			before := established(site.node, first, s.v4)
			start = time.Now()
			site.node.defaultVia("192.0.2.1", "192.0.2.2")
			second.vip.becomes(start, comeback, s.v4)
			for _, hop := range []string{"192.0.2.1", "192.0.2.2"} {
				wantPeer(t, site, "gateway/ipv4/"+hop, func(p session.Status) bool { return p.State == "established" })
			}
			start = time.Now()
			site.node.defaultVia("192.0.2.2")
			if now := established(site.node, first, s.v4); !now.same(before) {
				t.Errorf("the session with the first router was reset: %+v, %+v", before, now)
			}
			if testing.Short() {
				return
			}
			pair := established(site.node, second, s.v4)
			took := first.vip.becomes(start, kept+slack)
			if took < kept {
				t.Errorf("the route of the first router went after %s, before %s", took, kept)
			}
			if now := established(site.node, second, s.v4); !now.same(pair) {
				t.Errorf("the session with the second router was reset: %+v, %+v", pair, now)
			}
		})
	}
}

// TestARouterIsFoundByItsAdvertisements has the kernel make the default route: the session is with the
// router's link-local address, and carries both families (RFC 8950).
func TestARouterIsFoundByItsAdvertisements(t *testing.T) {
	for _, b := range brands {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			l, r := newLAN(t)
			text := strings.Replace(rackFile, "gateway: ipv4", "gateway: ipv6, families: [ipv4, ipv6]", 1)
			site := l.site(1, text)
			site.node.sysctl("ipv6/conf/eth0/accept_ra", "2")
			site.node.ip("-6", "route", "flush", "default")
			start := time.Now()
			b.start(r, b.config(neighbour{link: "eth0", asn: site.asn, families: []string{"ipv4", "ipv6"}, extended: true}))
			watch(r, prefix(vip4)).becomes(start, comeback, site.node.linkLocal("eth0"))
			wantPeer(t, site, "gateway/ipv6/"+r.linkLocal("eth0")+"%eth0", func(p session.Status) bool { return p.State == "established" && len(p.Families) == 2 })
		})
	}
}

// defaultVia sets the node's IPv4 default route to the routers, or removes it.
func (n *node) defaultVia(routers ...string) {
	n.t.Helper()
	if len(routers) == 0 {
		n.ip("route", "flush", "default")
		return
	}
	args := []string{"route", "replace", "default"}
	for _, r := range routers {
		args = append(args, "nexthop", "via", r)
	}
	n.ip(args...)
}

// wantPeer waits for a peer with the name that satisfies the condition.
func wantPeer(t *testing.T, s *site, name string, is func(session.Status) bool) {
	t.Helper()
	eventually(t, "the peer "+name, comeback, func() error {
		st, err := s.speaker.glance()
		if err != nil {
			return err
		}
		for _, p := range st.Peers {
			if p.Name() == name && is(p) {
				return nil
			}
		}
		return fmt.Errorf("%+v", st.Peers)
	})
}
