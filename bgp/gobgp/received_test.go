package gobgp

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/osrg/gobgp/v4/api"
	"github.com/osrg/gobgp/v4/pkg/apiutil"

	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/session"
)

// TestARouterThatSendsItsTableIsReported sends routes, which are counted and rejected, and then more
// than the limit: the session ends, and the status says what to change and where.
func TestARouterThatSendsItsTableIsReported(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short: it sends 50,000 routes")
	}
	router, speaker := pair(t, "127.0.0.13")
	t.Cleanup(func() { _ = speaker.Close(5 * time.Second) })
	err := router.server.SetPolicyAssignment(t.Context(), &api.SetPolicyAssignmentRequest{Assignment: &api.PolicyAssignment{
		Name: "global", Direction: api.PolicyDirection_POLICY_DIRECTION_EXPORT, DefaultAction: api.RouteAction_ROUTE_ACTION_ACCEPT,
	}})
	if err != nil {
		t.Fatal(err)
	}
	send := func(from, to uint32) {
		var paths []*apiutil.Path
		for i := from; i < to; i++ {
			path, err := pathOf(route.Route{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, 10<<24+i<<4))), 28)}, 64500)
			if err != nil {
				t.Fatal(err)
			}
			paths = append(paths, path)
		}
		if _, err := router.server.AddPath(apiutil.AddPathRequest{Paths: paths}); err != nil {
			t.Fatal(err)
		}
	}
	send(0, 100)
	for end := time.Now().Add(30 * time.Second); speaker.Peers()[0].Received != 100; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("got %+v, want 100 routes received", speaker.Peers()[0])
		}
	}
	if _, err := speaker.Set([]route.Route{{Prefix: netip.MustParsePrefix("198.51.100.53/32")}}); err != nil {
		t.Fatal(err)
	}
	send(100, session.MostReceived+100)
	wantProblem(t, speaker, "sent-maximum-number-of-prefixes-reached", "configure it to send none")
}
