package outage

import (
	"math/rand/v2"
	"time"
)

// Pace selects how quickly attempts follow each other.
type Pace int

// Paces of attempts.
const (
	// Patient is for a router that refused.
	Patient Pace = iota
	// Away is for a router that was not present: an attempt costs it nothing, and it should be
	// found soon after it returns.
	Away
	// Slow is for a router that does not answer, so that each attempt runs into a timeout.
	Slow
)

// The pause between two attempts doubles from least to most, or to mostAway.
const (
	least    = 2 * time.Second
	slow     = 8 * time.Second
	mostAway = 5 * time.Second
	most     = 30 * time.Second
	// jitter is the share by which a pause varies, so that the speakers of many sites do not return
	// at once.
	jitter = 0.25
)

// Wait returns how long to wait after consecutive failures; 1 is the first.
func Wait(failures int, pace Pace) time.Duration {
	first, last := least, most
	switch pace {
	case Away:
		last = mostAway
	case Slow:
		first = slow
	}
	wait := min(first<<min(failures-1, 10), last)
	return wait + time.Duration((rand.Float64()*2-1)*jitter*float64(wait))
}

// Reminders say when to log a continuing outage: at once, and then at growing intervals. The zero
// value is ready; it is not safe for concurrent use.
type Reminders struct {
	said map[string]bool
	next time.Time
	wait time.Duration
}

// The first reminder follows after a minute; the interval grows to an hour.
const (
	firstReminder = time.Minute
	lastReminder  = time.Hour
)

// Due reports whether to log the outage now for the reason: each reason once, and the outage again
// with backoff.
func (r *Reminders) Due(reason string, now time.Time) bool {
	fresh := !r.said[reason]
	if !fresh && now.Before(r.next) {
		return false
	}
	if r.said == nil {
		r.said = map[string]bool{}
	}
	r.said[reason] = true
	if r.wait == 0 {
		r.wait = firstReminder
	} else if !fresh {
		r.wait = min(2*r.wait, lastReminder)
	}
	r.next = now.Add(r.wait)
	return true
}
