// Package seldom limits how often events that strangers cause are logged, so that senders of packets cannot flood
// the log. Its memory is fixed, and so is the number of lines in a given time, however many networks the packets
// come from or pretend to come from.
//
// What tenants cause is limited by their namespace in package site, which lets several lines pass at once.
package seldom

import (
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/nearcast/nearcast/plugin/internal/client"
)

const (
	// every is how often one network's events of one kind are logged: often enough to
	// see that they go on.
	every = time.Minute
	// most is how many causes are distinguished in that time, which bounds the log to about one line a second.
	most = 64
)

// Log writes lines with a function such as Warningf of CoreDNS's loggers. Its methods are safe for concurrent use.
type Log struct {
	write func(format string, args ...any)

	mu sync.Mutex
	of map[cause]*account
	// rest counts all events that come while there are most causes.
	rest account
}

// cause is what similar events have in common.
type cause struct {
	network netip.Prefix
	kind    string
}

// account counts similar events.
type account struct {
	// next is when an event is logged again.
	next time.Time
	// more counts the events that were not logged.
	more int
}

// New returns a Log that writes with the function.
func New(write func(format string, args ...any)) *Log {
	return &Log{write: write, of: map[cause]*account{}}
}

// Printf logs an event of the kind caused from the address, unless one of that kind and network was logged within
// the last minute. The next line says how many were not logged.
func (l *Log) Printf(from netip.Addr, kind, format string, args ...any) {
	more, due := l.due(cause{client.Network(from), kind}, time.Now())
	if !due {
		return
	}
	text := fmt.Sprintf(format, args...)
	if more > 0 {
		text = fmt.Sprintf("%s (and %d more like it)", text, more)
	}
	l.write("%s", text)
}

// due reports whether the event is logged, and how many before it were not.
func (l *Log) due(c cause, now time.Time) (more int, due bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.account(c, now)
	if now.Before(a.next) {
		a.more++
		return 0, false
	}
	more = a.more
	*a = account{next: now.Add(every)}
	return more, true
}

// account returns the account of the cause.
func (l *Log) account(c cause, now time.Time) *account {
	if a := l.of[c]; a != nil {
		return a
	}
	if len(l.of) == most {
		l.forget(now)
	}
	if len(l.of) == most {
		return &l.rest
	}
	a := new(account)
	l.of[c] = a
	return a
}

// forget removes accounts that are a minute old. The events that they did not log are added to rest.
func (l *Log) forget(now time.Time) {
	for c, a := range l.of {
		if !now.Before(a.next) {
			l.rest.more += a.more
			delete(l.of, c)
		}
	}
}
