package secondary

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// The zones are those of the configuration, and the results a fixed set: nobody
// outside can make these grow.
var (
	results = promauto.NewCounterVec(prometheus.CounterOpts{
		Name: "coredns_rpz_transfers_total",
		Help: "Results of querying the primaries of a policy zone and of saving its copy on disk, by zone and result.",
	}, []string{"zone", "result"})
	skipped = promauto.NewCounterVec(prometheus.CounterOpts{
		Name: "coredns_rpz_transfer_skipped_records_total",
		Help: "Records of transfers that were ignored because they are outside the zone, by zone.",
	}, []string{"zone"})
)
