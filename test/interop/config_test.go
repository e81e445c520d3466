package interop

import (
	"fmt"
	"strings"
)

// The router that a brand's config makes is AS 64500, with these addresses.
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

func frrConfig(neighbours ...neighbour) string {
	text := &strings.Builder{}
	fmt.Fprintf(text, "router bgp %d\n bgp router-id %s\n bgp bestpath as-path multipath-relax\n", routerASN, routerID)
	text.WriteString(" no bgp ebgp-requires-policy\n no bgp default ipv4-unicast\n")
	for _, p := range neighbours {
		fmt.Fprintf(text, " neighbor %s remote-as %d\n", p.address, p.asn)
		if p.bfd {
			fmt.Fprintf(text, " neighbor %s bfd\n", p.address)
		}
		fmt.Fprintf(text, " address-family %s unicast\n  neighbor %s activate\n exit-address-family\n", family(p.address), p.address)
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
		fmt.Fprintf(text, "protocol bgp n%d {\n local as %d;\n neighbor %s as %d;\n bfd %s;\n", i, routerASN, p.address, p.asn, bfd)
		text.WriteString(" error wait time 1,5; connect delay time 1; connect retry time 5;\n")
		fmt.Fprintf(text, " %s { import all; export none; };\n}\n", family(p.address))
	}
	return text.String()
}
