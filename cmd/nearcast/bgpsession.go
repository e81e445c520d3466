package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nearcast/nearcast/bgp"
)

// explainedSession is whether a session carries the VIP.
type explainedSession struct {
	Peer string `json:"peer"`
	// Group is the peer's in the file; "" for none.
	Group string `json:"group,omitempty"`
	ASN   uint32 `json:"asn"`
	Sent  bool   `json:"sent"`
	// Text is what the route has there, or why it is not sent.
	Text string `json:"text,omitempty"`
}

// String says whether the route is sent.
func (s explainedSession) String() string {
	switch {
	case !s.Sent:
		return "no: " + s.Text
	case s.Text == "":
		return "yes"
	}
	return "yes, with " + s.Text
}

// sessionsOf says of every session whether it carries the VIP.
func sessionsOf(st *bgp.Status, v bgp.VIPStatus, now time.Time) []explainedSession {
	all := []explainedSession{}
	for _, p := range st.Peers {
		s := explainedSession{Peer: peerName(p), Group: p.Group, ASN: p.ASN}
		if s.Text = notSent(p, v, now); s.Text == "" {
			s.Sent, s.Text = true, attributesText(*v.Attributes, p.ASN == st.ASN)
		}
		all = append(all, s)
	}
	return all
}

// notSent is why the session does not carry the VIP; "" if it does.
func notSent(p bgp.PeerStatus, v bgp.VIPStatus, now time.Time) string {
	family := bgp.IPv4
	if strings.Contains(v.Address, ":") {
		family = bgp.IPv6
	}
	text := ""
	switch {
	case !v.Announced || v.Attributes == nil:
		return "it is not announced"
	case p.State != "established":
		text = "the session is " + p.State
	case !slices.Contains(p.Families, string(family)):
		text = "the session does not carry " + string(family)
	}
	if problem := problemText(p, now); text != "" && problem != "" {
		text += ": " + problem
	}
	return text
}

// announcedTo says how many of the sessions carry the VIP.
func announcedTo(v bgp.VIPStatus, all []explainedSession) string {
	if !v.Announced {
		return "no"
	}
	n := 0
	for _, s := range all {
		if s.Sent {
			n++
		}
	}
	return fmt.Sprintf("to %d of %d", n, len(all))
}

// attributesText is what a route has on a session; "" for nothing.
func attributesText(a bgp.Attributes, internal bool) string {
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
