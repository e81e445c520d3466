// Package seldom logs what strangers cause at most so often, so that who sends packets
// does not own the log. Its memory is fixed, and so is the number of lines in a time,
// however many networks the packets come from, or pretend to.
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
	// most are told apart in that time, which bounds the lines to about one a second.
	most = 64
)

// Log writes lines by means of a function such as Warningf of CoreDNS's loggers. Any
// goroutine may call its methods.
type Log struct {
	write func(format string, args ...any)

	mu sync.Mutex
	of map[cause]*account
	// rest is of all that come while there are most.
	rest account
}

// cause is what events are alike in.
type cause struct {
	network netip.Prefix
	kind    string
}

// account is of events that are alike.
type account struct {
	// next is when one is logged again.
	next time.Time
	// more counts those that were not.
	more int
}

// New returns a Log that writes with the function.
func New(write func(format string, args ...any)) *Log {
	return &Log{write: write, of: map[cause]*account{}}
}

// Printf logs an event of the kind that somebody at the address caused, unless one of
// the kind and network was logged within the last minute. The next line that is logged
// says how many were not.
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

// due reports whether the event is logged, and how many were not before it.
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

// account returns that of the cause.
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

// forget makes room of accounts that are a minute old. What they did not log counts as
// the rest's.
func (l *Log) forget(now time.Time) {
	for c, a := range l.of {
		if !now.Before(a.next) {
			l.rest.more += a.more
			delete(l.of, c)
		}
	}
}
