package download

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// The zones are those of the configuration, and the results a fixed set: nobody
// outside can make this grow.
var results = promauto.NewCounterVec(prometheus.CounterOpts{
	Name: "coredns_rpz_downloads_total",
	Help: "Results of downloading a policy zone's list by HTTPS and of saving its copy on disk, by zone and result.",
}, []string{"zone", "result"})
