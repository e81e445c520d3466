package command

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nearcast/nearcast/bgp/session"
)

// turnText describes the pending change of a session because of the file; "" for none.
func turnText(p session.Status, now time.Time) string {
	switch c := p.Change; {
	case c == nil:
		return ""
	case c.Until.IsZero():
		return c.Text
	case c.Until.After(now):
		return fmt.Sprintf("%s (in at most %s)", c.Text, length(c.Until.Sub(now)))
	default:
		return c.Text + " (now)"
	}
}

// peerText says why a session is down and what change is pending; "" for nothing.
func peerText(p session.Status, now time.Time) string {
	all := []string{problemText(p, now), turnText(p, now)}
	return strings.Join(slices.DeleteFunc(all, func(s string) bool { return s == "" }), "; ")
}
