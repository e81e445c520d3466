package nearcast

import (
	"time"

	"github.com/nearcast/nearcast/internal/steering/health"
	"github.com/nearcast/nearcast/internal/steering/steer"
)

// ttls are the few TTLs that answers have. Signatures are cached by content, and every other TTL would be another
// content.
type ttls struct {
	// least is for answers that will not last, most for those that nothing known ends.
	least, most time.Duration
	// probed is for answers that probes can end.
	probed time.Duration
	// zone is for the zone's own records, which only the Corefile changes.
	zone time.Duration
}

// bound sets probed to the time that probes take to change an answer, in steps that double the least, as gdnsd does
// with its thresholds.
func (t *ttls) bound(probe health.Config) {
	change := time.Duration(probe.Fall) * probe.Interval
	t.probed = t.least
	for t.probed*2 <= min(change, t.most) && t.probed > 0 {
		t.probed *= 2
	}
	if change >= t.most {
		t.probed = t.most
	}
}

// of returns the TTL for an answer with this choice.
func (t *ttls) of(c steer.Choice) time.Duration {
	ttl := t.most
	switch {
	case c.Lost(), c.Steered && (c.Tier != steer.Up || c.Shaky):
		ttl = t.least
	case c.Probed:
		ttl = t.probed
	}
	if c.TTL > 0 && c.TTL < ttl {
		ttl = max(c.TTL, t.least)
	}
	return ttl
}
