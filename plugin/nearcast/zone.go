package nearcast

import (
	"net/netip"
	"strings"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/site"
	"github.com/nearcast/nearcast/plugin/domain"
)

// Zone is one zone that the plugin is authoritative for.
type Zone struct {
	// Name is canonical.
	Name    string
	Servers []Server
	soa     dns.SOA
	signer  *signer // nil for an unsigned zone
	// feeds is the name below which the zone's policy zones are; "" if it has none.
	feeds string

	counters counters
}

// Server is one of the zone's name servers.
type Server struct {
	// Name is canonical.
	Name  string
	Addrs []netip.Addr
}

// soaSerial never changes: transfers are not served from here, and every site
// must show the same SOA.
const soaSerial = 1

// The SOA timers are those that RIPE-203 recommends for small and stable zones.
const (
	soaRefresh = 86400
	soaRetry   = 7200
	soaExpire  = 3600000
)

func newSOA(zone string, servers []Server, hostmaster string, negativeTTL uint32) dns.SOA {
	primary := zone
	if len(servers) > 0 {
		primary = servers[0].Name
	}
	if hostmaster == "" {
		hostmaster = "hostmaster." + strings.TrimPrefix(zone, ".")
	}
	return dns.SOA{
		Hdr: dns.RR_Header{Name: zone, Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: negativeTTL},
		Ns:  primary, Mbox: hostmaster, Serial: soaSerial,
		Refresh: soaRefresh, Retry: soaRetry, Expire: soaExpire, Minttl: negativeTTL,
	}
}

// zoneOf returns the longest zone at or above the name, or nil.
func (n *Nearcast) zoneOf(name []byte) *Zone {
	var best *Zone
	for i := range n.Zones {
		z := &n.Zones[i]
		if domain.Under(name, z.Name) && (best == nil || len(z.Name) > len(best.Name)) {
			best = z
		}
	}
	return best
}

// aroundServers corrects the existence of a name for the names of the zone's
// servers, which exist without being functions: their ancestors exist, and no
// wildcard reaches below them (RFC 4592).
func (z *Zone) aroundServers(name []byte, e site.Existence) site.Existence {
	for i := range z.Servers {
		server := z.Servers[i].Name
		switch {
		case e == site.Absent && below(server, string(name)):
			return site.Ancestor
		case e == site.Synthesised && below(string(name), server):
			return site.Absent
		}
	}
	return e
}

// below reports whether the canonical name is below the other.
func below(name, above string) bool {
	return strings.HasSuffix(name, above) && len(name) > len(above) && name[len(name)-len(above)-1] == '.'
}

// server returns the zone's name server of this name, or nil.
func (z *Zone) server(name []byte) *Server {
	for i := range z.Servers {
		if z.Servers[i].Name == string(name) {
			return &z.Servers[i]
		}
	}
	return nil
}
