package nearcast

import (
	"fmt"
	"net/netip"
	"strings"
)

// unnamed warns of zones without an ns line. The server then announces itself at the addresses; sites whose
// addresses differ contradict each other.
func (s *stanza) unnamed(addrs []netip.Addr) (warnings []error) {
	if len(s.servers) > 0 {
		return nil
	}
	at := "without an address, because neither bind nor this machine has one that others can reach; " +
		"add `ns NAME ADDR`, the same at all sites"
	if len(addrs) > 0 {
		var texts []string
		for _, a := range addrs {
			texts = append(texts, a.String())
		}
		at = "at " + strings.Join(texts, " ") + "; if clients or other sites reach it at other addresses, add `ns NAME ADDR`, the same at all sites"
	}
	for _, zone := range s.zones {
		warnings = append(warnings, fmt.Errorf("%s: %s has no ns line: its name server is %s %s", s.at, zone, defaultServers(zone, nil)[0].Name, at))
	}
	return warnings
}

// logged are the warnings that are logged too: those about name servers that nobody can reach.
func (s *stanza) logged(own []netip.Addr) []error {
	if len(own) > 0 {
		return s.warnings
	}
	return append(s.unnamed(own), s.warnings...)
}

// unaddressed warns of name servers in the zones of other blocks that have no address there.
func (s *stanza) unaddressed(all []*Nearcast) (warnings []error) {
	for _, server := range s.servers {
		if len(server.Addrs) > 0 || s.zoneAbove(server.Name) != "" {
			continue // the reader has reported it
		}
		name := []byte(server.Name)
		other := responsible(all, name)
		if other == nil {
			continue
		}
		if z := other.zoneOf(name); z.server(name) == nil {
			warnings = append(warnings, fmt.Errorf("%s: ns: %s is in the zone %s of another block, which has no address for it, so nobody can reach it: "+
				"add `ns %s ADDR` there", s.at, server.Name, z.Name, server.Name))
		}
	}
	return warnings
}
