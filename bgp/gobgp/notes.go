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
	"github.com/nearcast/nearcast/internal/brief"
)

// notes are what is seen of the sessions with one address: by GoBGP's log, which alone
// says what became of a connection, by its events, and by what is overheard.
type notes struct {
	wake chan<- struct{} // has something when there is something to do
	// watching is set while the session is down: only then is GoBGP's log read to the end.
	watching atomic.Bool

	mu      sync.Mutex
	attempt outage.Attempt // the one that goes on
	before  outage.Attempt // the one before, where known is set
	known   bool
	trying  bool      // a connection of the attempt was begun
	failed  bool      // the attempt has, and it was not seen to yet
	over    bool      // the attempt has
	keyed   bool      // this end signs its packets
	called  bool      // the router tries to connect, and that was not seen to yet
	last    time.Time // when it did so
	since   time.Time // when the attempt was begun
}

// begin begins an attempt; established is set where it is a session.
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

// seen returns what was seen of the last attempt that failed, and whether one has.
func (n *notes) seen() (last outage.Attempt, known bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.over {
		return n.attempt, true
	}
	return n.before, n.known
}

// take reports, once, whether the attempt has failed and whether the router tries to connect
// after it was quiet.
func (n *notes) take() (failed, called bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	failed, called = n.failed, n.called
	n.failed, n.called = false, false
	return failed, called
}

// ends notes what ends the attempt, and wakes who is to begin another.
func (n *notes) ends(change func(*outage.Attempt)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change(&n.attempt)
	n.failed = n.failed || !n.over
	n.over = true
	n.rouse()
}

// newsAfter is how long a router that tries to connect has not, where that is news: its
// configuration has changed, or it is back.
const newsAfter = 30 * time.Second

// listen has what GoBGP logs read; keyed is set where this end signs its packets.
func (n *notes) listen(keyed bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.keyed = keyed
	n.watching.Store(true)
}

// hear takes a segment. A router that tries to connect and signs as this end does is worth an attempt:
// one that did not before, or was not there.
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

// ended takes an event: a session, or one that was about to begin, is over.
func (n *notes) ended(was gobgp.FSMState, reason api.PeerState_DisconnectReason, at time.Time) {
	if n.isLate(was, at) {
		return
	}
	n.ends(func(a *outage.Attempt) {
		switch reason {
		case api.PeerState_DISCONNECT_REASON_READ_FAILED, api.PeerState_DISCONNECT_REASON_WRITE_FAILED:
			a.Closed = true
		case api.PeerState_DISCONNECT_REASON_INVALID_MSG:
			// Instead of its first KEEPALIVE there was a NOTIFICATION, and GoBGP drops it.
			a.Unread = was == gobgp.BGP_FSM_OPENCONFIRM
		}
	})
}

// established reports whether the attempt is a session.
func (n *notes) established() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.attempt.Established && !n.over
}

// isLate reports whether an event is of an attempt before: on a busy machine it is told of late.
func (n *notes) isLate(was gobgp.FSMState, at time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return was == gobgp.BGP_FSM_ESTABLISHED != n.attempt.Established || at.Before(n.since)
}

// What GoBGP logs of connections. TestGoBGPTellsWhatBecomesOfConnections fails where a
// version says otherwise.
const (
	logTrying   = "try to connect"
	logRefused  = "failed to connect"
	logEnded    = "outgoing connection IO error"
	logSent     = "sent notification"
	logReceived = "received notification"
	logUp       = "Peer Up"
)

// read takes what GoBGP logs of the peer.
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
			// GoBGP answers so to a NOTIFICATION in the place of an OPEN, and drops it.
			a.Unread = sent.Code == gobgp.BGP_ERROR_FSM_ERROR
		})
	case logReceived:
		received := notificationOf(record)
		n.ends(func(a *outage.Attempt) { a.Received = received })
	}
}

// tryAgain takes note that GoBGP connects. Where it did before and nothing was said of that,
// the connection was closed before it could write.
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

// notificationOf returns the NOTIFICATION of a record. GoBGP has taken the operator's words
// out of its data.
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

// causes are those of connections that do not come about; GoBGP has them as text.
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
