package gobgp

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/osrg/gobgp/v4/api"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/session"
	"github.com/nearcast/nearcast/bgp/turns"
)

// Freeze implements bgp.Announcer.
func (s *Speaker) Freeze() { s.frozen.Store(true) }

// ended reports whether the speaker is closed or closing.
func (s *Speaker) ended() bool { return s.ctx.Err() != nil }

// sessionStates are GoBGP's session states by the router's address.
type sessionStates map[string]api.PeerState_SessionState

func (s *Speaker) sessionStates() sessionStates {
	states := sessionStates{}
	s.eachPeer("", func(p *api.Peer) { states[p.State.NeighborAddress] = p.State.SessionState })
	return states
}

func (all sessionStates) of(p *peer) api.PeerState_SessionState { return all[p.addr.String()] }

// follow makes the sessions whose turn it is follow the file. s.mu is held.
func (s *Speaker) follow(states sessionStates, now time.Time) error {
	if s.frozen.Load() || s.ended() {
		return nil
	}
	for name, p := range s.peers {
		s.turns.Saw(name, p.begun && states.of(p) == api.PeerState_SESSION_STATE_ESTABLISHED, now)
	}
	var errs []error
	for {
		step, ok := s.turns.Next(now)
		if !ok {
			break
		}
		err := s.do(step, now)
		s.turns.Did(step, err, now)
		errs = append(errs, err)
	}
	for name, p := range s.peers {
		if leaving := s.turns.Drained(name); leaving != p.leaving {
			p.leaving = leaving
			s.refresh(p)
		}
		s.logPhase(p, now)
	}
	return errors.Join(errs...)
}

// do carries out a step. It fails if the session is unchanged, or if a new one is not possible.
func (s *Speaker) do(step turns.Step, now time.Time) error {
	p := s.peers[step.Name]
	switch step.Do {
	case turns.Begin:
		// Once the policy knows its address, the peer is sent nothing meant for others.
		p.config, p.addr, p.begun = *step.Peer, step.Peer.Address, true
		return errors.Join(s.applyPolicy(), s.add(p))
	case turns.Change:
		return s.change(p, step.Peer, now)
	}
	return s.end(p)
}

// change resets the peer's session, and begins one with new settings.
func (s *Speaker) change(p *peer, config *config.Peer, now time.Time) error {
	if err := s.cease(p); err != nil {
		return err
	}
	s.forget(p)
	p.config, p.extended, p.leaving = *config, false, false
	p.trouble, p.waiting = trouble{since: now}, time.Time{}
	if err := errors.Join(s.applyPolicy(), s.add(p)); err != nil {
		s.log.Error("cannot add a peer with its new settings; retrying", "peer", p.config.Name(), "error", err)
	}
	return nil
}

// cease ends the session of a peer whose settings change. Its router receives Cease/Other
// Configuration Change (RFC 4486), and the listener forgets the key, as with UpdatePeer.
func (s *Speaker) cease(p *peer) error {
	if !p.added {
		return s.unkey(p)
	}
	config := p.config
	config.Password = ""
	bare := apiPeer(&config, p.addr)
	bare.Conf.Description = "to be replaced"
	_, err := s.server.UpdatePeer(s.ctx, &api.UpdatePeerRequest{Peer: bare})
	if removed := s.remove(p); removed != nil {
		return errors.Join(err, removed)
	}
	if err == nil {
		return nil
	}
	return s.unkey(p)
}

// end ends the session of a peer that was removed from the file (Cease/Peer De-configured).
func (s *Speaker) end(p *peer) error {
	if err := s.remove(p); err != nil {
		return err
	}
	if err := s.unkey(p); err != nil {
		s.log.Warn("cannot remove the TCP MD5 key of a removed peer; the listening socket may keep it until a restart", "error", err)
	}
	s.forget(p)
	delete(s.peers, p.config.Name())
	return s.applyPolicy()
}

// logPhase logs each phase of a session that follows the file once.
func (s *Speaker) logPhase(p *peer, now time.Time) {
	change := s.turns.Status(p.config.Name(), now)
	phase := session.Phase("")
	if change != nil {
		phase = change.Phase
	}
	if phase == p.phase {
		return
	}
	p.phase = phase
	if change == nil {
		s.log.Info("session matches the file", "peer", p.config.Name())
		return
	}
	level, about := slog.LevelInfo, []any{"peer", p.config.Name(), "phase", phase, "detail", change.Text}
	if phase == session.Overdue {
		level = slog.LevelWarn
	}
	if !change.Until.IsZero() {
		about = append(about, "until", change.Until.Format(time.RFC3339))
	}
	s.log.Log(context.Background(), level, "session change for the file", about...)
}
