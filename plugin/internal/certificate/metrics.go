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
		Help: "When the certificate in use expires, in seconds since 1970, by its file.",
	}, []string{"file"})
	loads = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace, Subsystem: subsystem, Name: "loads_total",
		Help: "Changed certificates, by their file and by result: used or refused.",
	}, []string{"file", "result"})
)
