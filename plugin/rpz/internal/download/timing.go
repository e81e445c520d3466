package download

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// The limits of one request.
const (
	// dialTime is for connecting, and again for the TLS handshake.
	dialTime = 10 * time.Second
	// headTime is for the head of an answer, and idleTime for its next octets.
	headTime, idleTime = 30 * time.Second, 30 * time.Second
	// totalTime is for one list with its checksum. In that time the largest list passes at 2 Mbit/s.
	totalTime = 20 * time.Minute
)

const (
	// firstRetry and mostFirstRetry are for a list that was never received: meanwhile names that should be blocked
	// are answered, or none are. Each failure doubles the wait.
	firstRetry, mostFirstRetry = 5 * time.Second, 5 * time.Minute
	// retry is the first wait if there is a list; it doubles, up to the interval.
	retry = time.Minute
	// mostRetryAfter bounds how long a busy server may ask to wait.
	mostRetryAfter = 24 * time.Hour
)

// wait returns how long to wait until the next request, after one that failed with err.
func (l *List) wait(err error) time.Duration {
	if err == nil {
		return jittered(l.config.Refresh)
	}
	d := backoff(retry, l.config.Refresh, l.failures)
	if l.held == nil {
		d = backoff(firstRetry, mostFirstRetry, l.failures)
	}
	d = jittered(d)
	if busy, ok := errors.AsType[*busy](err); ok {
		d = max(d, busy.after)
	}
	return d
}

// backoff returns the wait after that many failures.
func backoff(first, most time.Duration, failures int) time.Duration {
	return min(first<<min(failures-1, 20), most)
}

// jittered returns between three quarters and the whole of the wait, so that the servers of a fleet do not all send
// requests at once.
func jittered(d time.Duration) time.Duration { return d - rand.N(d/4+1) }

// busy is a failure with the time after which the server accepts requests again.
type busy struct {
	error
	after time.Duration
}

func (b *busy) Unwrap() error { return b.error }

// retryAfter returns the Retry-After of an answer (RFC 9110, section 10.2.3); 0 if there is none.
func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if at, err := http.ParseTime(text); err == nil {
		return min(max(time.Until(at), 0), mostRetryAfter)
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0
	}
	return min(time.Duration(n)*time.Second, mostRetryAfter)
}
