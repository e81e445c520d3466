package nearcast

import (
	"github.com/coredns/coredns/plugin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// outcome is the result of a query.
type outcome uint8

const (
	// outcomeAnswered: an address of a cluster that is up, or a VIP.
	outcomeAnswered outcome = iota
	// outcomeDegraded: the best cluster is leaving or its health is unknown.
	outcomeDegraded
	// outcomeFailOpen: all candidates are down and all were answered.
	outcomeFailOpen
	// outcomeFallback: the fallback was answered, since all candidates are down or there is none.
	outcomeFallback
	// outcomeFail: SERVFAIL, since all candidates are down.
	outcomeFail
	outcomeNoData
	outcomeAbsent
	// outcomeApex: the zone's own records.
	outcomeApex
	outcomeMalformed
	// outcomeBadCookie: the client must retry with the cookie that it was given.
	outcomeBadCookie
	outcomeNotReady
	outcomes
)

// String returns the label of queries_total.
func (o outcome) String() string {
	return [...]string{"answered", "degraded", "fail-open", "fallback", "fail", "nodata", "nxdomain", "apex", "malformed", "badcookie", "not-ready"}[o]
}

var queries = promauto.NewCounterVec(prometheus.CounterOpts{
	Namespace: plugin.Namespace,
	Subsystem: "nearcast",
	Name:      "queries_total",
	Help:      "Queries answered, by zone and outcome.",
}, []string{"zone", "outcome"})

// counters are resolved once per zone: looking a counter up by its labels costs
// more than the rest of an answer.
type counters [outcomes]prometheus.Counter

func countersOf(zone string) (c counters) {
	for o := range outcomes {
		c[o] = queries.WithLabelValues(zone, o.String())
	}
	return c
}
