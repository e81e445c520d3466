package rrl

import (
	"github.com/coredns/coredns/plugin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

var limited = promauto.NewCounterVec(prometheus.CounterOpts{
	Namespace: plugin.Namespace,
	Subsystem: "rrl",
	Name:      "limited_total",
	Help:      "Answers that exceeded a limit, by the kind of limit and the action taken.",
}, []string{"kind", "action"})

// counters are resolved once: looking one up by its labels costs more than limiting an answer.
type counters [kinds][slip + 1]prometheus.Counter

// countersOf returns the counters by kind and verdict. With reportOnly, all verdicts have the same effect.
func countersOf(reportOnly bool) (c counters) {
	for k := range kinds {
		for v, action := range map[verdict]string{drop: "dropped", slip: "slipped"} {
			if reportOnly {
				action = "reported"
			}
			c[k][v] = limited.WithLabelValues(k.String(), action)
		}
	}
	return c
}
