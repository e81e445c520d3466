package secondary

import (
	"math/rand/v2"
	"time"

	"github.com/miekg/dns"
)

// The bounds of what a SOA may ask for. A primary that lost its NOTIFYs should
// not leave a policy zone behind for weeks, and one that writes 0 should not be
// asked without end.
const (
	leastRefresh, mostRefresh = time.Second, 24 * time.Hour
	leastRetry, mostRetry     = time.Second, time.Hour
	// firstRetry and mostFirstRetry are for a zone that was never transferred,
	// and so has no SOA: each failure doubles the wait.
	firstRetry, mostFirstRetry = 5 * time.Second, 5 * time.Minute
	// notifyGap is the least time between the starts of two refreshes, however
	// many NOTIFYs come.
	notifyGap = time.Second
)

func seconds(n uint32) time.Duration { return time.Duration(n) * time.Second }

func refreshAfter(soa *dns.SOA) time.Duration {
	return min(max(seconds(soa.Refresh), leastRefresh), mostRefresh)
}

func retryAfter(soa *dns.SOA) time.Duration {
	return min(max(seconds(soa.Retry), leastRetry), mostRetry)
}

// expireAfter leaves time for one refresh and one retry, whatever the SOA says,
// as BIND does: less would withdraw a zone in between.
func expireAfter(soa *dns.SOA) time.Duration {
	return max(seconds(soa.Expire), refreshAfter(soa)+retryAfter(soa))
}

// firstRetryAfter is the wait after so many failures without any success.
func firstRetryAfter(failures int) time.Duration {
	return min(firstRetry<<min(failures-1, 10), mostFirstRetry)
}

// jittered is between three quarters and the whole of the wait, so that the zones
// of a primary that comes back do not all ask at once.
func jittered(d time.Duration) time.Duration { return d - rand.N(d/4+1) }
