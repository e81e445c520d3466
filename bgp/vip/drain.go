package vip

import (
	"fmt"
	"net/netip"
	"time"
)

// Drain moves traffic away from one VIP of this site, or from all, until it is removed or expires.
type Drain struct {
	// VIP is the zero Addr for all.
	VIP    netip.Addr `json:"vip,omitzero"`
	Reason string     `json:"reason,omitempty"`
	// Until is when it expires; zero for never.
	Until time.Time `json:"until,omitzero"`
}

// Ended reports whether the drain has expired.
func (d Drain) Ended(now time.Time) bool { return !d.Until.IsZero() && !now.Before(d.Until) }

// Covers reports whether the drain applies to the VIP.
func (d Drain) Covers(a netip.Addr) bool { return !d.VIP.IsValid() || d.VIP == a }

// Scope is what the drain applies to: the VIP, or "every VIP".
func (d Drain) Scope() string {
	if d.VIP.IsValid() {
		return d.VIP.String()
	}
	return "every VIP"
}

// String describes what is drained, and why.
func (d Drain) String() string {
	text := d.Scope() + " is drained"
	if d.Reason != "" {
		text += ": " + d.Reason
	}
	if !d.Until.IsZero() {
		text += fmt.Sprintf(" (until %s)", d.Until.Format(time.RFC3339))
	}
	return text
}
