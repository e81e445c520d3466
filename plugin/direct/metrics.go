package direct

import (
	"github.com/coredns/coredns/plugin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

var queries = promauto.NewCounterVec(prometheus.CounterOpts{
	Namespace: plugin.Namespace, Subsystem: "direct", Name: "queries_total",
	Help: "Queries read from direct's own sockets, by server and by path: in_place or handed_over.",
}, []string{"server", "how"})

// counters are those of one server.
type counters struct{ inPlace, handedOver prometheus.Counter }

func countersOf(server string) counters {
	return counters{queries.WithLabelValues(server, "in_place"), queries.WithLabelValues(server, "handed_over")}
}

// add counts the queries of one batch.
func (c counters) add(inPlace, handedOver int) {
	c.inPlace.Add(float64(inPlace))
	c.handedOver.Add(float64(handedOver))
}
