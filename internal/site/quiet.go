package site

import (
	"fmt"
	"maps"
	"time"

	"golang.org/x/time/rate"
)

// How many lines about one namespace, or one source of errors, may be logged at once, and
// how often after that: a tenant's objects must not fill the disk or hide messages about
// others.
const (
	linesAtOnce = 64
	linesEvery  = 10 * time.Second
)

// quiet limits log lines by their subject. The zero quiet has logged nothing. It is not
// safe for concurrent use.
//
// Package seldom of the plugins limits what strangers cause instead: it logs the first event
// of each network, and its memory is bounded. Here the subjects are namespaces, which the
// operator makes, and the first lines of each are worth having.
type quiet struct {
	spoken map[string]*spoken
}

type spoken struct {
	limit    *rate.Limiter
	withheld int
}

// allow reports whether a line may be logged, and how many were withheld since the last
// one.
func (q *quiet) allow(about string, now time.Time) (ok bool, withheld int) {
	if q.spoken == nil {
		q.spoken = map[string]*spoken{}
	}
	s := q.spoken[about]
	if s == nil {
		maps.DeleteFunc(q.spoken, func(_ string, s *spoken) bool {
			return s.withheld == 0 && s.limit.TokensAt(now) >= linesAtOnce
		})
		s = &spoken{limit: rate.NewLimiter(rate.Every(linesEvery), linesAtOnce)}
		q.spoken[about] = s
	}
	if !s.limit.AllowN(now, 1) {
		s.withheld++
		return false, 0
	}
	withheld, s.withheld = s.withheld, 0
	return true, withheld
}

// andMore returns text that says how many lines were withheld before this one.
func andMore(withheld int) string {
	if withheld == 0 {
		return ""
	}
	return fmt.Sprintf(" (and %d more before it; nearcast status lists what is refused now)", withheld)
}
