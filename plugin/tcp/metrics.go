package tcp

import (
	"github.com/coredns/coredns/plugin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

var (
	opened = promauto.NewGauge(prometheus.GaugeOpts{
		Namespace: plugin.Namespace, Subsystem: "tcp", Name: "connections",
		Help: "Open client connections.",
	})
	cuts = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace, Subsystem: "tcp", Name: "cut_total",
		Help: "Connections closed to make room for new ones, by the limit that was reached: connections, network or files.",
	}, []string{"bound"})
)

// bound is the bound for which a connection is closed.
type bound string

const (
	byAll     bound = "connections"
	byNetwork bound = "network"
	byFiles   bound = "files"
)

func (b bound) count() { cuts.WithLabelValues(string(b)).Inc() }
