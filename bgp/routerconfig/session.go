package routerconfig

import (
	"net/netip"
	"time"

	"github.com/nearcast/nearcast/bgp"
)

// session is a session with a speaker, as the router sees it.
type session struct {
	// Name distinguishes the session and its policies from others of the router.
	Name string
	// Speaker is the speaker's router ID.
	Speaker           netip.Addr
	LocalAS, RemoteAS uint32
	// Internal is iBGP.
	Internal bool
	// Neighbour is the speaker's address, or the link where it is.
	Neighbour string
	// Guessed is set where Neighbour is no more than likely.
	Guessed bool
	// Interface is set for an unnumbered session.
	Interface string
	// Address is the router's own, unless the session is unnumbered.
	Address netip.Addr
	// Port is where the router listens, and SpeakerPort where the speaker does; 0 for
	// the usual one.
	Port, SpeakerPort uint16
	// Passive: the router waits for the speaker.
	Passive bool
	// Hold and Keepalive are in seconds.
	Hold, Keepalive int
	Multihop        int
	GTSM            bool
	// Password says where the key is.
	Password string
	BFD      *detection
	Families []family
	// Missing are the families that the session does not carry.
	Missing []bgp.Family
}

// detection is BFD's; Interval is in milliseconds.
type detection struct{ Interval, Multiplier int }

// OnLink says that the speaker is on a link of the router, also where the router
// would not think so by itself, with iBGP.
func (s *session) OnLink() bool { return s.GTSM || s.BFD != nil || !s.Internal && s.Multihop == 0 }

// usualPort is BGP's.
const usualPort = 179

func (r router) session(c *bgp.Config, p *bgp.Peer) (*session, error) {
	s := &session{
		Speaker: c.RouterID, LocalAS: p.ASN, RemoteAS: c.ASN, Internal: p.ASN == c.ASN,
		Interface: p.Interface, Address: p.Address, Port: unusual(p.Port), Passive: len(c.Listen) == 0,
		// A third, as RFC 4271 suggests (section 10).
		Hold: int(p.HoldTime / time.Second), Keepalive: int(p.HoldTime / time.Second / 3),
		Multihop: p.Multihop, GTSM: p.GTSM, Password: keyOf(p.PasswordFile),
	}
	if p.BFD {
		s.BFD = &detection{int(p.BFDInterval.Round(time.Millisecond) / time.Millisecond), p.BFDMultiplier}
	}
	if len(c.Listen) > 0 {
		s.SpeakerPort = unusual(c.Listen[0].Port())
	}
	for _, f := range []bgp.Family{bgp.IPv4, bgp.IPv6} {
		if p.Carries(f) {
			s.Families = append(s.Families, familyOf(c, p, f))
		} else {
			s.Missing = append(s.Missing, f)
		}
	}
	if err := s.find(c, p); err != nil {
		return nil, err
	}
	return s, r.check(s, p)
}

func unusual(port uint16) uint16 {
	if port == usualPort {
		return 0
	}
	return port
}
