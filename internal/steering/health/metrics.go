package health

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// probes counts what probing costs the federation.
var probes = promauto.NewCounterVec(prometheus.CounterOpts{
	Name: "coredns_nearcast_probes_total",
	Help: "Probes sent, by kind and result.",
}, []string{"kind", "result"})

func result(err error) string {
	switch {
	case err == nil:
		return "passed"
	case unable(err):
		return "unable"
	}
	return "failed"
}
