package command

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"github.com/nearcast/nearcast/bgp"
	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/session"
	"github.com/nearcast/nearcast/bgp/vip"
)

// aChosenStatus returns a status with routes for some peers only, and peers with additional attributes.
func aChosenStatus() bgp.Status {
	number := func(n uint32) *uint32 { return &n }
	up := []string{"ipv4"}
	return bgp.Status{
		ASN: 64512, RouterID: "192.0.2.11",
		Peers: []session.Status{
			{Address: "192.0.2.1", ASN: 64500, State: "established", Families: up, Export: route.Export{Attributes: &route.Attributes{Prepend: 2, MED: number(10)}}},
			{Address: "192.0.2.2", ASN: 64512, State: "established", Families: up, Leaving: true, Export: route.Export{
				Attributes: &route.Attributes{LocalPreference: number(200)}, Preferences: []route.Preference{{From: 100, To: 200}, {From: 50, To: 150}},
			}},
			{Address: "192.0.2.3", ASN: 64512, State: "established", Families: up, Export: route.Export{
				Attributes: &route.Attributes{LocalPreference: number(200)}, Preferences: []route.Preference{{From: 100, To: 200}, {From: 50, To: 150}},
			}},
			{Interface: "eth1", Address: "fe80::1%eth1", ASN: 64501, State: "established", Families: up, Export: route.Export{
				VIPs: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/26")},
			}},
		},
		VIPs: []vip.Status{
			{Address: "198.51.100.53", State: vip.Up, Announced: true, Attributes: &route.Attributes{Prepend: 1}, Peers: []string{"192.0.2.1", "eth1"}, Since: time.Now().Add(-49*time.Hour - 30*time.Minute)},
			{Address: "198.51.100.80", State: vip.Up, Announced: true, Attributes: &route.Attributes{}, Since: time.Now().Add(-49*time.Hour - 30*time.Minute)},
			{Address: "198.51.100.81", State: vip.Up, Announced: true, Attributes: &route.Attributes{LocalPreference: number(50)}, OwnPreference: true, Since: time.Now().Add(-49*time.Hour - 30*time.Minute)},
			{Address: "198.51.100.82", State: vip.Down, Peers: []string{"192.0.2.9"}, Since: time.Now().Add(-49*time.Hour - 30*time.Minute)},
		},
		Aggregates: []vip.AggregateStatus{
			{Prefix: "198.51.100.0/24", State: vip.Up, Announced: true, Attributes: &route.Attributes{}, Peers: []string{"192.0.2.1"}},
			{Prefix: "203.0.113.0/24", State: vip.Down},
		},
	}
}

func TestBGPShowsWhatEachPeerIsSent(t *testing.T) {
	for _, test := range []struct {
		args []string
		want []string
	}{
		{[]string{"status"}, []string{
			"192.0.2.1 is sent additional attributes: AS prepended 2 times, MED 10",
			"192.0.2.2 is sent additional attributes: local preference 200; is leaving: its routes carry graceful-shutdown until its session is reset",
			"fe80::1%eth1 is sent only routes in 198.51.100.0/26",
			"198.51.100.53 up to 2 of 2 (192.0.2.1, fe80::1%eth1) 2d1h ago",
			"198.51.100.80 up to 3 of 3 (192.0.2.1, 192.0.2.2, 192.0.2.3) 2d1h ago",
			"198.51.100.82 down no 2d1h ago",
			"198.51.100.0/24 up to 1 of 1 (192.0.2.1)",
			"203.0.113.0/24 down no",
		}},
		{[]string{"explain", "198.51.100.53"}, []string{
			"192.0.2.1 64500 yes, with AS prepended 3 times, MED 10",
			"192.0.2.2 64512 no: it is announced to other peers only",
			"fe80::1%eth1 64501 yes, with AS prepended 1 times",
		}},
		{[]string{"explain", "198.51.100.80"}, []string{
			"192.0.2.1 64500 yes, with AS prepended 2 times, MED 10",
			"192.0.2.2 64512 yes, with local preference 1, communities graceful-shutdown",
			"192.0.2.3 64512 yes, with local preference 200",
			"fe80::1%eth1 64501 no: it is not in the vips of the peer",
		}},
		{[]string{"explain", "198.51.100.81"}, []string{
			"192.0.2.3 64512 yes, with local preference 50",
		}},
		{[]string{"explain", "198.51.100.82"}, []string{
			"192.0.2.1 64500 no: it is announced to other peers only",
		}},
	} {
		text, _, err := ask(t, aChosenStatus(), test.args...)
		if err != nil {
			t.Error(err)
		}
		wantLines(t, text, test.want)
	}
	text, _, err := ask(t, aChosenStatus(), "explain", "198.51.100.80", "-o", "json")
	var e explainedVIP
	if err != nil || json.Unmarshal([]byte(text), &e) != nil || len(e.Sessions) != 4 {
		t.Fatalf("%v: %s", err, text)
	}
	if s := e.Sessions[0]; !s.Sent || !s.Meant || s.Attributes.Prepend != 2 || *s.Attributes.MED != 10 {
		t.Errorf("got %+v", s)
	}
	if s := e.Sessions[3]; s.Sent || s.Meant || s.Attributes != nil {
		t.Errorf("got %+v", s)
	}
}

// TestARouteForAGatewayIsSentToItsRouters holds that the name in the file stands for each of the routers.
func TestARouteForAGatewayIsSentToItsRouters(t *testing.T) {
	st := aChosenStatus()
	st.Peers[0].Gateway, st.Peers[2].Gateway = route.IPv4, route.IPv4
	st.VIPs[0].Peers = []string{"gateway/ipv4"}
	text, _, err := ask(t, st, "explain", "198.51.100.53")
	if err != nil {
		t.Fatal(err)
	}
	wantLines(t, text, []string{
		"gateway/ipv4/192.0.2.1 64500 yes, with AS prepended 3 times, MED 10",
		"192.0.2.2 64512 no: it is announced to other peers only",
		"gateway/ipv4/192.0.2.3 64512 yes, with local preference 200",
		"fe80::1%eth1 64501 no: it is announced to other peers only",
	})
}
