package interop

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestARouterBeyondAnotherRequiresMultihop: the router between them decrements the TTL.
func TestARouterBeyondAnotherRequiresMultihop(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short: it waits to see that no session comes up")
	}
	const (
		between = "203.0.113.1"
		beyond  = "203.0.113.2"
	)
	for _, b := range brands {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t)
			near, far := n.lan("lan"), n.lan("far")
			middle, r := n.node("middle"), n.node("r1")
			near.join(middle, routerID+"/24")
			far.join(middle, between+"/24")
			far.join(r, beyond+"/24")
			r.via(between)
			r.ip("route", "add", "192.0.2.0/24", "via", between)
			plain := strings.Replace(config(1, hold3.keys, vip4), fmt.Sprintf("address: %q", routerID), fmt.Sprintf("address: %q", beyond), 1)
			p := &peering{brand: b, node: r, lan: near, vip: watch(r, prefix(vip4)), site: near.site(1, plain)}
			text := b.config(one(func(n *neighbour) { n.hops = 2 }))
			if b.name == "BIRD" { // which looks for next hops in its own table
				text += fmt.Sprintf("protocol static { ipv4; route 192.0.2.0/24 via %s; }\n", between)
			}
			p.router = b.start(r, text)
			p.wantNoSession("the speaker's TTL is 1")
			start := time.Now()
			p.site.speaker.rewrite(strings.Replace(plain, hold3.keys, hold3.keys+", multihop: 2", 1))
			p.vip.becomes(start, comeback, between)
			established(r, p.router, p.site.v4)
			if best, err := p.best(prefix(vip4)); err != nil || best.nextHop != p.site.v4 {
				t.Errorf("got %+v, %v, want it from %s", best, err, p.site.v4)
			}
			p.site.speaker.rewrite(plain)
			p.wantNoSession("the speaker's TTL is 1 again")
		})
	}
}
