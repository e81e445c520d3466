package gobgp

import (
	"net/netip"
	"time"

	"github.com/osrg/gobgp/v4/api"
	"github.com/osrg/gobgp/v4/pkg/apiutil"
	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"
	"github.com/osrg/gobgp/v4/pkg/server"
)

// watchPeers logs sessions that come up or go down, and records the capabilities of a new one.
func (s *Speaker) watchPeers() error {
	last := map[netip.Addr]gobgp.FSMState{}
	return s.server.WatchEvent(s.ctx, server.WatchEventMessageCallbacks{
		OnPeerUpdate: func(e *apiutil.WatchEventMessage_PeerEvent, at time.Time) {
			st := e.Peer.State
			was, is := last[st.NeighborAddress], st.SessionState
			if e.Type != apiutil.PEER_EVENT_STATE || was == is {
				return
			}
			last[st.NeighborAddress] = is
			switch {
			case was == gobgp.BGP_FSM_ESTABLISHED || is == gobgp.BGP_FSM_ESTABLISHED:
				s.log.Info("session changed", "peer", st.NeighborAddress, "state", stateName(is))
				s.sessionChanged(st.NeighborAddress, is == gobgp.BGP_FSM_ESTABLISHED, st.DisconnectReason, at)
			case is == gobgp.BGP_FSM_IDLE:
				s.chronicle.of(st.NeighborAddress.String()).ended(was, st.DisconnectReason, at)
			}
		},
	}, server.WatchPeer())
}

// sessionChanged records the capabilities of a new session, and restarts one that is lost.
func (s *Speaker) sessionChanged(addr netip.Addr, established bool, reason api.PeerState_DisconnectReason, at time.Time) {
	extended := established && s.extendedNextHop(addr)
	external := uint32(0)
	if asn := s.routerASN(addr); established && asn != s.asn {
		external = asn
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.peers {
		if p.addr != addr || !p.added || s.ctx.Err() != nil {
			continue
		}
		switch {
		case established && s.notesOf(p).established(): // it may be over when its event is read
			s.begun(p, time.Now())
		case !established:
			s.notesOf(p).ended(gobgp.BGP_FSM_ESTABLISHED, reason, at)
		}
		if !p.config.External {
			external = 0
		}
		if p.extended != extended || p.asn != external {
			p.extended, p.asn = extended, external
			s.refresh(p)
		}
	}
}

// begun records a new session.
func (s *Speaker) begun(p *peer, now time.Time) {
	p.trouble.deafen()
	p.trouble.since, p.trouble.up, p.trouble.retry = time.Time{}, now, time.Time{}
	p.waiting = time.Time{}
}
