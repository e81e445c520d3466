// Package gobgp announces routes with an embedded GoBGP. It alone imports
// osrg/gobgp.
package gobgp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/osrg/gobgp/v4/api"
	"github.com/osrg/gobgp/v4/pkg/apiutil"
	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"
	"github.com/osrg/gobgp/v4/pkg/server"

	"github.com/nearcast/nearcast/bgp"
)

const (
	// connectRetry is GoBGP's least, in seconds. With its default of 120 a router
	// that comes up a little late waits for minutes.
	connectRetry = 2
	// idleAfterReset likewise: the default holds a peer for 30 s.
	idleAfterReset = 1
)

// Speaker is a bgp.Announcer. It listens on no port: it connects to its peers.
type Speaker struct {
	server    *server.BgpServer
	config    *bgp.Config
	announced map[netip.Prefix]bool
	stopWatch context.CancelFunc
}

// NewSpeaker starts the sessions. Nothing is announced yet, and nothing that a
// peer sends is ever accepted.
func NewSpeaker(ctx context.Context, config *bgp.Config, log *slog.Logger) (*Speaker, error) {
	s := &Speaker{config: config, announced: map[netip.Prefix]bool{}}
	s.server = server.NewBgpServer(server.LoggerOption(quiet(log), nil))
	go s.server.Serve() // ends with StopBgp
	err := s.server.StartBgp(ctx, &api.StartBgpRequest{Global: &api.Global{
		Asn: config.ASN, RouterId: config.RouterID.String(), ListenPort: -1,
	}})
	if err != nil {
		s.server.Stop()
		return nil, fmt.Errorf("bgp: start: %w", err)
	}
	if err := s.protect(ctx); err != nil {
		s.server.Stop()
		return nil, fmt.Errorf("bgp: policy: %w", err)
	}
	var watching context.Context
	watching, s.stopWatch = context.WithCancel(context.Background())
	err = s.watchPeers(watching, log)
	for i := range config.Peers {
		if err != nil {
			break
		}
		if err = s.addPeer(ctx, &config.Peers[i]); err != nil {
			err = fmt.Errorf("peer %s: %w", config.Peers[i].Address, err)
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("bgp: %w", err), s.Close(time.Second))
	}
	return s, nil
}

// protect lets our own routes in and out, and nobody else's. GoBGP's import
// policy applies to our own paths as well: rejecting all would drop them, and
// without an error.
func (s *Speaker) protect(ctx context.Context) error {
	own := &api.Policy{Name: "own", Statements: []*api.Statement{{
		Name:       "own",
		Conditions: &api.Conditions{RouteType: api.Conditions_ROUTE_TYPE_LOCAL},
		Actions:    &api.Actions{RouteAction: api.RouteAction_ROUTE_ACTION_ACCEPT},
	}}}
	if err := s.server.AddPolicy(ctx, &api.AddPolicyRequest{Policy: own}); err != nil {
		return err
	}
	for _, direction := range []api.PolicyDirection{
		api.PolicyDirection_POLICY_DIRECTION_IMPORT, api.PolicyDirection_POLICY_DIRECTION_EXPORT,
	} {
		err := s.server.SetPolicyAssignment(ctx, &api.SetPolicyAssignmentRequest{Assignment: &api.PolicyAssignment{
			Name: "global", Direction: direction, Policies: []*api.Policy{{Name: own.Name}},
			DefaultAction: api.RouteAction_ROUTE_ACTION_REJECT,
		}})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Speaker) addPeer(ctx context.Context, p *bgp.Peer) error {
	hold := uint64(p.HoldTime / time.Second)
	peer := &api.Peer{
		Conf:      &api.PeerConf{NeighborAddress: p.Address.String(), PeerAsn: p.ASN},
		Transport: &api.Transport{RemotePort: uint32(p.Port)},
		Timers: &api.Timers{Config: &api.TimersConfig{
			ConnectRetry: connectRetry, HoldTime: hold, KeepaliveInterval: hold / 3,
			IdleHoldTimeAfterReset: idleAfterReset,
		}},
		AfiSafis: families(p.Address),
	}
	if p.LocalAddress.IsValid() {
		peer.Transport.LocalAddress = p.LocalAddress.String()
	}
	return s.server.AddPeer(ctx, &api.AddPeerRequest{Peer: peer})
}

func families(a netip.Addr) []*api.AfiSafi {
	afi := api.Family_AFI_IP
	if a.Is6() {
		afi = api.Family_AFI_IP6
	}
	return []*api.AfiSafi{{Config: &api.AfiSafiConfig{
		Family: &api.Family{Afi: afi, Safi: api.Family_SAFI_UNICAST}, Enabled: true,
	}}}
}

// Set implements bgp.Announcer.
func (s *Speaker) Set(routes []netip.Prefix) error {
	want := make(map[netip.Prefix]bool, len(routes))
	for _, route := range routes {
		want[route] = true
	}
	// Withdraw first: a site that cannot serve any more is the urgent case. One
	// route that fails does not hold up the others.
	var errs []error
	for route := range s.announced {
		if want[route] {
			continue
		}
		if err := s.withdraw(route); err != nil {
			errs = append(errs, fmt.Errorf("withdraw %s: %w", route, err))
			continue
		}
		delete(s.announced, route)
	}
	for _, route := range routes {
		if s.announced[route] {
			continue
		}
		if err := s.announce(route); err != nil {
			errs = append(errs, fmt.Errorf("announce %s: %w", route, err))
			continue
		}
		s.announced[route] = true
	}
	return errors.Join(errs...)
}

func (s *Speaker) announce(route netip.Prefix) error {
	family, nextHop := familyOf(route)
	nlri, err := gobgp.NewIPAddrPrefix(route)
	if err != nil {
		return err
	}
	// An unspecified next hop becomes the session's local address.
	hop, err := gobgp.NewPathAttributeNextHop(nextHop)
	if err != nil {
		return err
	}
	_, err = s.server.AddPath(apiutil.AddPathRequest{Paths: []*apiutil.Path{{
		Family: family, Nlri: nlri, Age: time.Now().Unix(),
		Attrs: []gobgp.PathAttributeInterface{
			gobgp.NewPathAttributeOrigin(gobgp.BGP_ORIGIN_ATTR_TYPE_IGP), hop,
		},
	}}})
	return err
}

// withdraw names the path: GoBGP deletes every path if it is told of none.
func (s *Speaker) withdraw(route netip.Prefix) error {
	family, _ := familyOf(route)
	nlri, err := gobgp.NewIPAddrPrefix(route)
	if err != nil {
		return err
	}
	return s.server.DeletePath(apiutil.DeletePathRequest{Paths: []*apiutil.Path{{
		Family: family, Nlri: nlri, Withdrawal: true,
	}}})
}

func familyOf(route netip.Prefix) (gobgp.Family, netip.Addr) {
	if route.Addr().Is6() {
		return gobgp.RF_IPv6_UC, netip.IPv6Unspecified()
	}
	return gobgp.RF_IPv4_UC, netip.IPv4Unspecified()
}

// Peers implements bgp.Announcer.
func (s *Speaker) Peers() []bgp.PeerStatus { return listPeers(s.server) }

// settleTime is what the withdrawals get to leave before the sessions are ended.
const settleTime = 100 * time.Millisecond

// Close implements bgp.Announcer. GoBGP's own stop is not bounded.
func (s *Speaker) Close(deadline time.Duration) error {
	done := make(chan error, 1)
	go func() {
		err := s.Set(nil)
		time.Sleep(settleTime)
		if stopErr := s.server.StopBgp(context.Background(), &api.StopBgpRequest{}); err == nil {
			err = stopErr
		}
		if s.stopWatch != nil {
			s.stopWatch()
		}
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-time.After(deadline):
		return fmt.Errorf("bgp: the sessions did not end within %s", deadline)
	}
}

func (s *Speaker) watchPeers(ctx context.Context, log *slog.Logger) error {
	last := map[netip.Addr]gobgp.FSMState{}
	return s.server.WatchEvent(ctx, server.WatchEventMessageCallbacks{
		OnPeerUpdate: func(e *apiutil.WatchEventMessage_PeerEvent, _ time.Time) {
			st := e.Peer.State
			if e.Type != apiutil.PEER_EVENT_STATE || last[st.NeighborAddress] == st.SessionState {
				return
			}
			was, is := last[st.NeighborAddress], st.SessionState
			last[st.NeighborAddress] = is
			if was == gobgp.BGP_FSM_ESTABLISHED || is == gobgp.BGP_FSM_ESTABLISHED {
				log.Info("session changed", "peer", st.NeighborAddress, "state", stateName(is))
			}
		},
	}, server.WatchPeer())
}
