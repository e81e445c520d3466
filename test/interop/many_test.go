package interop

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestARouterGetsEveryOneOfAThousandDrainingRoutes checks that UPDATEs filled to their 4,096
// octets (RFC 4271, section 4) arrive, with all attributes of a draining route: while the session
// is up, and at a router that reconnects.
func TestARouterGetsEveryOneOfAThousandDrainingRoutes(t *testing.T) {
	const vips = 2000
	var text strings.Builder
	s := siteAddresses(1)
	fmt.Fprintf(&text, "asn: %d\nrouterID: %s\nstates: {draining: {dwell: 10m}}\npeers:\n  - {address: %s, asn: %d, holdTime: 9s}\nvips:\n", s.asn, s.v4, routerID, routerASN)
	for i := range vips {
		fmt.Fprintf(&text, "  - {address: 10.9.%d.%d, forwarded: true, checks: [{tcp: {address: \"%s:53\"}, rise: 1}]}\n", i/250, i%250+1, vip4)
	}
	for _, b := range brands {
		t.Run(b.name, func(t *testing.T) {
			p := newPeering(t, b, one(), text.String())
			leaving := func() error {
				n, err := leavingAt(p.router)
				if err == nil && n != vips {
					err = fmt.Errorf("%d of %d routes are draining", n, vips)
				}
				return err
			}
			eventually(t, "every route at the router", comeback, func() error {
				_, err := p.best(fmt.Sprintf("10.9.%d.%d/32", (vips-1)/250, (vips-1)%250+1))
				return err
			})
			p.site.tell(http.MethodPut)
			eventually(t, "every route is draining", comeback, leaving)
			p.stop()
			p.start()
			eventually(t, "every route is draining at a router that reconnected", comeback, leaving)
		})
	}
}

// leavingAt counts the routes with GRACEFUL_SHUTDOWN.
func leavingAt(r router) (n int, err error) {
	if f, ok := r.(*frr); ok {
		var table struct {
			Routes map[string]any `json:"routes"`
		}
		err := f.json(&table, "show bgp ipv4 unicast community graceful-shutdown json")
		return len(table.Routes), err
	}
	text, err := r.ask("show route table master4 where (65535, 0) ~ bgp_community count")
	if err != nil {
		return 0, err
	}
	if at := strings.Index(text, " routes for "); at < 0 {
		return 0, fmt.Errorf("BIRD: %s", text)
	}
	for line := range strings.Lines(text) {
		if _, err := fmt.Sscanf(line, "%d of", &n); err == nil {
			return n, nil
		}
	}
	return 0, fmt.Errorf("BIRD: %s", text)
}
