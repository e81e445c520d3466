package interop

import "testing"

// TestGTSMIsForBothEndsOrNone: a packet of TTL 1 may have come from afar, and one
// end that insists on 255 does not take it.
func TestGTSMIsForBothEndsOrNone(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: it waits for sessions that do not come")
	}
	with := one(func(n *neighbour) { n.gtsm = true })
	for _, b := range brands {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			p := newPeering(t, b, one(), config(1, hold3.keys+", gtsm: true", vip4))
			p.wantNoSession("the speaker alone insists")
			p.reconfigure(with)
			p.wantSession()
			p.site.speaker.rewrite(config(1, hold3.keys, vip4))
			p.wantNoSession("the router alone insists")
			p.reconfigure(one())
			p.wantSession()
		})
	}
}
