package gobgp

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"github.com/osrg/gobgp/v4/api"
	"github.com/osrg/gobgp/v4/pkg/apiutil"
	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"
	"github.com/osrg/gobgp/v4/pkg/server"

	"github.com/nearcast/nearcast/bgp/route"
)

// Router is a peer for speakers: it waits for them to connect, stores what they announce and
// announces nothing. The lab and the tests use it; it forwards no packets.
type Router struct {
	server *server.BgpServer
}

// Route is one path in a Router's table.
type Route struct {
	Prefix  string
	NextHop string
	From    string
	ASPath  string
}

// NewRouter listens on an address and port for the given peers, keyed by address with their ASN.
func NewRouter(ctx context.Context, asn uint32, listen netip.AddrPort, peers map[netip.Addr]uint32, log *slog.Logger) (*Router, error) {
	r := &Router{server: server.NewBgpServer(server.LoggerOption(quiet(log), nil))}
	go r.server.Serve() // returns after StopBgp
	err := r.server.StartBgp(ctx, &api.StartBgpRequest{Global: &api.Global{
		Asn: asn, RouterId: listen.Addr().String(), ListenPort: int32(listen.Port()),
		ListenAddresses: []string{listen.Addr().String()}, UseMultiplePaths: true,
	}})
	if err != nil {
		r.server.Stop()
		return nil, fmt.Errorf("router: %w", err)
	}
	err = r.server.SetPolicyAssignment(ctx, &api.SetPolicyAssignmentRequest{Assignment: &api.PolicyAssignment{
		Name: "global", Direction: api.PolicyDirection_POLICY_DIRECTION_EXPORT,
		DefaultAction: api.RouteAction_ROUTE_ACTION_REJECT,
	}})
	for peer, peerASN := range peers {
		if err != nil {
			break
		}
		err = r.server.AddPeer(ctx, &api.AddPeerRequest{Peer: &api.Peer{
			Conf:      &api.PeerConf{NeighborAddress: peer.String(), PeerAsn: peerASN},
			Transport: &api.Transport{PassiveMode: true},
			Timers:    &api.Timers{Config: &api.TimersConfig{IdleHoldTimeAfterReset: idleAfterReset}},
			AfiSafis:  []*api.AfiSafi{{Config: &api.AfiSafiConfig{Family: apiFamily(route.FamilyOf(peer)), Enabled: true}}},
		}})
	}
	if err != nil {
		r.Close()
		return nil, fmt.Errorf("router: %w", err)
	}
	return r, nil
}

// Table returns all announced paths, sorted by prefix and peer.
func (r *Router) Table() ([]Route, error) {
	var routes []Route
	for _, family := range []gobgp.Family{gobgp.RF_IPv4_UC, gobgp.RF_IPv6_UC} {
		err := r.server.ListPath(apiutil.ListPathRequest{
			TableType: api.TableType_TABLE_TYPE_GLOBAL, Family: family,
		}, func(prefix gobgp.NLRI, paths []*apiutil.Path) {
			for _, p := range paths {
				routes = append(routes, routeOf(prefix, p))
			}
		})
		if err != nil {
			return nil, fmt.Errorf("router: %w", err)
		}
	}
	slices.SortFunc(routes, func(a, b Route) int {
		return slices.Compare([]string{a.Prefix, a.From}, []string{b.Prefix, b.From})
	})
	return routes, nil
}

func routeOf(prefix gobgp.NLRI, p *apiutil.Path) Route {
	r := Route{Prefix: prefix.String(), From: p.PeerAddress.String()}
	for _, attr := range p.Attrs {
		switch attr := attr.(type) {
		case *gobgp.PathAttributeNextHop:
			r.NextHop = attr.Value.String()
		case *gobgp.PathAttributeMpReachNLRI:
			r.NextHop = attr.Nexthop.String()
		case *gobgp.PathAttributeAsPath:
			r.ASPath = gobgp.AsPathString(attr)
		}
	}
	return r
}

// Close ends the sessions. GoBGP's own stop has no time limit.
func (r *Router) Close() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = r.server.StopBgp(context.Background(), &api.StopBgpRequest{}) // an error means that it has already stopped
	}()
	select {
	case <-done:
	case <-time.After(settleTime * 20):
	}
}
