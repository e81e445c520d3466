package bgp

import (
	"strings"
	"testing"
	"time"
)

// peersAlone is an announcer of which the sessions alone are asked.
type peersAlone struct {
	Announcer
	peers []PeerStatus
}

func (p peersAlone) Peers() []PeerStatus { return p.peers }

// TestAMetricSaysWhyASessionIsDown also holds that a session that is well has no reason.
func TestAMetricSaysWhyASessionIsDown(t *testing.T) {
	config, err := Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	s := newSpeaker(Options{Config: config, Announcer: peersAlone{peers: []PeerStatus{
		{Address: "192.0.2.1", State: "established"},
		{Address: "192.0.2.2", State: "idle", Reason: Refused, Problem: "connection refused"},
		{Interface: "eth1", Address: "fe80::1%eth1", State: "established", Reason: NoFamily, Problem: "no ipv6"},
	}}})
	if s.drains, err = openDrains(""); err != nil {
		t.Fatal(err)
	}
	s.publish(time.Now())
	families, err := s.metrics.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, family := range families {
		if family.GetName() != "nearcast_bgp_session_problem" {
			continue
		}
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			got = append(got, strings.Join(labels, ","))
		}
	}
	if want := "peer=192.0.2.2,reason=refused peer=eth1,reason=no-family"; strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
}
