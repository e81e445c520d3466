package ddr

import (
	"github.com/coredns/coredns/plugin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

var answered = promauto.NewCounterVec(prometheus.CounterOpts{
	Namespace: plugin.Namespace, Subsystem: "ddr", Name: "answers_total",
	Help: "Queries answered locally, by server and by answer: designation, nodata or apex.",
}, []string{"server", "answer"})
