package bgp

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/session"
)

// neighbourless is an announcer with peers that have not been found.
type neighbourless struct {
	*fakeAnnouncer
	peers []session.Status
}

func (n neighbourless) Peers() []session.Status { return n.peers }

// TestEveryPeerHasASeries: two of one name are an error, and Prometheus
// would get no metrics at all.
func TestEveryPeerHasASeries(t *testing.T) {
	for name, peers := range map[string][]session.Status{
		"two links without a neighbor":      {{Interface: "eth0"}, {Interface: "eth1"}, {Address: "192.0.2.1"}},
		"two links, one of them found":      {{Interface: "eth0", Address: "fe80::1%eth0"}, {Interface: "eth1"}},
		"two links with the same neighbor":  {{Interface: "eth0", Address: "fe80::1%eth0"}, {Interface: "eth1", Address: "fe80::1%eth1"}},
		"a link and its neighbor's address": {{Interface: "eth0", Address: "fe80::1%eth0"}, {Address: "fe80::1%eth0"}},
		"two routers of one default route":  {{Gateway: route.IPv4, Address: "192.0.2.1"}, {Gateway: route.IPv4, Address: "192.0.2.2"}, {Address: "192.0.2.3"}},
		"routers of two, not found yet":     {{Gateway: route.IPv4}, {Gateway: route.IPv6}, {Interface: "eth0"}},
		"only links, none of which exists":  {{Interface: "a"}, {Interface: "b"}, {Interface: "c"}},
	} {
		s := newSpeaker(Options{Config: &config.Config{}, Announcer: neighbourless{&fakeAnnouncer{t: t}, peers}, Log: discard})
		s.drains, _ = openDrains("")
		s.view.published.Store(&Status{})
		families, err := s.metrics.registry.Gather()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var seen int
		for _, f := range families {
			if f.GetName() == "nearcast_bgp_session_up" {
				seen = len(f.Metric)
			}
		}
		if seen != len(peers) {
			t.Errorf("%s: got %d series for %d peers", name, seen, len(peers))
		}
	}
}

// broken collects invalid metrics.
type broken struct{}

func (broken) Describe(chan<- *prometheus.Desc) {}
func (broken) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.NewInvalidMetric(vipState, errors.New("broken"))
}

// TestAnInvalidSeriesAffectsNoOther: liveness probes ask for metrics.
func TestAnInvalidSeriesAffectsNoOther(t *testing.T) {
	s := newSpeaker(Options{Config: &config.Config{}, Announcer: &fakeAnnouncer{t: t}, Log: discard})
	s.drains, _ = openDrains("")
	s.view.published.Store(&Status{})
	s.metrics.registry.MustRegister(broken{})
	reply := httptest.NewRecorder()
	s.metrics.handler().ServeHTTP(reply, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if reply.Code != http.StatusOK || !strings.Contains(reply.Body.String(), "nearcast_bgp_refused 0") {
		t.Errorf("%d %s", reply.Code, reply.Body)
	}
}

// TestAMetricSaysWhyASessionIsDown also checks that a session that is well has no reason, and that one that
// the file changes has its phase.
func TestAMetricSaysWhyASessionIsDown(t *testing.T) {
	s := newSpeaker(Options{Config: plainConfig(), Announcer: neighbourless{peers: []session.Status{
		{Address: "192.0.2.1", State: "established"},
		{Address: "192.0.2.2", State: "idle", Reason: session.Refused, Problem: "connection refused", Change: &session.Change{Phase: session.Overdue}},
		{Interface: "eth1", Address: "fe80::1%eth1", State: "established", Reason: session.NoFamily, Problem: "no ipv6"},
	}}})
	var err error
	if s.drains, err = openDrains(""); err != nil {
		t.Fatal(err)
	}
	s.publish(time.Now())
	families, err := s.metrics.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			got[family.GetName()] = append(got[family.GetName()], strings.Join(labels, ","))
		}
	}
	for name, want := range map[string]string{
		"nearcast_bgp_session_problem": "peer=192.0.2.2,reason=refused peer=eth1,reason=no-family",
		"nearcast_bgp_session_change":  "peer=192.0.2.2,phase=overdue",
	} {
		if strings.Join(got[name], " ") != want {
			t.Errorf("%s: got %v, want %s", name, got[name], want)
		}
	}
}
