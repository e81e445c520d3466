package routerconfig

import (
	"net/netip"
	"time"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
)

// session is a session with a speaker, or with each of several that share a file, as the router
// sees it.
type session struct {
	// Name distinguishes the session and its policies from others on the router.
	Name string
	// Speaker is the speaker's router ID; invalid if the file is shared.
	Speaker           netip.Addr
	LocalAS, RemoteAS uint32
	// Internal: the session is iBGP.
	Internal bool
	// Neighbours are the speakers' addresses, without zones, and Ranges the networks that contain
	// others.
	Neighbours []netip.Addr
	Ranges     []netip.Prefix
	// Guessed is set if Neighbours or Ranges are only likely.
	Guessed bool
	// Interface is set for an unnumbered session.
	Interface string
	// Link is the speaker's name of the link, if the addresses are link-local or there are none.
	Link string
	// At is the router's name of that link, or a placeholder.
	At string
	// OwnLink says that Link is also the router's own name.
	OwnLink bool
	// Address is the router's own, without a zone; unset if the session is unnumbered.
	Address netip.Addr
	// Port is where the router listens, and SpeakerPort where the speaker does; 0 for the default.
	Port, SpeakerPort uint16
	// Passive: the router waits for the speaker.
	Passive bool
	// Hold and Keepalive are in seconds.
	Hold, Keepalive int
	Multihop        int
	GTSM            bool
	// Password says where to find the key.
	Password string
	BFD      *detection
	Families []family
	// Missing are the families that the session does not carry.
	Missing []route.Family
	// Weighted: the routes carry a link bandwidth (RFC 10005).
	Weighted bool
	// Carried describes what the speaker's routes carry.
	Carried []string
}

// detection is the BFD configuration; Interval is in milliseconds.
type detection struct{ Interval, Multiplier int }

// OnLink reports whether the speaker is on a link of the router, even if the router would not
// assume so, as with iBGP.
func (s *session) OnLink() bool {
	return s.GTSM || s.BFD != nil || s.Link != "" || !s.Internal && s.Multihop == 0
}

// Extended reports whether IPv4 routes have an IPv6 next hop (RFC 8950).
func (s *session) Extended() bool {
	for _, f := range s.Families {
		if f.Extended {
			return true
		}
	}
	return false
}

// Limit is the maximum number of routes over all families.
func (s *session) Limit() int {
	n := 0
	for _, f := range s.Families {
		n += f.Limit
	}
	return n
}

// usualPort is the BGP port.
const usualPort = 179

func (r router) session(c *config.Config, p *config.Peer, speakers []netip.Prefix) (*session, error) {
	s := &session{
		Speaker: c.RouterID, LocalAS: p.ASN, RemoteAS: c.ASN, Internal: p.ASN == c.ASN,
		Link: linkOf(p), OwnLink: p.Gateway != "", Address: p.Address.WithZone(""), Port: unusual(p.Port), Passive: len(c.Listen) == 0,
		// A third, as RFC 4271 suggests (section 10).
		Hold: int(p.HoldTime / time.Second), Keepalive: int(p.HoldTime / time.Second / 3),
		Multihop: p.Multihop, GTSM: p.GTSM, Password: keyOf(p.PasswordFile),
	}
	if s.At = s.Link; s.Link != "" && r.link != "" && !s.OwnLink {
		s.At = r.link
	}
	if p.BFD {
		s.BFD = &detection{int(p.BFDInterval.Round(time.Millisecond) / time.Millisecond), p.BFDMultiplier}
	}
	if len(c.Listen) > 0 {
		s.SpeakerPort = unusual(c.Listen[0].Port())
	}
	for _, f := range []route.Family{route.IPv4, route.IPv6} {
		if p.Carries(f) {
			s.Families = append(s.Families, familyOf(c, p, f))
		} else {
			s.Missing = append(s.Missing, f)
		}
	}
	s.Carried, s.Weighted = s.carried(c, p)
	if err := s.find(c, p, speakers); err != nil {
		return nil, err
	}
	return s, r.check(s, p)
}

// linkOf returns the speaker's name of the link to the router; "" if an address is sufficient.
func linkOf(p *config.Peer) string {
	switch {
	case p.Interface != "":
		return p.Interface
	case p.Address.Zone() != "":
		return p.Address.Zone()
	}
	return p.LocalAddress.Zone()
}

func unusual(port uint16) uint16 {
	if port == usualPort {
		return 0
	}
	return port
}
