package nearcast

import (
	"net/netip"
	"strings"
	"sync/atomic"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/site"
	"github.com/nearcast/nearcast/plugin/internal/domain"
	"github.com/nearcast/nearcast/plugin/nearcast/zonefile"
)

// Zone is one zone that the plugin is authoritative for.
type Zone struct {
	// Name is canonical.
	Name string
	// Servers has at least one.
	Servers []Server
	// serverTTL is the TTL of the Servers' addresses.
	serverTTL uint32
	soa       dns.SOA
	signer    *signer // nil for an unsigned zone
	// keys are those for the parent zone's DS records, which may be those of several blocks; none for an unsigned zone.
	keys delegation
	// feeds is the name below which the zone's policy zones are placed; "" if it has none.
	feeds string
	// delegations are the zones inside this one.
	delegations []delegation
	// file has the records of the block's file; nil if it has no file.
	file *atomic.Pointer[zonefile.Zone]

	counters counters
}

// Server is one of the zone's name servers.
type Server struct {
	// Name is canonical.
	Name  string
	Addrs []netip.Addr
}

// soaSerial never changes: this zone is not transferred, and every site must show the same SOA.
const soaSerial = 1

// The SOA timers are those that RIPE-203 recommends for small and stable zones.
const (
	soaRefresh = 86400
	soaRetry   = 7200
	soaExpire  = 3600000
)

func newSOA(zone, primary, hostmaster string, negativeTTL uint32) dns.SOA {
	if hostmaster == "" {
		hostmaster = defaultHostmaster(zone)
	}
	return dns.SOA{
		Hdr: dns.RR_Header{Name: zone, Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: negativeTTL},
		Ns:  primary, Mbox: hostmaster, Serial: soaSerial,
		Refresh: soaRefresh, Retry: soaRetry, Expire: soaExpire, Minttl: negativeTTL,
	}
}

func defaultHostmaster(zone string) string { return "hostmaster." + strings.TrimPrefix(zone, ".") }

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

// records returns those of the block's file in the zone; nil if there are none.
func (z *Zone) records() *zonefile.Zone {
	if z.file == nil {
		return nil
	}
	return z.file.Load()
}

// aroundServers corrects whether a name exists for the names of the zone's servers, of the zones inside it and of its
// file, which exist without being functions: their ancestors exist, and a wildcard above an existing name matches neither
// it nor names below it (RFC 4592).
func (a *answer) aroundServers(name []byte, e site.Existence) site.Existence {
	for i := range a.zone.Servers {
		e = a.around(a.zone.Servers[i].Name, name, e)
	}
	for i := range a.zone.delegations {
		// A query for a name inside the lower zone, which another block should have got, is answered as if that
		// zone did not exist.
		if lower := a.zone.delegations[i].name; !domain.Under(name, lower) {
			e = a.around(lower, name, e)
		}
	}
	if file := a.zone.records(); file != nil {
		if file.At(name) != nil {
			return site.Ancestor
		}
		e = a.around(file.Encloser(name).Name, name, e)
	}
	return e
}

// around corrects whether a name exists, given a name that exists.
func (a *answer) around(existing string, name []byte, e site.Existence) site.Existence {
	common := inCommon(name, existing)
	switch {
	case len(common) <= len(a.zone.Name):
	case len(common) == len(name):
		return site.Ancestor
	case e == site.Synthesised && !a.exists(common):
		return site.Absent
	}
	return e
}

// exists reports whether functions alone make the name exist.
func (a *answer) exists(name []byte) bool {
	_, e := a.view.Names.Lookup(name, a.client.Own)
	return e == site.Exact || e == site.Ancestor
}

// inCommon returns the longest name at or above both; it is empty if that is the root.
func inCommon(name []byte, other string) []byte {
	n, o, from := len(name), len(other), len(name)
	for n > 0 && o > 0 && name[n-1] == other[o-1] {
		n, o = n-1, o-1
		if (n == 0 || name[n-1] == '.') && (o == 0 || other[o-1] == '.') {
			from = n
		}
	}
	return name[from:]
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

// apexAddrs returns the addresses of the zone's own name, if that is one of its servers.
func (z *Zone) apexAddrs() []netip.Addr {
	if s := z.server([]byte(z.Name)); s != nil {
		return s.Addrs
	}
	return nil
}
