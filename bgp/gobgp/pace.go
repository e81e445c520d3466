package gobgp

import (
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/osrg/gobgp/v4/api"
	"github.com/vishvananda/netlink"

	"github.com/nearcast/nearcast/bgp/internal/rtnetlink"
	"github.com/nearcast/nearcast/bgp/outage"
	"github.com/nearcast/nearcast/bgp/session"
)

// GoBGP connects every two seconds for as long as a router refuses. The speaker begins each attempt
// by adding the peer. After a failed attempt, the peer waits outside GoBGP or, if routers connect
// to this speaker, as a passive peer.

// trouble is how a peer's session fails. s.mu guards it.
type trouble struct {
	// since is when the session went down or was declared; zero while it is up.
	since time.Time
	// up is when it last came up; zero for never.
	up time.Time
	// attempts counts failed attempts since then. failures counts consecutive failures, even if a
	// short-lived session came between them.
	attempts, failures int
	// retry is when to connect again; zero while an attempt is in progress.
	retry time.Time
	// subject is the session at the last failure, which happened at at; reported is the last verdict
	// that included a message of the router.
	subject   outage.Subject
	at        time.Time
	reported  outage.Verdict
	reminders outage.Reminders
	// stop ends overhearing; nil if nothing is overheard. deaf is why it is not possible.
	stop func()
	deaf error
}

// parked reports whether the peer waits for the next attempt.
func (t *trouble) parked() bool { return !t.retry.IsZero() }

// steady is how long a session must last for its end to count as the first failure.
const steady = 30 * time.Second

// pace begins the attempts that are due, and ends those that have failed or take too long.
func (s *Speaker) pace(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	states := s.sessionStates()
	if err := s.follow(states, now); err != nil {
		s.log.Error("peers", "error", err)
	}
	for _, p := range s.peers {
		if p.begun && p.addr.IsValid() && s.ctx.Err() == nil {
			s.paceOne(p, states.of(p), now)
		}
	}
}

func (s *Speaker) paceOne(p *peer, state api.PeerState_SessionState, now time.Time) {
	if state == api.PeerState_SESSION_STATE_ESTABLISHED {
		p.waiting = time.Time{}
		return
	}
	if p.trouble.since.IsZero() {
		p.trouble.since = now // it was lost at an address that it no longer has
	}
	failed, called := s.notesOf(p).take()
	switch {
	case !p.added && !p.trouble.parked():
		_ = s.add(p) // its problem says why it cannot be added
	case failed:
		s.failed(p, now)
	case p.trouble.parked() && !talks(state) && (called || !now.Before(p.trouble.retry)):
		s.try(p)
	case !p.begins(state):
		p.waiting = time.Time{}
	case p.waiting.IsZero():
		p.waiting = now
	case now.Sub(p.waiting) > s.beginTimeout:
		s.notesOf(p).ends(func(a *outage.Attempt) { a.Silent = true })
		s.notesOf(p).take()
		s.failed(p, now)
	}
}

// failed makes the peer wait for its next attempt.
func (s *Speaker) failed(p *peer, now time.Time) {
	t := &p.trouble
	seen, _ := s.notesOf(p).seen()
	t.subject, t.at = s.subjectOf(p), now
	verdict := outage.Explain(t.subject, seen)
	if verdict.Received != "" {
		t.reported = verdict
	}
	wait := time.Duration(0)
	if t.attempts++; seen.Established {
		t.since, t.attempts, t.reported = now, 0, verdict
	}
	if seen.Established && now.Sub(t.up) >= steady {
		t.failures, t.reminders = 0, outage.Reminders{}
	} else {
		t.failures++
		wait = outage.Wait(t.failures, verdict.Pace)
	}
	p.waiting = time.Time{}
	if wait = max(0, wait-firstDial); wait == 0 || p.config.Passive { // the router connects
		s.try(p)
		return
	}
	t.retry = now.Add(wait)
	err := s.remove(p)
	if err == nil && s.listens != 0 {
		err = s.add(p)
	}
	if err != nil {
		s.log.Error("cannot reconnect a session", "peer", p.config.Name(), "error", err)
	}
}

// firstDial is the longest that GoBGP waits before it connects for the first time.
const firstDial = 2 * time.Second

// try begins an attempt now. A lost session is replaced by a new one. GoBGP would first wait for
// five seconds. If BFD noticed the loss after BGP did, its notification would wait for the next
// session and end that one, in an endless loop (osrg/gobgp#3561, fixed in 4.9.0). And a session
// lost with messages queued may stay mute.
func (s *Speaker) try(p *peer) {
	p.trouble.retry, p.waiting = time.Time{}, time.Time{}
	err := s.remove(p)
	s.notesOf(p).begin(false)
	if err := errors.Join(err, s.add(p)); err != nil {
		s.log.Error("cannot reconnect a session", "peer", p.config.Name(), "error", err)
	}
}

// begins reports whether the session is about to begin. For a passive peer that is only after its
// router has connected. For a connection of our own, GoBGP reports nothing before the router's
// first message.
func (p *peer) begins(state api.PeerState_SessionState) bool {
	if state == api.PeerState_SESSION_STATE_ESTABLISHED || !p.added {
		return false
	}
	return talks(state) || !p.config.Passive && !p.trouble.parked()
}

// talks reports whether the two ends are exchanging OPENs.
func talks(state api.PeerState_SessionState) bool {
	return state == api.PeerState_SESSION_STATE_OPENSENT || state == api.PeerState_SESSION_STATE_OPENCONFIRM
}

func (s *Speaker) notesOf(p *peer) *notes { return s.chronicle.of(p.addr.String()) }

// listenTo overhears the router while the session is down.
func (s *Speaker) listenTo(p *peer) {
	notes := s.notesOf(p)
	notes.listen(p.config.Password != "")
	if p.trouble.stop != nil {
		return
	}
	ears := &outage.Ears{Port: p.config.Port, Listening: s.listens}
	if ears.Listening == 0 {
		ears.Listening = bgpPort
	}
	p.trouble.stop, p.trouble.deaf = overhear(s.ctx, p.config.LocalAddress, p.addr, ears, notes)
}

// bgpPort is where routers connect unless configured otherwise.
const bgpPort = 179

// deafen stops overhearing.
func (t *trouble) deafen() {
	if t.stop != nil {
		t.stop()
	}
	t.stop = nil
}

// forget drops what was recorded about the peer.
func (s *Speaker) forget(p *peer) {
	p.trouble.deafen()
	if p.addr.IsValid() {
		s.chronicle.forget(p.addr.String())
	}
}

// subjectOf describes the session as this machine is configured now.
func (s *Speaker) subjectOf(p *peer) outage.Subject {
	subject := outage.Subject{
		Peer: &p.config, Addr: p.addr, ASN: s.asn, RouterID: s.routerID, Local: p.config.LocalAddress,
		OnLink: p.config.Interface != "" || onLink(p.addr),
		// All of 127.0.0.0/8 is local, but speakers on one machine have separate addresses there.
		Own: !p.addr.IsLoopback() && rtnetlink.IsOwn(p.addr),
	}
	from := localFor(p.addr)
	subject.Routed = from.IsValid()
	if !subject.Local.IsValid() {
		subject.Local = from
	}
	return subject
}

// localFor returns the address from which this machine reaches addr; invalid if it has no route. It
// sends no packet.
func localFor(addr netip.Addr) netip.Addr {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, bgpPort)))
	if err != nil {
		return netip.Addr{}
	}
	defer func() { _ = conn.Close() }()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
}

// onLink reports whether the address is reachable without a router.
func onLink(addr netip.Addr) bool {
	if addr.IsLinkLocalUnicast() {
		return true
	}
	routes, err := netlink.RouteGet(addr.AsSlice())
	return err == nil && len(routes) > 0 && routes[0].Gw == nil && routes[0].Via == nil
}

// heard is how long overheard packets of an attempt may take to be read.
const heard = 300 * time.Millisecond

// report logs the sessions that are down: at once, and then at growing intervals.
func (s *Speaker) report(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.peers {
		t := &p.trouble
		if now.Sub(t.at) < heard {
			continue
		}
		st := session.Status{}
		s.explain(p, &st)
		if st.Problem != "" && st.Reason != session.Waiting && t.reminders.Due(string(st.Reason), now) {
			s.log.Warn("a session is down", "peer", p.config.Name(), "reason", st.Reason, "problem", st.Problem,
				"since", t.since.Format(time.RFC3339), "attempts", t.attempts)
		}
	}
}
