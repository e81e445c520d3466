package certificate

import (
	"github.com/coredns/coredns/plugin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

const subsystem = "certificate"

var (
	notAfter = promauto.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: plugin.Namespace, Subsystem: subsystem, Name: "not_after_timestamp_seconds",
		Help: "Expiry of the certificate in use as a Unix timestamp in seconds, by file.",
	}, []string{"file"})
	loads = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace, Subsystem: subsystem, Name: "loads_total",
		Help: "Certificate changes, by file and result: used or refused.",
	}, []string{"file", "result"})
)
