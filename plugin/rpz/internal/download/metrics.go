package download

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// The zones are those of the configuration, and the results a fixed set: nobody
// outside can make this grow.
var results = promauto.NewCounterVec(prometheus.CounterOpts{
	Name: "coredns_rpz_downloads_total",
	Help: "What came of asking for a policy zone's list by HTTPS, and of its copy on disk.",
}, []string{"zone", "result"})
