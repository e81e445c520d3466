package rpz

import (
	"github.com/coredns/coredns/plugin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
)

const subsystem = "rpz"

var (
	hits = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace, Subsystem: subsystem, Name: "hits_total",
		Help: "Rules that matched, by zone, trigger and action.",
	}, []string{"zone", "trigger", "action"})
	rules = promauto.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: plugin.Namespace, Subsystem: subsystem, Name: "rules",
		Help: "Rules of the generation in use, by zone and trigger.",
	}, []string{"zone", "trigger"})
	unusable = promauto.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: plugin.Namespace, Subsystem: subsystem, Name: "unusable_rules",
		Help: "Rules of the generation in use that are not applied, by zone and reason.",
	}, []string{"zone", "reason"})
	serial = promauto.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: plugin.Namespace, Subsystem: subsystem, Name: "serial",
		Help: "Serial of the generation in use.",
	}, []string{"zone"})
	expired = promauto.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: plugin.Namespace, Subsystem: subsystem, Name: "expired",
		Help: "1 while a zone's rules are withdrawn because no primary confirmed it before its SOA expire time.",
	}, []string{"zone"})
	switchedOff = promauto.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: plugin.Namespace, Subsystem: subsystem, Name: "disabled",
		Help: "1 while a zone is disabled by the command nearcast rpz disable.",
	}, []string{"zone"})
	loads = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace, Subsystem: subsystem, Name: "loads_total",
		Help: "Attempts to load a zone file, by zone and result.",
	}, []string{"zone", "result"})
	lookups = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace, Subsystem: subsystem, Name: "delegation_lookups_total",
		Help: "Look-ups of the name servers of a name's parent zones, by result.",
	}, []string{"result"})
)

// cachedLookups counts look-ups answered from the cache.
var cachedLookups = lookups.WithLabelValues("cached")

// undecidedTotal counts, by reason, how often it could not be decided whether a rule matches.
var undecidedTotal = promauto.NewCounterVec(prometheus.CounterOpts{
	Namespace: plugin.Namespace, Subsystem: subsystem, Name: "undecided_total",
	Help: "Queries to which nsdname or nsip rules could not be applied because name servers could not be looked up, by reason.",
}, []string{"reason"})

// undecided are its counters, resolved once.
var undecided = func() map[lack]prometheus.Counter {
	counters := map[lack]prometheus.Counter{}
	for _, why := range []lack{unanswered, refused, overQuery, overClient, overServer, overTime} {
		counters[why] = undecidedTotal.WithLabelValues(string(why))
	}
	return counters
}()

// The indexes of hits that changed nothing, among the counters. No matching rule has these actions.
const (
	countedShadow   policyzone.Action = 0
	countedDisabled policyzone.Action = 1
)

func countersOf(zone string) (c counters) {
	for trigger := range c {
		for action := range c[trigger] {
			label := policyzone.Action(action).String()
			switch policyzone.Action(action) {
			case countedShadow:
				label = "shadow"
			case countedDisabled:
				label = "disabled"
			}
			c[trigger][action] = hits.WithLabelValues(zone, policyzone.Trigger(trigger).String(), label)
		}
	}
	return c
}

// measure shows what a zone has; nil if its rules are withdrawn.
func measure(zone string, z *policyzone.Zone) {
	if z == nil {
		forget(zone)
		expired.WithLabelValues(zone).Set(1)
		return
	}
	for t := policyzone.ClientIP; t <= policyzone.NSIP; t++ {
		rules.WithLabelValues(zone, t.String()).Set(float64(z.Rules(t)))
	}
	unusable.WithLabelValues(zone, "malformed").Set(float64(len(z.Faults())))
	serial.WithLabelValues(zone).Set(float64(z.Serial()))
	expired.WithLabelValues(zone).Set(0)
}

// forget removes what measure showed.
func forget(zone string) {
	of := prometheus.Labels{"zone": zone}
	for _, gauge := range []*prometheus.GaugeVec{rules, unusable, serial, expired} {
		gauge.DeletePartialMatch(of)
	}
}
