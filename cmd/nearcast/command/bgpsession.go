package command

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/nearcast/nearcast/bgp"
	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/session"
	"github.com/nearcast/nearcast/bgp/vip"
)

// explainedSession says whether a session carries the VIP.
type explainedSession struct {
	Peer string `json:"peer"`
	// Group is the peer's in the file; "" for none.
	Group string `json:"group,omitempty"`
	ASN   uint32 `json:"asn"`
	Sent  bool   `json:"sent"`
	// Meant is set if the route is for the peer, whether or not it is sent.
	Meant bool `json:"meant"`
	// Attributes are those of the route on this session; absent if it is not sent.
	Attributes *route.Attributes `json:"attributes,omitempty"`
	// Text describes the route's attributes there, or why it is not sent.
	Text string `json:"text,omitempty"`
	// Change is the pending change of the session because of the file; "" for none.
	Change string `json:"change,omitempty"`
}

// String says whether the route is sent.
func (s explainedSession) String() string {
	text := "no: " + s.Text
	if s.Sent {
		text = "yes"
		if s.Text != "" {
			text += ", with " + s.Text
		}
	}
	if s.Change != "" {
		text += "; the session: " + s.Change
	}
	return text
}

// routed is a speaker's route with its recipients.
type routed struct {
	prefix     netip.Prefix
	announced  bool
	attributes *route.Attributes
	own        bool // its local preference
	peers      []string
}

// routeOf returns the VIP's route, or that of the aggregate that is announced in its place.
func routeOf(v vip.Status) routed {
	r := routed{announced: v.Announced, attributes: v.Attributes, own: v.OwnPreference, peers: v.Peers}
	if addr, err := netip.ParseAddr(v.Address); err == nil {
		r.prefix = netip.PrefixFrom(addr, addr.BitLen())
	}
	if v.Aggregate != "" {
		r.prefix, _ = netip.ParsePrefix(v.Aggregate) // from the speaker, so it is valid
	}
	return r
}

// sessionsOf reports for every session whether it carries the route, and with which attributes.
func sessionsOf(st *bgp.Status, r routed, now time.Time) []explainedSession {
	all := []explainedSession{}
	for _, p := range st.Peers {
		s := explainedSession{Peer: peerName(p), Group: p.Group, ASN: p.ASN, Change: turnText(p, now)}
		s.Text, s.Meant = r.notSent(p, now)
		if s.Text == "" {
			internal := p.ASN == st.ASN
			sent := p.Sent(*r.attributes, r.own, internal)
			s.Sent, s.Attributes, s.Text = true, &sent, attributesText(sent, internal)
		}
		all = append(all, s)
	}
	return all
}

// notSent returns why the session does not carry the route, "" if it does, and whether the route is
// for the peer.
func (r routed) notSent(p session.Status, now time.Time) (why string, meant bool) {
	family := route.FamilyOf(r.prefix.Addr())
	switch {
	case r.peers != nil && !slices.Contains(r.peers, p.Entry()) && !slices.Contains(p.Kept, r.prefix.String()):
		return "it is announced to other peers only", false
	case !p.Takes(r.prefix):
		return "it is not in the vips of the peer", false
	case !r.announced || r.attributes == nil:
		return "it is not announced", true
	case p.State != "established":
		why = "the session is " + p.State
	case !slices.Contains(p.Families, string(family)):
		why = "the session does not carry " + string(family)
	}
	if problem := problemText(p, now); why != "" && problem != "" {
		why += ": " + problem
	}
	return why, true
}

// announcedTo says how many of the sessions that a route is for carry it, and names these sessions
// if it is not for all.
func announcedTo(announced bool, all []explainedSession) string {
	if !announced {
		return "no"
	}
	n, meant := 0, []string{}
	for _, s := range all {
		if s.Sent {
			n++
		}
		if s.Meant {
			meant = append(meant, s.Peer)
		}
	}
	if len(meant) == len(all) {
		return fmt.Sprintf("to %d of %d", n, len(all))
	}
	return fmt.Sprintf("to %d of %d (%s)", n, len(meant), dash(few(meant)))
}

// attributesText formats a route's attributes on a session; "" for none.
func attributesText(a route.Attributes, internal bool) string {
	var all []string
	if a.Prepend > 0 && !internal {
		all = append(all, fmt.Sprintf("AS prepended %d times", a.Prepend))
	}
	if a.MED != nil {
		all = append(all, fmt.Sprintf("MED %d", *a.MED))
	}
	if a.LocalPreference != nil && internal {
		all = append(all, fmt.Sprintf("local preference %d", *a.LocalPreference))
	}
	if texts := a.Communities.Texts(); len(texts) > 0 {
		all = append(all, "communities "+strings.Join(texts, " "))
	}
	if a.LinkBandwidth > 0 {
		all = append(all, "link bandwidth "+a.LinkBandwidth.String())
	}
	return strings.Join(all, ", ")
}

// routeOfAggregate returns the aggregate's own route.
func routeOfAggregate(a vip.AggregateStatus) routed {
	prefix, _ := netip.ParsePrefix(a.Prefix) // from the speaker, so it is valid
	return routed{prefix, a.Announced, a.Attributes, a.OwnPreference, a.Peers}
}

// exportText says which routes a session receives, and what they carry in addition to the
// attributes of their states and VIPs; "" for the default.
func exportText(p session.Status, internal bool) string {
	var all []string
	if len(p.VIPs) > 0 {
		var in []string
		for _, prefix := range p.VIPs {
			in = append(in, prefix.String())
		}
		all = append(all, "is sent only routes in "+strings.Join(in, ", "))
	}
	if p.Attributes != nil {
		if text := attributesText(*p.Attributes, internal); text != "" {
			all = append(all, "is sent additional attributes: "+text)
		}
	}
	if p.Leaving {
		all = append(all, "is leaving: its routes carry graceful-shutdown until its session is reset")
	}
	return strings.Join(all, "; ")
}
