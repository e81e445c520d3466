package interop

import (
	"fmt"
	"strings"
)

// The router configured by a brand's config is AS 64500, with these addresses.
const (
	routerASN = 64500
	routerID  = "192.0.2.1"
	routerV6  = "2001:db8::1"
)

func family(address string) string {
	if strings.Contains(address, ":") {
		return "ipv6"
	}
	return "ipv4"
}

// spoken returns the families of the session.
func (p neighbour) spoken() []string {
	if len(p.families) > 0 {
		return p.families
	}
	return []string{family(p.address)}
}

func frrConfig(neighbours ...neighbour) string {
	text := &strings.Builder{}
	for _, p := range neighbours {
		if p.link != "" {
			// The two ends find each other by these.
			fmt.Fprintf(text, "interface %s\n no ipv6 nd suppress-ra\n ipv6 nd ra-interval 1\n", p.link)
		}
	}
	fmt.Fprintf(text, "router bgp %d\n bgp router-id %s\n bgp bestpath as-path multipath-relax\n", routerASN, routerID)
	text.WriteString(" no bgp ebgp-requires-policy\n no bgp default ipv4-unicast\n")
	for _, p := range neighbours {
		name, remote := p.address, ""
		if p.link != "" {
			name, remote = p.link, "interface "
		}
		fmt.Fprintf(text, " neighbor %s %sremote-as %d\n neighbor %[1]s timers connect 2\n", name, remote, p.asn)
		for _, line := range []struct {
			set  bool
			text string
		}{
			{p.bfd, "bfd"}, {p.key != "", "password " + p.key}, {p.gtsm, "ttl-security hops 1"},
			{p.hops > 0, fmt.Sprintf("ebgp-multihop %d", p.hops)}, {p.extended, "capability extended-nexthop"},
		} {
			if line.set {
				fmt.Fprintf(text, " neighbor %s %s\n", name, line.text)
			}
		}
		for _, family := range p.spoken() {
			fmt.Fprintf(text, " address-family %s unicast\n  neighbor %s activate\n exit-address-family\n", family, name)
		}
	}
	return text.String()
}

// birdConfig shortens BIRD's waits, with which it would refuse a speaker for
// minutes after a failure.
func birdConfig(neighbours ...neighbour) string {
	text := &strings.Builder{}
	fmt.Fprintf(text, "router id %s;\nprotocol bfd { interface \"*\" { interval 300 ms; multiplier 3; }; }\n", routerID)
	for i, p := range neighbours {
		bfd := "off"
		if p.bfd {
			bfd = "on"
		}
		who := p.address
		if p.link != "" {
			who = "range fe80::/64"
			fmt.Fprintf(text, "protocol radv { interface %q { min ra interval 3; max ra interval 4; }; }\n", p.link)
		}
		fmt.Fprintf(text, "protocol bgp n%d {\n local as %d;\n neighbor %s as %d;\n bfd %s;\n", i, routerASN, who, p.asn, bfd)
		text.WriteString(" error wait time 1,5; connect delay time 1; connect retry time 5;\n")
		if p.hops > 0 {
			fmt.Fprintf(text, " multihop %d;\n", p.hops)
		} else {
			text.WriteString(" direct;\n")
		}
		for _, line := range []struct {
			set  bool
			text string
		}{
			{p.link != "", fmt.Sprintf("interface %q", p.link)}, {p.key != "", fmt.Sprintf("password %q", p.key)}, {p.gtsm, "ttl security on"},
		} {
			if line.set {
				fmt.Fprintf(text, " %s;\n", line.text)
			}
		}
		for _, family := range p.spoken() {
			extended := ""
			if p.extended && family == "ipv4" {
				extended = "extended next hop on; "
			}
			fmt.Fprintf(text, " %s { import all; export none; %s};\n", family, extended)
		}
		text.WriteString("}\n")
	}
	return text.String()
}
