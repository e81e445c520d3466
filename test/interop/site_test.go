package interop

import (
	"fmt"
	"strings"
)

// Addresses that the sites share.
const (
	vip4 = "198.51.100.53"
	vip6 = "2001:db8:53::53"
)

// site is a machine with a name server behind the VIPs, and a speaker. Number 1
// is s1, AS 64511, 192.0.2.11 and 2001:db8::11.
type site struct {
	node    *node
	cable   *cable
	backend *backend
	speaker *speaker
	asn     int
	v4, v6  string
}

// site connects a site to the switch. Packets that leave it go to the router.
func (l *lan) site(number int, config string) *site {
	l.t.Helper()
	s := siteAddresses(number)
	s.node = l.node(fmt.Sprintf("s%d", number))
	s.cable = l.join(s.node, s.v4+"/24", s.v6+"/64")
	s.node.via(routerID, routerV6)
	if strings.Contains(config, "bind: lo") {
		// The speaker adds and removes the addresses; the name server listens on them.
		s.node.sysctl("ipv4/ip_nonlocal_bind", "1")
		s.node.sysctl("ipv6/ip_nonlocal_bind", "1")
	} else {
		s.node.address("lo", vip4+"/32", vip6+"/128")
	}
	s.backend = s.node.backend(vip4, vip6)
	s.speaker = s.node.speaker(config)
	return s
}

func siteAddresses(number int) *site {
	return &site{asn: 64510 + number, v4: fmt.Sprintf("192.0.2.%d", 10+number), v6: fmt.Sprintf("2001:db8::%d", 10+number)}
}

// neighbours are the site as a router knows it that has a session of each family.
func (s *site) neighbours() []neighbour {
	return []neighbour{{address: s.v4, asn: s.asn}, {address: s.v6, asn: s.asn}}
}

// noDwell makes a speaker stop without waiting: the tests measure BGP.
const noDwell = "states: {draining: {dwell: 0s, linger: 0s}}"

// config returns what makes a site announce the VIPs to the router, each over a
// session of its family; keys are further ones of the peers.
func config(number int, keys string, vips ...string) string {
	s := siteAddresses(number)
	text := &strings.Builder{}
	fmt.Fprintf(text, "asn: %d\nrouterID: %s\n%s\npeers:\n", s.asn, s.v4, noDwell)
	for _, vip := range vips {
		fmt.Fprintf(text, "  - {address: %q, asn: %d, %s}\n", gateway(vip), routerASN, keys)
	}
	text.WriteString("vips:\n")
	for _, vip := range vips {
		server := fmt.Sprintf("%s:53", vip)
		if family(vip) == "ipv6" {
			server = fmt.Sprintf("[%s]:53", vip)
		}
		fmt.Fprintf(text, "  - address: %q\n    checks: [{dns: {server: %q, name: %s}, rise: 2, fall: 2, interval: 200ms}]\n", vip, server, zone)
	}
	return text.String()
}

// gateway is the router's address of a family.
func gateway(vip string) string {
	if family(vip) == "ipv6" {
		return routerV6
	}
	return routerID
}

// prefix is the route to one address.
func prefix(vip string) string {
	if family(vip) == "ipv6" {
		return vip + "/128"
	}
	return vip + "/32"
}
