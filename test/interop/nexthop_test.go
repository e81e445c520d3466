package interop

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// both changes the configuration of a site with one VIP so that it has that of the
// other family as well.
func both(text string) string {
	checks := fmt.Sprintf("    checks: [{dns: {server: \"[%s]:53\", name: %s}, rise: 2, fall: 2, interval: 200ms}]\n", vip6, zone)
	if strings.Contains(text, vip6) {
		return text + fmt.Sprintf("  - address: %q\n%s", vip4, strings.Replace(checks, "["+vip6+"]", vip4, 1))
	}
	return text + fmt.Sprintf("  - address: %q\n%s", vip6, checks)
}

// TestIPv4RoutesOverIPv6RequireARouterThatAcceptsThem tests RFC 8950 over a numbered
// session: a router that does not accept them has only the IPv6 routes, and the
// speaker says so.
func TestIPv4RoutesOverIPv6RequireARouterThatAcceptsThem(t *testing.T) {
	for _, b := range brands {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			site := siteAddresses(1)
			plain := neighbour{address: site.v6, asn: site.asn, families: []string{"ipv4", "ipv6"}}
			extended := plain
			extended.extended = true
			p := newPeering(t, b, plain, both(config(1, hold3.keys+", families: [ipv4, ipv6]", vip6)))
			v6 := watch(p.node, prefix(vip6))
			v6.becomes(time.Now(), comeback, site.v6)
			status, err := p.site.speaker.peer(routerV6)
			if err != nil || !strings.Contains(status.Problem, "RFC 8950") || !slices.Equal(status.Families, []string{"ipv6"}) {
				t.Errorf("the speaker reports %+v, %v", status, err)
			}
			if best, err := p.best(prefix(vip4)); !errors.Is(err, errNoPath) || p.vip.now() != "" {
				t.Errorf("the router has %+v, %v, and the route [%s]", best, err, p.vip.now())
			}
			start := time.Now()
			p.reconfigure(extended)
			p.vip.becomes(start, comeback, site.v6)
			v6.becomes(p.vip.since(start)[0].at, comeback, site.v6)
			eventually(t, "the speaker has no problem", slack, func() error {
				status, err := p.site.speaker.peer(routerV6)
				if err == nil && (status.Problem != "" || !slices.Equal(status.Families, []string{"ipv4", "ipv6"})) {
					err = fmt.Errorf("%+v", status)
				}
				return err
			})
			p.wantForwarded()
		})
	}
}

// TestIPv6RoutesOverIPv4HaveTheirNextHop uses one session for both families.
func TestIPv6RoutesOverIPv4HaveTheirNextHop(t *testing.T) {
	for _, b := range brands {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			keys := fmt.Sprintf("%s, families: [ipv4, ipv6], nextHop: %q", hold3.keys, siteAddresses(1).v6)
			p := newPeering(t, b, one(func(n *neighbour) { n.families = []string{"ipv4", "ipv6"} }), both(config(1, keys, vip4)))
			v6 := watch(p.node, prefix(vip6))
			p.wantSession()
			v6.becomes(time.Now(), slack, p.site.v6)
			best, err := p.best(prefix(vip6))
			if hop, _, _ := strings.Cut(best.nextHop, " "); err != nil || hop != p.site.v6 {
				t.Errorf("got %+v, %v, want it via %s", best, err, p.site.v6)
			}
			p.wantForwarded()
		})
	}
}

// wantForwarded asks both VIPs from beyond the router.
func (p *peering) wantForwarded() {
	p.node.t.Helper()
	outside, client := p.lan.lan("outside"), p.lan.node("client")
	outside.join(p.node, "203.0.113.1/24", "2001:db8:f::1/64")
	outside.join(client, "203.0.113.9/24", "2001:db8:f::9/64")
	client.via("203.0.113.1", "2001:db8:f::1")
	for _, vip := range []string{vip4, vip6} {
		// The first packets to a link may be lost to the resolution of addresses.
		eventually(p.node.t, "the client gets an answer from "+vip, slack, func() error {
			node, err := client.asks(vip, time.Second)
			if err == nil && node != "s1." {
				err = errors.New("got one from " + node)
			}
			return err
		})
	}
}
