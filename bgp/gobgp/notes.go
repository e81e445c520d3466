package gobgp

import (
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/osrg/gobgp/v4/api"
	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"github.com/nearcast/nearcast/bgp/outage"
	"github.com/nearcast/nearcast/internal/base/brief"
)

// notes records what is known about the sessions with one address: from GoBGP's log, which is the
// only source for the fate of a connection, from its events, and from overheard packets.
type notes struct {
	wake chan<- struct{} // signalled when there is something to do
	// watching is set while the session is down: GoBGP's log is read in full only then.
	watching atomic.Bool

	mu      sync.Mutex
	attempt outage.Attempt // the current attempt
	before  outage.Attempt // the previous attempt, if known is set
	known   bool
	trying  bool      // a connection was begun in this attempt
	failed  bool      // the attempt failed, and that was not handled yet
	over    bool      // the attempt is over
	keyed   bool      // this end signs its packets
	called  bool      // the router tries to connect, and that was not handled yet
	last    time.Time // when it last did so
	since   time.Time // when the attempt began
}

// begin begins an attempt; established is set if it already is a session.
func (n *notes) begin(established bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case established:
		n.before, n.known = outage.Attempt{}, false
	case n.over:
		n.before, n.known = n.attempt, true
	}
	n.since = time.Now()
	n.attempt = outage.Attempt{Established: established, Called: n.attempt.Called}
	n.trying, n.failed, n.over, n.called = false, false, false, false
	n.watching.Store(!established)
}

// seen returns what was seen of the last failed attempt, and whether there was one.
func (n *notes) seen() (last outage.Attempt, known bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.over {
		return n.attempt, true
	}
	return n.before, n.known
}

// take reports, once, whether the attempt has failed and whether the router tries to connect again
// after a pause.
func (n *notes) take() (failed, called bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	failed, called = n.failed, n.called
	n.failed, n.called = false, false
	return failed, called
}

// ends records what ends the attempt, and wakes the goroutine that begins the next one.
func (n *notes) ends(change func(*outage.Attempt)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change(&n.attempt)
	n.failed = n.failed || !n.over
	n.over = true
	n.rouse()
}

// newsAfter is the pause after which a connection attempt of the router is news: its configuration
// has changed, or it is back.
const newsAfter = 30 * time.Second

// listen starts reading what GoBGP logs; keyed is set if this end signs its packets.
func (n *notes) listen(keyed bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.keyed = keyed
	n.watching.Store(true)
}

// hear takes a segment. A router that tries to connect and signs as this end does justifies an
// attempt if it did not before, or was not present.
func (n *notes) hear(ears *outage.Ears, segment []byte, ttl int, now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	of := &n.attempt
	if n.known && !n.trying && now.Sub(n.since) < heard {
		of = &n.before // this attempt has no connection yet
	}
	if !ears.Hear(segment, ttl, of) {
		return
	}
	n.attempt.Called = of.Called
	news := now.Sub(n.last) > newsAfter || errors.Is(n.attempt.Connect, syscall.ECONNREFUSED)
	n.last = now
	if news && n.keyed == (*n.attempt.Called == outage.MD5) {
		n.called = true
		n.rouse()
	}
}

func (n *notes) rouse() {
	select {
	case n.wake <- struct{}{}:
	default: // it is about to be looked at anyhow
	}
}

// ended handles an event: a session, or one that was about to begin, has ended.
func (n *notes) ended(was gobgp.FSMState, reason api.PeerState_DisconnectReason, at time.Time) {
	if n.isLate(was, at) {
		return
	}
	n.ends(func(a *outage.Attempt) {
		switch reason {
		case api.PeerState_DISCONNECT_REASON_READ_FAILED, api.PeerState_DISCONNECT_REASON_WRITE_FAILED:
			a.Closed = true
		case api.PeerState_DISCONNECT_REASON_INVALID_MSG:
			// A NOTIFICATION arrived instead of the first KEEPALIVE, and GoBGP drops it.
			a.Unread = was == gobgp.BGP_FSM_OPENCONFIRM
		}
	})
}

// established reports whether the attempt became a session.
func (n *notes) established() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.attempt.Established && !n.over
}

// isLate reports whether an event belongs to an earlier attempt: on a busy machine, events arrive
// late.
func (n *notes) isLate(was gobgp.FSMState, at time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return was == gobgp.BGP_FSM_ESTABLISHED != n.attempt.Established || at.Before(n.since)
}

// What GoBGP logs about connections. TestGoBGPReportsTheOutcomeOfConnections fails if a version logs
// something else.
const (
	logTrying   = "try to connect"
	logRefused  = "failed to connect"
	logEnded    = "outgoing connection IO error"
	logSent     = "sent notification"
	logReceived = "received notification"
	logUp       = "Peer Up"
)

// read handles what GoBGP logs about the peer.
func (n *notes) read(record slog.Record) {
	switch record.Message {
	case logUp:
		n.begin(true)
	case logTrying:
		n.tryAgain()
	case logRefused:
		n.ends(func(a *outage.Attempt) { a.Connect = errorOf(textOf(record, "Error")) })
	case logEnded:
		n.ends(func(a *outage.Attempt) { a.Closed = true })
	case logSent:
		sent := notificationOf(record)
		n.ends(func(a *outage.Attempt) {
			a.Sent = sent
			// GoBGP sends this in response to a NOTIFICATION in place of an OPEN, and drops the
			// NOTIFICATION.
			a.Unread = sent.Code == gobgp.BGP_ERROR_FSM_ERROR
		})
	case logReceived:
		received := notificationOf(record)
		n.ends(func(a *outage.Attempt) { a.Received = received })
	}
}

// tryAgain records that GoBGP connects. If it did so before and logged no outcome, the connection
// was closed before it could write.
func (n *notes) tryAgain() {
	n.mu.Lock()
	again := n.trying
	n.trying = true
	n.mu.Unlock()
	if again {
		n.ends(func(a *outage.Attempt) { a.Closed = true })
	}
}

func attributeOf(record slog.Record, key string) (value slog.Value) {
	record.Attrs(func(a slog.Attr) bool {
		if a.Key == key {
			value = a.Value
		}
		return a.Key != key
	})
	return value
}

func textOf(record slog.Record, key string) string { return attributeOf(record, key).String() }

// notificationOf returns the NOTIFICATION in a record. GoBGP has removed the operator's message
// from its data.
func notificationOf(record slog.Record) *outage.Notification {
	number := func(key string) uint8 {
		value := attributeOf(record, key)
		if value.Kind() != slog.KindInt64 {
			return 0
		}
		return uint8(value.Int64())
	}
	n := &outage.Notification{Code: number("Code"), Subcode: number("Subcode")}
	if words := attributeOf(record, "Communicated-Reason"); words.Kind() == slog.KindString && len(words.String()) < 1<<8 {
		n.Data = append([]byte{byte(len(words.String()))}, words.String()...)
	} else if data, ok := attributeOf(record, "Data").Any().([]byte); ok {
		n.Data = data
	}
	return n
}

// causes are the errors of failed connections; GoBGP has them only as text.
var causes = []error{
	syscall.ECONNREFUSED, syscall.EADDRNOTAVAIL, syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.EPERM, syscall.EACCES,
	syscall.ETIMEDOUT, syscall.ECONNRESET, os.ErrDeadlineExceeded,
}

func errorOf(text string) error {
	for _, cause := range causes {
		if strings.HasSuffix(text, cause.Error()) {
			return cause
		}
	}
	if i := strings.LastIndex(text, ": "); i >= 0 {
		text = text[i+2:]
	}
	return errors.New(brief.Text(text))
}
