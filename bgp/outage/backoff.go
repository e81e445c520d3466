package outage

import (
	"math/rand/v2"
	"time"
)

// Pace is how soon attempts follow each other.
type Pace int

// The paces of attempts.
const (
	// Patient is for a router that said no.
	Patient Pace = iota
	// Away is for one that was not there: an attempt costs it nothing, and it is to be found soon
	// when it is back.
	Away
	// Slow is for one that does not answer, which each attempt waits for.
	Slow
)

// How long lies between two attempts: it doubles from least to most, or to mostAway.
const (
	least    = 2 * time.Second
	slow     = 8 * time.Second
	mostAway = 5 * time.Second
	most     = 30 * time.Second
	// jitter is the share by which a wait is longer or shorter, so that the speakers of many
	// sites do not come back at once.
	jitter = 0.25
)

// Wait is how long to wait after so many failures in a row, 1 for the first.
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

// Reminders say when an outage that goes on is to be logged: at once, and then ever more
// seldom. The zero value is ready; it is not safe for concurrent use.
type Reminders struct {
	said map[string]bool
	next time.Time
	wait time.Duration
}

// The first reminder comes after a minute, and they end up an hour apart.
const (
	firstReminder = time.Minute
	lastReminder  = time.Hour
)

// Due reports whether the outage is to be logged now for the reason: each reason is once, and
// the outage again by backoff.
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
