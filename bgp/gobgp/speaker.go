// Package gobgp announces routes with an embedded GoBGP. Only this package imports osrg/gobgp.
package gobgp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/osrg/gobgp/v4/api"
	"github.com/osrg/gobgp/v4/pkg/apiutil"
	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"
	"github.com/osrg/gobgp/v4/pkg/server"

	"github.com/nearcast/nearcast/bgp"
	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/turns"
)

// Speaker is a bgp.Announcer. It listens on a port only if configured to.
type Speaker struct {
	server   *server.BgpServer
	asn      uint32
	routerID netip.Addr
	listens  uint16 // the port that routers connect to; 0 for none
	log      *slog.Logger

	announced map[netip.Prefix]route.Route // only Set uses it

	ctx     context.Context // for the goroutines beside the calls
	cancel  context.CancelFunc
	running sync.WaitGroup

	chronicle *chronicle
	frozen    atomic.Bool // no more turns

	mu           sync.Mutex
	peers        map[string]*peer // by config.Peer.Name
	turns        turns.Turns      // of the same
	selection    selection
	prepends     []int // of the policy
	beginTimeout time.Duration

	announceFor time.Duration
}

// announceFor is how long Set announces before it returns to let the caller check for withdrawals:
// 5,000 routes to 50 peers take several seconds.
const announceFor = 100 * time.Millisecond

// NewSpeaker starts without peers. It never accepts a route from a peer. It also starts if ctx has
// ended: only Close ends it.
func NewSpeaker(ctx context.Context, config *config.Config, log *slog.Logger) (*Speaker, error) {
	s := &Speaker{
		asn: config.ASN, routerID: config.RouterID, log: log, announced: map[netip.Prefix]route.Route{},
		chronicle: newChronicle(), peers: map[string]*peer{}, beginTimeout: beginTimeout, announceFor: announceFor,
		selection: newSelection(),
	}
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.server = server.NewBgpServer(server.LoggerOption(slog.New(scribe{bfdGuard{quiet(log).Handler(), log}, s.chronicle, nil}), nil))
	go s.server.Serve() // returns after StopBgp
	global := &api.Global{Asn: config.ASN, RouterId: config.RouterID.String(), ListenPort: -1}
	for _, at := range listenable(config.Listen, log) {
		s.listens, global.ListenPort = at.Port(), int32(at.Port())
		global.ListenAddresses = append(global.ListenAddresses, at.Addr().String())
	}
	err := s.server.StartBgp(s.ctx, &api.StartBgpRequest{Global: global})
	if err == nil {
		err = s.protect(s.ctx)
	}
	if err == nil {
		err = s.watchPeers()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("bgp: start: %w", err), s.Close(time.Second))
	}
	s.running.Go(s.tend)
	return s, nil
}

// Set implements bgp.Announcer.
func (s *Speaker) Set(routes []route.Route) ([]route.Route, error) {
	want := make(map[netip.Prefix]bool, len(routes))
	for _, r := range routes {
		want[r.Prefix] = true
	}
	// Withdraw first: a site that can no longer serve is the urgent case. A route that fails does
	// not delay the others.
	var errs []error
	for prefix := range s.announced {
		if want[prefix] {
			continue
		}
		if err := s.withdraw(prefix); err != nil {
			errs = append(errs, fmt.Errorf("withdraw %s: %w", prefix, err))
			continue
		}
		delete(s.announced, prefix)
	}
	if err := s.choose(routes); err != nil {
		return s.held(), errors.Join(append(errs, err)...) // their recipients are unknown
	}
	errs = append(errs, s.sendToConcerned()) // before new routes: some may no longer be for them
	began, some := time.Now(), false
	for _, r := range routes {
		if before, known := s.announced[r.Prefix]; known && before.SameAs(r) {
			s.announced[r.Prefix] = r
			continue
		}
		if some && errors.Join(errs...) == nil && time.Since(began) > s.announceFor {
			return s.held(), bgp.ErrMore
		}
		if err := s.announce(r); err != nil {
			errs = append(errs, fmt.Errorf("announce %s: %w", r.Prefix, err))
			continue
		}
		s.announced[r.Prefix], some = r, true
	}
	if err := errors.Join(errs...); err != nil {
		return s.held(), err
	}
	return routes, nil
}

// held returns what is announced.
func (s *Speaker) held() []route.Route { return slices.Collect(maps.Values(s.announced)) }

func (s *Speaker) announce(r route.Route) error {
	path, err := pathOf(r, s.asn)
	if err == nil {
		err = s.canPrepend(r.Prepend)
	}
	if err == nil {
		_, err = s.server.AddPath(apiutil.AddPathRequest{Paths: []*apiutil.Path{path}})
	}
	return err
}

// withdraw names the path: without one, GoBGP deletes every path.
func (s *Speaker) withdraw(prefix netip.Prefix) error {
	nlri, err := gobgp.NewIPAddrPrefix(prefix)
	if err != nil {
		return err
	}
	return s.server.DeletePath(apiutil.DeletePathRequest{Paths: []*apiutil.Path{{
		Family: familyOf(prefix), Nlri: nlri, Withdrawal: true,
	}}})
}

// settleTime is how long withdrawals may take to be sent before the sessions end.
const settleTime = 100 * time.Millisecond

// Close implements bgp.Announcer. GoBGP's own stop has no time limit.
func (s *Speaker) Close(deadline time.Duration) error {
	s.cancel()
	done := make(chan error, 1)
	go func() {
		s.running.Wait()
		_, err := s.Set(nil)
		time.Sleep(settleTime)
		s.server.Stop()
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-time.After(deadline):
		return fmt.Errorf("bgp: sessions did not end within %s", deadline)
	}
}
