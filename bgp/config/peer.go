package config

import (
	"cmp"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/nearcast/nearcast/bgp/route"
)

// Peer is a router to which routes are announced.
type Peer struct {
	// Address is the router's; absent in a file that sets Interface or Gateway.
	Address netip.Addr `yaml:"address"`
	// Interface is a link with one neighbour, which is found by its link-local address
	// (unnumbered).
	Interface string `yaml:"interface"`
	// Gateway is the family of the default route whose next hops are the routers; "" if the file
	// sets Address or Interface. An Announcer gets one peer for each router, with its Address.
	Gateway route.Family `yaml:"gateway"`
	// Group names the entry in Config.Groups that supplies the keys this peer does not set, and by
	// which its peers can be listed together; "" for none.
	Group string `yaml:"group"`
	// ASN is the router's AS number; the site's own makes the session iBGP.
	ASN uint32 `yaml:"asn"`
	// External ("asn: external" in the file) accepts a router of any AS except the site's own; ASN
	// is then 0.
	External bool `yaml:"-"`
	// Port is the router's port; 0 means 179.
	Port uint16 `yaml:"port"`
	// LocalAddress is the address to connect from; if absent, the route decides.
	LocalAddress netip.Addr `yaml:"localAddress"`
	// Device is a VRF or another interface to which the session is bound (SO_BINDTODEVICE), at most
	// 15 characters; "" follows the route.
	Device string `yaml:"device"`
	// HoldTime is 3 s to 65535 s; the default is 9 s.
	HoldTime time.Duration `yaml:"holdTime"`
	// Families are ipv4 and ipv6; the default is the family of the address, or both if Interface is
	// set.
	Families []route.Family `yaml:"families"`
	// NextHop is the next hop of routes whose family differs from the session's. IPv6 over an IPv4
	// session requires it; IPv4 over IPv6 uses the session's own address (RFC 8950) without it.
	NextHop netip.Addr `yaml:"nextHop"`
	// PasswordFile holds the TCP MD5 key (RFC 2385); changes to the file take effect.
	PasswordFile string `yaml:"passwordFile"`
	// Password is the content of PasswordFile.
	Password Secret `yaml:"-"`
	// GTSM accepts only packets whose TTL shows that the neighbour is on the link (RFC 5082). It
	// must be configured at the router as well.
	GTSM bool `yaml:"gtsm"`
	// Multihop is the TTL towards a router that is not on the link, 2 to 255; 0 for a router that
	// is.
	Multihop int `yaml:"multihop"`
	// Passive waits for the router to connect; it requires Listen.
	Passive bool `yaml:"passive"`
	// BFD detects within a second that the router hangs (RFC 5880, single hop). It is off by
	// default: if the timers are too short, a machine under load withdraws needlessly. BFDInterval
	// is the time between packets, 50 ms to 10 s; BFDMultiplier is how many may be missed, 2 to 50.
	BFD           bool          `yaml:"bfd"`
	BFDInterval   time.Duration `yaml:"bfdInterval"`
	BFDMultiplier int           `yaml:"bfdMultiplier"`
	// VIPs are prefixes: the peer is sent only routes within them. If absent, it is sent all.
	VIPs []netip.Prefix `yaml:"vips"`
	// Attributes are added to those of every route; nil for none.
	Attributes *route.Attributes `yaml:"attributes"`
	// preferences are those of Export.
	preferences []route.Preference
}

// Name identifies the peer: by its address, its link, or the default route that leads to it.
func (p *Peer) Name() string {
	switch {
	case p.Interface != "":
		return p.Interface
	case p.Gateway != "" && !p.Address.IsValid():
		return route.GatewayName(p.Gateway, "")
	case p.Gateway != "":
		return route.GatewayName(p.Gateway, p.Address.String())
	}
	return p.Address.String()
}

// Entry is how a file names the peer in lists of peers: by its Name or, for a default route, by the
// name of all routers to which it leads.
func (p *Peer) Entry() string {
	if p.Gateway != "" {
		return route.GatewayName(p.Gateway, "")
	}
	return p.Name()
}

// link returns the router's link if the file names it; otherwise "".
func (p *Peer) link() string { return cmp.Or(p.Interface, p.Address.Zone()) }

// SameNeighbour reports whether p and o are the same neighbour under two names, so that only one of
// them can have a session.
func (p *Peer) SameNeighbour(o *Peer) bool {
	return p.Address.IsValid() && p.Address == o.Address || p.link() != "" && p.link() == o.link() && p.Interface != o.Interface
}

// Session returns the family over which the session itself runs.
func (p *Peer) Session() route.Family {
	switch {
	case p.Interface != "":
		return route.IPv6
	case p.Gateway != "":
		return p.Gateway
	}
	return route.FamilyOf(p.Address)
}

// AS describes the router's AS in messages: AS 64500, or any external AS.
func (p *Peer) AS() string {
	if p.External {
		return "any external AS"
	}
	return fmt.Sprintf("AS %d", p.ASN)
}

// Carries reports whether routes of the family are announced to the peer.
func (p *Peer) Carries(f route.Family) bool { return slices.Contains(p.Families, f) }

// Equal reports whether p and o need the same session, regardless of the routes sent and of the
// file or group that the settings come from.
func (p *Peer) Equal(o *Peer) bool {
	a, b := *p, *o
	for _, one := range []*Peer{&a, &b} {
		one.PasswordFile, one.Group, one.VIPs, one.Attributes, one.preferences = "", "", nil, nil, nil
	}
	return reflect.DeepEqual(a, b)
}

func (p *Peer) check(asn uint32, listen []netip.AddrPort, fault faultFunc) {
	switch {
	case p.Interface != "" && p.Address.IsValid():
		fault("interface", "cannot be combined with address; use one of them to identify the neighbor")
	case p.Gateway != "" && (p.Interface != "" || p.Address.IsValid()):
		fault("gateway", "cannot be combined with address or interface; use one of them to identify the router")
	case p.Gateway != "" && !p.Gateway.IsKnown():
		fault("gateway", "%q is neither ipv4 nor ipv6; write the family of the default route that leads to the router", p.Gateway)
		return // a session without a family
	case p.Gateway != "" && p.Multihop != 0:
		fault("multihop", "cannot be combined with gateway: the router of a default route is on the link")
	case p.Interface != "" || p.Gateway != "":
	case !p.Address.IsValid() || p.Address.IsUnspecified():
		fault("address", "an IP address is required, unless interface or gateway is set")
	}
	if text := route.FaultOfASN(p.ASN); text != "" && !p.External {
		fault("asn", "%s", text)
	}
	p.checkAddresses(fault)
	// RFC 4271, section 4.2: zero or at least three seconds; zero would never detect a failure.
	if p.HoldTime < 3*time.Second || p.HoldTime > 65535*time.Second || p.HoldTime%time.Second != 0 {
		fault("holdTime", "%s is not whole seconds from 3s to 65535s", p.HoldTime)
	}
	p.checkFamilies(fault)
	p.checkDevice(fault)
	p.checkTransport(asn, listen, fault)
	p.checkBFD(fault)
}

// checkAddresses reports addresses that no router, or not this machine, can have.
func (p *Peer) checkAddresses(fault faultFunc) {
	if p.Address.IsValid() && !p.Address.IsUnspecified() {
		if text := faultOfAddress(p.Address); text != "" {
			fault("address", "%s", text)
		}
		// On one machine, routers have separate addresses in 127.0.0.0/8, but never the first.
		if first := p.Address == netip.IPv6Loopback() || p.Address == loopback4; first && !p.LocalAddress.IsValid() {
			fault("address", "%s is this machine itself; write the router's address, or, if the router runs on this machine, set localAddress as well", p.Address)
		}
	}
	for key, a := range map[string]netip.Addr{"localAddress": p.LocalAddress, "nextHop": p.NextHop} {
		if !a.IsValid() {
			continue
		}
		if text := faultOfAddress(a); text != "" {
			fault(key, "%s", text)
		}
	}
	if p.NextHop.IsLoopback() || p.NextHop.IsLinkLocalUnicast() {
		fault("nextHop", "%s is not reachable for the router's neighbors; write a global address of this site", p.NextHop)
	}
	if p.LocalAddress.IsValid() && route.FamilyOf(p.LocalAddress) != p.Session() {
		fault("localAddress", "is not of the session's family")
	}
	if p.Interface == "lo" || strings.Contains(p.Interface, "/") {
		fault("interface", "%q is not a link of this machine to a router; write the name of an interface here, such as eth1", p.Interface)
	}
}

var loopback4 = netip.MustParseAddr("127.0.0.1")

func (p *Peer) checkFamilies(fault faultFunc) {
	for i, f := range p.Families {
		if !f.IsKnown() {
			fault("families", "%q is neither ipv4 nor ipv6", f)
		}
		if slices.Contains(p.Families[:i], f) {
			fault("families", "%s is listed twice", f)
		}
	}
	switch {
	case p.NextHop.IsValid() && route.FamilyOf(p.NextHop) == p.Session():
		fault("nextHop", "is of the session's family; set localAddress instead")
	case p.NextHop.IsValid() && !p.Carries(route.FamilyOf(p.NextHop)):
		fault("nextHop", "is for %s routes, but families does not contain %[1]s", route.FamilyOf(p.NextHop))
	case !p.NextHop.IsValid() && p.Session() == route.IPv4 && p.Carries(route.IPv6):
		fault("nextHop", "an IPv6 address of this site is required for ipv6 over an IPv4 session")
	}
}

// maxDevice is the maximum length of an interface name (IFNAMSIZ, including its NUL).
const maxDevice = 15

func (p *Peer) checkDevice(fault faultFunc) {
	switch {
	case p.Device == "":
	case len(p.Device) > maxDevice || strings.ContainsAny(p.Device, "/ \t\n"):
		fault("device", "%q is not an interface name, which has at most %d characters and no slash or space", p.Device, maxDevice)
	case p.Interface != "":
		fault("device", "cannot be combined with interface, which already binds the session to its link")
	case p.Gateway != "":
		fault("device", "cannot be combined with gateway, which comes from the main routing table")
	case p.BFD:
		fault("device", "cannot be combined with bfd, whose packets are not bound to the device")
	}
}

func (p *Peer) checkTransport(asn uint32, listen []netip.AddrPort, fault faultFunc) {
	if p.Multihop != 0 && (p.Multihop < 2 || p.Multihop > 255) {
		fault("multihop", "%d is not from 2 to 255", p.Multihop)
	}
	if p.Multihop != 0 && p.ASN == asn {
		fault("multihop", "is for eBGP; iBGP sessions are multihop without it")
	}
	if p.Multihop != 0 && p.External {
		fault("multihop", "requires the router's AS number in asn")
	}
	if p.Multihop != 0 && p.GTSM {
		fault("gtsm", "cannot be combined with multihop: GTSM requires the neighbor on the link")
	}
	if p.Interface != "" && (p.Multihop != 0 || p.LocalAddress.IsValid() || p.Passive) {
		fault("interface", "cannot be combined with multihop, localAddress or passive: the neighbor is discovered on the link")
	}
	if p.Passive && !slices.ContainsFunc(listen, func(at netip.AddrPort) bool { return route.FamilyOf(at.Addr().Unmap()) == p.Session() }) {
		fault("passive", "requires that the speaker listens; set listen to an %s address, the session's family", p.Session())
	}
}

func (p *Peer) checkBFD(fault faultFunc) {
	switch {
	case p.BFD && p.Multihop != 0:
		fault("bfd", "cannot be combined with multihop: only single-hop BFD is supported")
	case !p.BFD && p.BFDInterval != 0:
		fault("bfdInterval", "has no effect without bfd")
	case !p.BFD && p.BFDMultiplier != 0:
		fault("bfdMultiplier", "has no effect without bfd")
	case !p.BFD:
		return
	}
	if p.BFDInterval < 50*time.Millisecond || p.BFDInterval > 10*time.Second {
		fault("bfdInterval", "%s is not from 50ms to 10s", p.BFDInterval)
	}
	if p.BFDMultiplier < 2 || p.BFDMultiplier > 50 {
		fault("bfdMultiplier", "%d is not from 2 to 50", p.BFDMultiplier)
	}
}
