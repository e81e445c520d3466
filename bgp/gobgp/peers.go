package gobgp

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/osrg/gobgp/v4/api"

	"github.com/nearcast/nearcast/bgp"
)

const (
	// connectRetry is when GoBGP would connect again by itself, in seconds, which pace is
	// ahead of, and a second more than a connection may take. The kernel needs three to say
	// that a router does not answer on its link.
	connectRetry = 5
	// idleAfterReset likewise: the default holds a peer for 30 s.
	idleAfterReset = 1
	// gtsmTTL is that of a packet that no router has forwarded (RFC 5082).
	gtsmTTL = 255
	// patience is how long a session may take to begin, from the first attempt. GoBGP
	// would give a router that took its connection four minutes for the first word,
	// and take no other meanwhile.
	patience = 15 * time.Second
)

// peer is one that is declared. s.mu guards it.
type peer struct {
	config bgp.Peer
	// addr is where it is; invalid while it has not been found on its link.
	addr netip.Addr
	// extended is set while it takes IPv6 next hops of IPv4 routes (RFC 8950).
	extended bool
	// next are the settings that it gets when it has been drained; nil for none.
	next *bgp.Peer
	// added is set while GoBGP has it; problem is why it does not, "" if it does.
	added   bool
	problem string
	// waiting is since when its session has been about to begin; zero where it is not.
	waiting time.Time
	// trouble is how its session fails.
	trouble trouble
}

// SetPeers implements bgp.Announcer.
func (s *Speaker) SetPeers(peers []bgp.Peer, dwell time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for name, p := range s.peers {
		if !slices.ContainsFunc(peers, func(o bgp.Peer) bool { return o.Name() == name }) {
			errs = append(errs, s.remove(p))
			s.forget(p)
			delete(s.peers, name)
		}
	}
	for i := range peers {
		config := &peers[i]
		p := s.peers[config.Name()]
		switch {
		case p == nil:
			p = &peer{config: *config, trouble: trouble{since: time.Now()}}
			s.peers[config.Name()] = p
			errs = append(errs, s.applyPolicy(), s.add(p))
		case p.next != nil:
			*p.next = *config
		case !p.config.Equal(config):
			s.change(p, config, dwell)
		default:
			p.config = *config // where its settings come from may have changed
		}
	}
	return errors.Join(append(errs, s.applyPolicy())...)
}

// change gives a peer other settings: its routers are asked to move their traffic,
// and its session, and no other, is begun anew.
func (s *Speaker) change(p *peer, config *bgp.Peer, dwell time.Duration) {
	next := *config
	p.next = &next
	wait := time.Duration(0)
	if p.addr.IsValid() && s.isEstablished(p.addr) {
		wait = dwell
		s.refresh(p)
	}
	s.running.Go(func() {
		select {
		case <-s.ctx.Done():
			return
		case <-time.After(wait):
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.peers[p.config.Name()] != p {
			return // removed meanwhile
		}
		err := s.remove(p)
		s.forget(p)
		p.config, p.next, p.extended = *p.next, nil, false
		p.trouble = trouble{since: time.Now()}
		if err := errors.Join(err, s.applyPolicy(), s.add(p)); err != nil {
			s.log.Error("a peer could not be changed", "peer", p.config.Name(), "error", err)
		}
	})
}

// applyPolicy declares the policy as the peers are now.
func (s *Speaker) applyPolicy() error {
	var all []exception
	for _, p := range s.peers {
		if p.addr.IsValid() {
			all = append(all, p.exceptions()...)
		}
	}
	if err := s.setPolicy(all); err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	return nil
}

// refresh has a peer told anew what it is told otherwise by now.
func (s *Speaker) refresh(p *peer) {
	err := s.applyPolicy()
	if err == nil {
		err = s.server.ResetPeer(s.ctx, &api.ResetPeerRequest{Address: p.addr.String(), Soft: true, Direction: api.ResetPeerRequest_DIRECTION_OUT})
	}
	if err != nil {
		s.log.Error("a peer could not be told anew", "peer", p.config.Name(), "error", err)
	}
}

// add begins the peer's session, or leaves it to lookAtLinks.
func (s *Speaker) add(p *peer) error {
	if p.config.Interface != "" && !p.addr.IsValid() {
		p.problem = "no neighbour was found on " + p.config.Interface + " yet"
		return nil
	}
	if p.config.Interface == "" {
		p.addr = p.config.Address
	}
	s.listenTo(p)
	config := p.config
	config.Passive = config.Passive || p.trouble.parked()
	err := s.server.AddPeer(s.ctx, &api.AddPeerRequest{Peer: apiPeer(&config, p.addr)})
	if err != nil {
		err = fmt.Errorf("peer %s: %w", p.config.Name(), err)
		p.problem = err.Error()
		return err
	}
	p.added, p.problem = true, ""
	return nil
}

// remove ends the peer's session.
func (s *Speaker) remove(p *peer) error {
	if !p.added { // GoBGP panics where the address is empty
		return nil
	}
	if p.config.Password != "" {
		// DeletePeer leaves the listener's key behind.
		without := p.config
		without.Password = ""
		if _, err := s.server.UpdatePeer(s.ctx, &api.UpdatePeerRequest{Peer: apiPeer(&without, p.addr)}); err != nil {
			return fmt.Errorf("peer %s: %w", p.config.Name(), err)
		}
	}
	if err := s.server.DeletePeer(s.ctx, &api.DeletePeerRequest{Address: p.addr.String()}); err != nil {
		return fmt.Errorf("peer %s: %w", p.config.Name(), err)
	}
	p.added = false
	return nil
}

// apiPeer is the peer as GoBGP has it. Graceful restart is off: it would have a
// dead speaker's routes live on.
func apiPeer(p *bgp.Peer, addr netip.Addr) *api.Peer {
	hold := uint64(p.HoldTime / time.Second)
	peer := &api.Peer{
		Conf:      &api.PeerConf{NeighborAddress: addr.String(), PeerAsn: p.ASN, AuthPassword: string(p.Password)},
		Transport: &api.Transport{RemotePort: uint32(p.Port), PassiveMode: p.Passive, IpTos: networkControl, BindInterface: p.Device},
		Timers: &api.Timers{Config: &api.TimersConfig{
			ConnectRetry: connectRetry, HoldTime: hold, KeepaliveInterval: hold / 3,
			IdleHoldTimeAfterReset: idleAfterReset,
		}},
	}
	for _, f := range p.Families {
		peer.AfiSafis = append(peer.AfiSafis, &api.AfiSafi{
			Config:       &api.AfiSafiConfig{Family: apiFamily(f), Enabled: true},
			PrefixLimits: &api.PrefixLimit{Family: apiFamily(f), MaxPrefixes: bgp.MostReceived},
		})
	}
	if p.LocalAddress.IsValid() {
		peer.Transport.LocalAddress = p.LocalAddress.String()
	}
	if p.GTSM {
		peer.TtlSecurity = &api.TtlSecurity{Enabled: true, TtlMin: gtsmTTL}
	}
	if p.Multihop > 0 {
		peer.EbgpMultihop = &api.EbgpMultihop{Enabled: true, MultihopTtl: uint32(p.Multihop)}
	}
	if p.BFD {
		interval := uint32(p.BFDInterval / time.Microsecond)
		peer.Bfd = &api.BfdPeerConfig{
			Enabled: true, DesiredMinimumTxInterval: interval, RequiredMinimumReceive: interval, DetectionMultiplier: uint32(p.BFDMultiplier),
		}
	}
	return peer
}

// networkControl is the traffic class of routing protocols, CS6 (RFC 4594, section 3.1): networks
// carry it when they drop other traffic. Routers mark their own packets so.
const networkControl = 0xc0

func apiFamily(f bgp.Family) *api.Family {
	afi := api.Family_AFI_IP
	if f == bgp.IPv6 {
		afi = api.Family_AFI_IP6
	}
	return &api.Family{Afi: afi, Safi: api.Family_SAFI_UNICAST}
}
