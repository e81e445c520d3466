package interop

import "testing"

// TestGTSMRequiresBothEnds: a packet of TTL 1 may have come from far away, and an
// end that requires 255 does not accept it.
func TestGTSMRequiresBothEnds(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short: it waits to see that no session comes up")
	}
	with := one(func(n *neighbour) { n.gtsm = true })
	for _, b := range brands {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			p := newPeering(t, b, one(), config(1, hold3.keys+", gtsm: true", vip4))
			p.wantNoSession("only the speaker requires it")
			p.reconfigure(with)
			p.wantSession()
			p.site.speaker.rewrite(config(1, hold3.keys, vip4))
			p.wantNoSession("only the router requires it")
			p.reconfigure(one())
			p.wantSession()
		})
	}
}
