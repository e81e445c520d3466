package interop

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestANeighborIsDiscoveredOnItsLink uses an unnumbered session: neither end is configured with the
// other's address, and both families have a link-local next hop (RFC 8950). When
// the router is replaced by another, the speaker finds that.
func TestANeighborIsDiscoveredOnItsLink(t *testing.T) {
	for _, b := range brands {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			// The addresses are for what comes back; the session has none of them.
			l, first := newLAN(t)
			text := strings.Replace(config(1, hold3.keys, vip4), fmt.Sprintf("address: %q", routerID), "interface: eth0", 1)
			site := l.site(1, both(text))
			hop := site.node.linkLocal("eth0")
			wantRoutes := func(r *node) {
				t.Helper()
				start := time.Now()
				watch(r, prefix(vip4)).becomes(start, comeback, hop)
				watch(r, prefix(vip6)).becomes(start, comeback, hop)
				status, err := site.speaker.peer("eth0")
				if want := r.linkLocal("eth0") + "%eth0"; err != nil || status.Address != want || !slices.Equal(status.Families, []string{"ipv4", "ipv6"}) {
					t.Errorf("the speaker reports %+v, %v, want a session with %s", status, err, want)
				}
			}
			neighbour := neighbour{link: "eth0", asn: site.asn, families: []string{"ipv4", "ipv6"}, extended: true}
			b.start(first, b.config(neighbour))
			wantRoutes(first)
			p := &peering{node: first, lan: l, site: site}
			p.wantForwarded()
			if testing.Short() {
				return
			}
			first.cable.cut()
			second := l.node("r2")
			l.join(second, routerID+"/24", routerV6+"/64")
			b.start(second, b.config(neighbour))
			start := time.Now()
			wantRoutes(second)
			t.Logf("%s: the replacing router has the routes after %.1f s", b.name, time.Since(start).Seconds())
		})
	}
}

// linkLocal returns the address that the link has of itself.
func (n *node) linkLocal(link string) (address string) {
	n.t.Helper()
	err := n.Do(func() error {
		ifi, err := net.InterfaceByName(link)
		if err != nil {
			return err
		}
		all, err := ifi.Addrs()
		for _, a := range all {
			if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is6() && p.Addr().IsLinkLocalUnicast() {
				address = p.Addr().String()
			}
		}
		return err
	})
	if err != nil || address == "" {
		n.t.Fatalf("%s: no link-local address on %s: %v", n.name, link, err)
	}
	return address
}
