package nearcast

import (
	"fmt"
	"net/netip"
	"strings"
)

// unnamed warns of zones whose name servers no ns line names. The server then
// announces itself at the addresses; sites that differ in that contradict each other.
func (s *stanza) unnamed(addrs []netip.Addr) (warnings []error) {
	if len(s.servers) > 0 {
		return nil
	}
	at := "without an address, as neither bind names one that others can reach nor this machine has one; " +
		"add `ns NAME ADDR`, the same at all sites"
	if len(addrs) > 0 {
		var texts []string
		for _, a := range addrs {
			texts = append(texts, a.String())
		}
		at = "at " + strings.Join(texts, " ") + "; where clients or other sites reach it otherwise, add `ns NAME ADDR`, the same at all sites"
	}
	for _, zone := range s.zones {
		warnings = append(warnings, fmt.Errorf("%s: %s has no ns line: its name server is %s %s", s.at, zone, defaultServers(zone, nil)[0].Name, at))
	}
	return warnings
}
