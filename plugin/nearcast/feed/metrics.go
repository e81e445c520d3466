package feed

import (
	"github.com/coredns/coredns/plugin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

var (
	transfers = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace, Subsystem: "nearcast", Name: "feed_transfers_total",
		Help: "Zone transfers of feeds, by zone and kind.",
	}, []string{"zone", "kind"})
	notifies = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace, Subsystem: "nearcast", Name: "feed_notifies_total",
		Help: "NOTIFY messages of feeds, by zone and result.",
	}, []string{"zone", "result"})
	descSerial = prometheus.NewDesc(plugin.Namespace+"_nearcast_feed_serial", "SOA serial of the feed, by zone.", []string{"zone"}, nil)
	descNames  = prometheus.NewDesc(plugin.Namespace+"_nearcast_feed_names", "Names in the feed, by zone.", []string{"zone"}, nil)
)

// collector reads the Books on each scrape.
type collector struct{}

func init() { prometheus.MustRegister(collector{}) }

func (collector) Describe(ch chan<- *prometheus.Desc) {
	ch <- descSerial
	ch <- descNames
}

func (collector) Collect(ch chan<- prometheus.Metric) {
	pool.Lock()
	newest := map[string]*history{}
	for key, b := range pool.books {
		if h := b.now.Load(); h != nil && (newest[key.policy] == nil || later(h.serial, newest[key.policy].serial)) {
			newest[key.policy] = h
		}
	}
	pool.Unlock()
	for name, h := range newest {
		ch <- prometheus.MustNewConstMetric(descSerial, prometheus.GaugeValue, float64(h.serial), name)
		ch <- prometheus.MustNewConstMetric(descNames, prometheus.GaugeValue, float64(len(h.nodes)), name)
	}
}
