package judge

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/vip"
	"github.com/nearcast/nearcast/internal/steering/health"
)

// check is a check with its results.
type check struct {
	config  config.Check
	of      []*judged
	asks    netip.Addr // invalid for endpoints
	streak  health.Streak
	failure string // of the last result; "" if it passed
	last    time.Time
	inARow  int // consecutive equal results
}

// forget resets the check to one that was never run. From Down, even the first announcement needs
// its passes in a row.
func (ch *check) forget() {
	*ch = check{config: ch.config, of: ch.of, asks: ch.asks, streak: health.Streak{State: health.Down}}
}

// known reports whether the check has results, or is assumed to pass.
func (ch *check) known() bool { return !ch.last.IsZero() || ch.streak.State != health.Down }

func (ch *check) status() vip.CheckStatus {
	st := vip.CheckStatus{Name: ch.config.Name(), Scope: ch.config.Scope, Failure: ch.failure, Last: ch.last, InARow: ch.inARow}
	switch {
	case ch.last.IsZero():
		st.State = "unchecked"
	case ch.streak.State == health.Up:
		st.State = "passing"
	case ch.failure != "":
		st.State = "failing"
	default:
		st.State = "rising"
	}
	return st
}

// progress describes how many results a check still needs.
func (ch *check) progress(need int) string {
	passes := ch.inARow
	if ch.failure != "" {
		passes = 0
	}
	return fmt.Sprintf("%s passed %d of %d times", ch.config.Name(), min(passes, need), need)
}
