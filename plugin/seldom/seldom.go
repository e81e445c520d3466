// Package seldom logs what strangers cause at most so often, so that who sends packets
// does not own the log. Its memory is fixed, and so is the number of lines in a time,
// however many networks the packets come from, or pretend to.
package seldom

import (
	"fmt"
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"github.com/nearcast/nearcast/plugin/client"
)

const (
	// every is how often one network's events of one kind are logged: often enough to
	// see that it goes on.
	every = time.Minute
	// places bounds the lines in that time to about one per second.
	places = 64
)

// Log writes lines by means of a function such as Warningf of CoreDNS's loggers. Any
// goroutine may call its methods.
type Log struct {
	write func(format string, args ...any)
	seed  maphash.Seed

	mu     sync.Mutex
	places [places]place
}

// place is shared by the kinds of events whose hashes meet there.
type place struct {
	// next is when an event is logged again.
	next time.Time
	// more counts those that were not.
	more int
}

// cause is what events are alike in.
type cause struct {
	network netip.Prefix
	kind    string
}

// New returns a Log that writes with the function.
func New(write func(format string, args ...any)) *Log {
	return &Log{write: write, seed: maphash.MakeSeed()}
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
	at := maphash.Comparable(l.seed, c) % places
	l.mu.Lock()
	defer l.mu.Unlock()
	p := &l.places[at]
	if now.Before(p.next) {
		p.more++
		return 0, false
	}
	more = p.more
	*p = place{next: now.Add(every)}
	return more, true
}
