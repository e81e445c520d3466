package judge

import (
	"time"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/vip"
	"github.com/nearcast/nearcast/internal/base/admin/hint"
)

// judged is a VIP with its current state.
type judged struct {
	config  config.VIP
	checks  []*check
	removed bool // is no longer declared

	state  vip.State
	reason vip.Reason
	since  time.Time
	// left is when it began to leave, zero if it is not leaving; dwells, whether it was announced
	// then.
	left   time.Time
	dwells bool
	// backed is since when its Services can be served; zero if they cannot, or if it has none.
	backed time.Time
	// wasUp is set from the first announcement on.
	wasUp bool
	flaps flapping

	wants wants
	due   due
}

// wants is what Desired says about a VIP.
type wants struct {
	// as is the state in which it is announced; "" if it is not.
	as vip.State
	// gone is set if it is neither announced nor served.
	gone bool
}

// follows reports whether a hint for the VIP moves it: either the hint is for functions in the
// namespace whose Services have the VIP, or the file allows hints for it.
func (v *judged) follows(h hint.Hint) bool {
	if owner := v.config.Namespace(); owner != "" {
		return h.Namespace == owner
	}
	return v.config.Hints
}

// configure applies the declaration to the VIP.
func (v *judged) configure(cfg config.VIP, now time.Time) {
	switch {
	case len(cfg.Owners) == 0 || cfg.Backing.State != vip.Backed:
		v.backed = time.Time{}
	case v.backed.IsZero():
		v.backed = now
	}
	v.config, v.removed = cfg, false
}
