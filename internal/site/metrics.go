package site

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/nearcast/nearcast/internal/steering/steer"
)

// The names follow CoreDNS's convention: these are the metrics of the nearcast plugin.
const prefix = "coredns_nearcast_"

var publishDuration = promauto.NewHistogramVec(prometheus.HistogramOpts{
	Name:    prefix + "publish_duration_seconds",
	Help:    "Time to build and publish a table after a change, in seconds, by source.",
	Buckets: prometheus.ExponentialBuckets(0.0001, 4, 8),
}, []string{"source"})

// collector reads the running Sites when it is scraped, so that nothing is reported of a
// Site that has stopped.
type collector struct{}

var (
	descCandidates = prometheus.NewDesc(prefix+"candidates", "Candidates in the default horizon by verdict.", []string{"source", "verdict"}, nil)
	descAge        = prometheus.NewDesc(prefix+"state_age_seconds", "Time since the source was last in sync with its origin, in seconds.", []string{"source"}, nil)
	descClusters   = prometheus.NewDesc(prefix+"clusters", "Clusters of the federation.", []string{"source"}, nil)
	descFunctions  = prometheus.NewDesc(prefix+"functions", "Functions served.", []string{"source"}, nil)
	descTargets    = prometheus.NewDesc(prefix+"probe_targets", "Targets probed.", []string{"source"}, nil)
	descUnderWay   = prometheus.NewDesc(prefix+"probes_in_flight", "Probes in flight.", []string{"source"}, nil)
	descLag        = prometheus.NewDesc(prefix+"probe_lag_seconds", "Delay of the most overdue probe, in seconds.", []string{"source"}, nil)
	descRefused    = prometheus.NewDesc(prefix+"refused_inputs", "Objects, files and lines refused because they are invalid.", []string{"source"}, nil)
)

func init() { prometheus.MustRegister(collector{}) }

func (collector) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{descCandidates, descAge, descClusters, descFunctions, descRefused, descTargets, descUnderWay, descLag} {
		ch <- desc
	}
}

func (collector) Collect(ch chan<- prometheus.Metric) {
	for _, s := range running() {
		source := s.config.Source.Key()
		gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, append([]string{source}, labels...)...)
		}
		v := s.View()
		if v == nil {
			continue
		}
		targets, underWay := s.prober.Count()
		gauge(descTargets, float64(targets))
		gauge(descUnderWay, float64(underWay))
		gauge(descLag, s.prober.Lag().Seconds())
		gauge(descAge, time.Since(s.Confirmed()).Seconds())
		gauge(descClusters, float64(len(v.State.Clusters)))
		gauge(descFunctions, float64(v.State.Count()))
		gauge(descRefused, float64(v.State.Refused()))
		for _, tier := range steer.Tiers {
			gauge(descCandidates, float64(v.Standing.Candidates[tier]), tier.String())
		}
	}
}
