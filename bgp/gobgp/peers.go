package gobgp

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/osrg/gobgp/v4/api"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/session"
)

const (
	// connectRetry is when GoBGP would reconnect by itself, in seconds. pace acts earlier. The
	// value is a second longer than a connection may take: the kernel needs three to report that a
	// router does not answer on its link.
	connectRetry = 5
	// idleAfterReset is also in seconds: the default holds a peer for 30 s.
	idleAfterReset = 1
	// gtsmTTL is the TTL of a packet that no router has forwarded (RFC 5082).
	gtsmTTL = 255
	// beginTimeout is how long a session may take to begin, from the first attempt. GoBGP would
	// wait four minutes for the first message of a router that accepted its connection, and would
	// not accept another connection meanwhile.
	beginTimeout = 15 * time.Second
)

// peer is a declared peer. s.mu guards it.
type peer struct {
	config config.Peer
	// addr is its address; invalid until it has been found on its link.
	addr netip.Addr
	// extended is set while it accepts IPv6 next hops for IPv4 routes (RFC 8950).
	extended bool
	// begun is set once its session should exist, and leaving while its router is asked to move its
	// traffic. phase is the last logged phase of its turn.
	begun, leaving bool
	// left is set while the file does not contain it: its turn to end has not come.
	left  bool
	phase session.Phase
	// asn is the router's AS number if the file leaves it open and an external session has reported
	// it; otherwise 0.
	asn uint32
	// added is set while GoBGP has the peer; problem is why it does not, "" if it does.
	added   bool
	problem string
	// waiting is since when its session has been about to begin; zero if it is not.
	waiting time.Time
	// trouble records how its session fails.
	trouble trouble
}

// SetPeers implements bgp.Announcer.
func (s *Speaker) SetPeers(peers []config.Peer, dwell time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.turns.Declare(peers, dwell)
	for i := range peers {
		config := &peers[i]
		p := s.peers[config.Name()]
		if p == nil {
			s.peers[config.Name()] = &peer{config: *config, trouble: trouble{since: now}}
			continue
		}
		if before, after := p.config.Export(), config.Export(); !before.Equal(&after) {
			s.selection.concern(p)
		}
		p.config.SetExport(config) // takes effect without a turn
		if p.config.Equal(config) {
			p.config = *config // the file or group that its settings come from may have changed
		}
	}
	s.leave(peers)
	return errors.Join(s.follow(s.sessionStates(), now), s.applyPolicy(), s.sendAgain())
}

// refresh applies the current policy and resends the peer its routes.
func (s *Speaker) refresh(p *peer) {
	err := s.applyPolicy()
	if err == nil {
		err = s.softReset(p)
	}
	if err != nil {
		s.log.Error("cannot send a peer its changed routes", "peer", p.config.Name(), "error", err)
	}
}

// softReset resends a peer its routes under the current policy, and withdraws those that are not
// for it (a soft reset outbound).
func (s *Speaker) softReset(p *peer) error {
	if !p.added {
		return nil
	}
	if err := s.server.ResetPeer(s.ctx, &api.ResetPeerRequest{Address: p.addr.String(), Soft: true, Direction: api.ResetPeerRequest_DIRECTION_OUT}); err != nil {
		return fmt.Errorf("soft reset of peer %s: %w", p.config.Name(), err)
	}
	return nil
}

// add begins the peer's session, or leaves that to lookAtLinks.
func (s *Speaker) add(p *peer) error {
	if p.config.Interface != "" && !p.addr.IsValid() {
		p.problem = "no neighbor discovered on " + p.config.Interface + " yet"
		return nil
	}
	if p.config.Interface == "" {
		p.addr = p.config.Address
	}
	if o := s.double(p); o != nil {
		p.problem = fmt.Sprintf("%s is also the address of the router on %s, which is sent other routes or attributes; the speaker cannot distinguish them by link-local address alone: give one of the routers another address", p.addr.WithZone(""), o.addr.Zone())
		return fmt.Errorf("peer %s: %s", p.config.Name(), p.problem)
	}
	s.listenTo(p)
	if p.asn != 0 { // from the previous session
		p.asn = 0
		if err := s.applyPolicy(); err != nil {
			return err
		}
	}
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

// double returns a peer with the same link-local address on another link that is sent other
// routes; nil for none. The export policy cannot distinguish links.
func (s *Speaker) double(p *peer) *peer {
	if p.addr.Zone() == "" {
		return nil
	}
	is := p.config.Export()
	for _, o := range s.peers {
		if other := o.config.Export(); o != p && o.added && o.addr.WithZone("") == p.addr.WithZone("") && !is.Equal(&other) {
			return o
		}
	}
	return nil
}

// remove ends the peer's session; the listener keeps the key of its router.
func (s *Speaker) remove(p *peer) error {
	if !p.added { // GoBGP panics if the address is empty
		return nil
	}
	if err := s.server.DeletePeer(s.ctx, &api.DeletePeerRequest{Address: p.addr.String()}); err != nil && s.has(p.addr) {
		return fmt.Errorf("peer %s: %w", p.config.Name(), err)
	}
	p.added = false
	return nil
}

// has reports whether GoBGP has a peer with the address.
func (s *Speaker) has(addr netip.Addr) (yes bool) {
	s.eachPeer(addr.String(), func(*api.Peer) { yes = true })
	return yes
}

// unkey removes the key of a removed peer's router from the listener: DeletePeer leaves it there,
// and UpdatePeer removes it.
func (s *Speaker) unkey(p *peer) error {
	if p.added || p.config.Password == "" || s.listens == 0 || !p.addr.IsValid() {
		return nil
	}
	config := config.Peer{ASN: p.config.ASN, Device: p.config.Device, Password: p.config.Password, HoldTime: p.config.HoldTime, Passive: true}
	keyed := apiPeer(&config, p.addr)
	config.Password = ""
	bare := apiPeer(&config, p.addr)
	keyed.Conf.AdminDown, bare.Conf.AdminDown = true, true
	err := s.server.AddPeer(s.ctx, &api.AddPeerRequest{Peer: keyed})
	if err == nil {
		_, err = s.server.UpdatePeer(s.ctx, &api.UpdatePeerRequest{Peer: bare})
		err = errors.Join(err, s.server.DeletePeer(s.ctx, &api.DeletePeerRequest{Address: p.addr.String()}))
	}
	if err != nil {
		return fmt.Errorf("peer %s: cannot set the TCP MD5 key of the listening socket: %w", p.config.Name(), err)
	}
	return nil
}

// apiPeer converts the peer to GoBGP's form. Graceful restart is off: it would keep the routes of a
// dead speaker.
func apiPeer(p *config.Peer, addr netip.Addr) *api.Peer {
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
			PrefixLimits: &api.PrefixLimit{Family: apiFamily(f), MaxPrefixes: session.MostReceived},
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
// still carry it when they drop other traffic. Routers mark their own packets the same way.
const networkControl = 0xc0

func apiFamily(f route.Family) *api.Family {
	afi := api.Family_AFI_IP
	if f == route.IPv6 {
		afi = api.Family_AFI_IP6
	}
	return &api.Family{Afi: afi, Safi: api.Family_SAFI_UNICAST}
}
