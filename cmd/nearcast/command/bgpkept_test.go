package command

import (
	"net/netip"
	"testing"
	"time"

	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/session"
)

// TestAPeerThatLeavesIsShownWithWhatItIsStillSent although its route is now for other peers.
func TestAPeerThatLeavesIsShownWithWhatItIsStillSent(t *testing.T) {
	r := routed{prefix: netip.MustParsePrefix("198.51.100.53/32"), announced: true, attributes: &route.Attributes{}, peers: []string{"192.0.2.9"}}
	p := session.Status{Address: "192.0.2.1", State: "established", Families: []string{"ipv4"}}
	if why, meant := r.notSent(p, time.Now()); why != "it is announced to other peers only" || meant {
		t.Errorf("got %q, %t", why, meant)
	}
	p.Kept = []string{"198.51.100.53/32"}
	if why, meant := r.notSent(p, time.Now()); why != "" || !meant {
		t.Errorf("got %q, %t, but it is sent the route", why, meant)
	}
}
