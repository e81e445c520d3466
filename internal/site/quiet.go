package site

import (
	"fmt"
	"maps"
	"time"

	"golang.org/x/time/rate"
)

// What one namespace, or one source of errors, may have logged at once, and then how
// often: who writes objects must not fill the disk, nor hide what is said of others.
const (
	linesAtOnce = 64
	linesEvery  = 10 * time.Second
)

// quiet bounds log lines by whom they are about. The zero quiet has said nothing. It is
// not safe for concurrent use.
type quiet struct {
	spoken map[string]*spoken
}

type spoken struct {
	limit    *rate.Limiter
	withheld int
}

// allow reports whether a line may be logged, and how many were not since the last.
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

// andMore says in a line how many were not logged before it.
func andMore(withheld int) string {
	if withheld == 0 {
		return ""
	}
	return fmt.Sprintf(" (and %d more before it; nearcast status lists what is refused now)", withheld)
}
