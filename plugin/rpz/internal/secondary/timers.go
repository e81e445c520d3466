package secondary

import (
	"math/rand/v2"
	"time"

	"github.com/miekg/dns"
)

// These are the limits to the timers in a SOA. A policy zone must not stay out of date for weeks because NOTIFYs
// were lost, and a primary with a timer of 0 must not be queried without pause.
const (
	leastRefresh, mostRefresh = time.Second, 24 * time.Hour
	leastRetry, mostRetry     = time.Second, time.Hour
	// firstRetry and mostFirstRetry are for a zone that was never transferred,
	// and so has no SOA: each failure doubles the wait.
	firstRetry, mostFirstRetry = 5 * time.Second, 5 * time.Minute
	// notifyGap is the least time between the starts of two refreshes, however many NOTIFYs arrive.
	notifyGap = time.Second
)

func seconds(n uint32) time.Duration { return time.Duration(n) * time.Second }

func refreshAfter(soa *dns.SOA) time.Duration {
	return min(max(seconds(soa.Refresh), leastRefresh), mostRefresh)
}

func retryAfter(soa *dns.SOA) time.Duration {
	return min(max(seconds(soa.Retry), leastRetry), mostRetry)
}

// expireAfter leaves time for one refresh and one retry, whatever the SOA says, as BIND does: less would withdraw a
// zone between two refreshes.
func expireAfter(soa *dns.SOA) time.Duration {
	return max(seconds(soa.Expire), refreshAfter(soa)+retryAfter(soa))
}

// firstRetryAfter returns the wait after that many failures without a success.
func firstRetryAfter(failures int) time.Duration {
	return min(firstRetry<<min(failures-1, 10), mostFirstRetry)
}

// jittered returns between three quarters and the whole of the wait, so that the zones of a primary that recovers
// do not all send requests at once.
func jittered(d time.Duration) time.Duration { return d - rand.N(d/4+1) }
