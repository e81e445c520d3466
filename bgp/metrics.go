package bgp

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/nearcast/nearcast/bgp/vip"
)

// metrics are those of one speaker, in their own registry.
type metrics struct {
	registry    *prometheus.Registry
	transitions *prometheus.CounterVec
	checks      *prometheus.HistogramVec
	withdrawals *prometheus.HistogramVec
	reloads     *prometheus.CounterVec
	restored    prometheus.Counter
}

func newMetrics(s *speaker) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		transitions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "nearcast_bgp_vip_transitions_total", Help: "VIP state changes, by new state.",
		}, []string{"vip", "to"}),
		checks: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "nearcast_bgp_check_duration_seconds", Help: "Duration of checks, by result.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 4, 8),
		}, []string{"result"}),
		withdrawals: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "nearcast_bgp_withdraw_duration_seconds", Help: "Time from the check result that took a VIP down until its path was deleted, and until an UPDATE was sent.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 3, 10),
		}, []string{"stage"}),
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "nearcast_bgp_reloads_total", Help: "Configuration reloads, by result.",
		}, []string{"result"}),
		restored: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "nearcast_bgp_addresses_restored_total", Help: "Addresses that another program removed from this machine and the speaker restored.",
		}),
	}
	m.registry.MustRegister(m.transitions, m.checks, m.withdrawals, m.reloads, m.restored, snapshot{s},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// serve answers Prometheus at the address; "" for none.
func (m *metrics) serve(address string) (stop func(), err error) {
	if address == "" {
		return func() {}, nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("bgp: metrics: %w", err)
	}
	server := &http.Server{Handler: m.handler(), ReadTimeout: scrape, WriteTimeout: scrape, ConnState: atMost(scrapers)}
	return serve(server, listener), nil
}

// handler serves all metrics that can be collected: one failing series does not affect others.
func (m *metrics) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", &inTurn{handler: promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})})
	return mux
}

// scrape limits the duration of one request for metrics.
const scrape = 10 * time.Second

func (m *metrics) reloaded(good bool) {
	result := "refused"
	if good {
		result = "good"
	}
	m.reloads.WithLabelValues(result).Inc()
}

// forget drops a VIP's metrics: tenants can make up addresses, whose metrics would otherwise be
// kept forever.
func (m *metrics) forget(addr netip.Addr) {
	m.transitions.DeletePartialMatch(prometheus.Labels{"vip": addr.String()})
}

// The longest wait for an UPDATE to be sent, and the first polling interval, which then doubles,
// because counting UPDATEs queries every session.
const (
	sentWait = time.Second
	sentLook = time.Millisecond
)

// checked records one check.
func (m *metrics) checked(failure error, took time.Duration) {
	result := "passed"
	if failure != nil {
		result = "failed"
	}
	m.checks.WithLabelValues(result).Observe(took.Seconds())
}

// sent measures the time from the check result until more UPDATEs have been sent than before, and
// waits for that.
func (m *metrics) sent(ctx context.Context, at time.Time, before uint64, count func() uint64) {
	ctx, cancel := context.WithTimeout(ctx, sentWait)
	defer cancel()
	for look := sentLook; count() <= before; look *= 2 {
		if pause(ctx, look); ctx.Err() != nil {
			return
		}
	}
	m.withdrawals.WithLabelValues("sent").Observe(time.Since(at).Seconds())
}

// snapshot collects the status as metrics.
type snapshot struct{ s *speaker }

var (
	vipState   = prometheus.NewDesc("nearcast_bgp_vip_state", "1 for the VIP's current state, 0 for the others.", []string{"vip", "state"}, nil)
	vipReason  = prometheus.NewDesc("nearcast_bgp_vip_reason", "1 for the reason of the VIP's state.", []string{"vip", "reason"}, nil)
	vipRoute   = prometheus.NewDesc("nearcast_bgp_vip_announced", "1 if the VIP is announced.", []string{"vip"}, nil)
	aggregate  = prometheus.NewDesc("nearcast_bgp_aggregate_announced", "1 if the aggregate is announced.", []string{"prefix"}, nil)
	peerUp     = prometheus.NewDesc("nearcast_bgp_session_up", "1 if the session is established.", []string{"peer"}, nil)
	peerUptime = prometheus.NewDesc("nearcast_bgp_session_uptime_seconds", "Time since the session was established.", []string{"peer"}, nil)
	peerDown   = prometheus.NewDesc("nearcast_bgp_session_problem", "1 for the reason why the session is down or lacks a family.", []string{"peer", "reason"}, nil)
	peerChange = prometheus.NewDesc("nearcast_bgp_session_change", "1 while the session differs from the file, or was reset to match it and is not established again.", []string{"peer", "phase"}, nil)
	received   = prometheus.NewDesc("nearcast_bgp_session_received_routes", "Routes received from the router; all are rejected.", []string{"peer"}, nil)
	ignored    = prometheus.NewDesc("nearcast_bgp_hints_ignored", "Hints of the resolver that were ignored, because the VIP belongs to the configuration or to another namespace.", nil, nil)
	unsaved    = prometheus.NewDesc("nearcast_bgp_drains_unsaved", "1 if drains are only in memory, because their file cannot be written.", nil, nil)
	refusals   = prometheus.NewDesc("nearcast_bgp_refused", "Addresses that Services requested and that are not announced for them.", nil, nil)
)

// Describe implements prometheus.Collector.
func (c snapshot) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{vipState, vipReason, vipRoute, aggregate, peerUp, peerUptime, received, peerDown, peerChange, refusals, ignored, unsaved} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c snapshot) Collect(ch chan<- prometheus.Metric) {
	st := c.s.Status()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for _, v := range st.VIPs {
		for _, state := range vip.States() {
			gauge(vipState, truth(v.State == state), v.Address, string(state))
		}
		gauge(vipReason, 1, v.Address, string(v.Reason.Code))
		gauge(vipRoute, truth(v.Announced), v.Address)
	}
	for _, a := range st.Aggregates {
		gauge(aggregate, truth(a.Announced), a.Prefix)
	}
	for _, p := range st.Peers {
		gauge(peerUp, truth(p.State == "established"), p.Name())
		gauge(peerUptime, time.Duration(p.Uptime).Seconds(), p.Name())
		gauge(received, float64(p.Received), p.Name())
		if p.Reason != "" {
			gauge(peerDown, 1, p.Name(), string(p.Reason))
		}
		if p.Change != nil {
			gauge(peerChange, 1, p.Name(), string(p.Change.Phase))
		}
	}
	gauge(refusals, float64(st.RefusedInAll))
	gauge(ignored, float64(len(st.IgnoredHints)))
	gauge(unsaved, truth(st.DrainsUnsaved != ""))
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
