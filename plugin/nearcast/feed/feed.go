// Package feed exports routes as zones for third-party resolvers. For each region and tenant there is a Response
// Policy Zone, and the plain zone as that region's clients would be answered. Secondaries transfer them by AXFR and
// IXFR.
//
// A Set is the feeds of one server block. One goroutine per Set makes zones from the published View. What it
// publishes is immutable, and a transfer reads it with one atomic load. A Book is the history of one zone. It
// outlives the Set that writes it, so its serials continue after a reload, and after a restart if there is a
// directory.
package feed

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/nearcast/zonefile"
)

// All stands for every region that the federation has.
const All = "all"

// Scope says for whom a zone is.
type Scope struct {
	Region string
	// Zone is a zone of the region; "" for the whole region.
	Zone string
	// Tenant is the namespace whose private functions are included; "" for none.
	Tenant string
}

// policyLabel is the label between the zone and the names of its policy zones.
const policyLabel = "_rpz."

// Policies returns the name below which the zone's policy zones are placed.
func Policies(zone string) string { return policyLabel + strings.TrimPrefix(zone, ".") }

// PolicyZone returns the name of the scope's policy zone; false if its parts are not labels.
func (s Scope) PolicyZone(zone string) (string, bool) {
	name := ""
	for _, label := range []string{s.Zone, s.Region, s.Tenant} {
		if label != "" {
			name += label + "."
		}
		if strings.ContainsAny(label, `.\"()@;$`) || strings.ContainsFunc(label, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return "", false
		}
	}
	name = strings.ToLower(name + Policies(zone))
	_, ok := dns.IsDomainName(name)
	return name, ok && s.Region != ""
}

// Line is one declaration of which clients may have which feeds.
type Line struct {
	// Scope's Region may be All.
	Scope
	// To are the sources that may ask, and Key is the TSIG key that they must sign with, using Algorithm. At least
	// one is set. If both are, a client must satisfy both.
	To             []netip.Prefix
	Key, Algorithm string // canonical
	// Notify are the servers that get a NOTIFY for each change.
	Notify []netip.AddrPort
	// At is the position of the line, for messages.
	At string
}

// Identity identifies a client.
type Identity struct {
	Source netip.Addr
	// Key is the TSIG key that was validated, and Algorithm its algorithm; "" if none was.
	Key, Algorithm string
}

// admits reports whether the client may have the line's feeds.
func (l *Line) admits(who Identity) bool {
	if l.Key != "" && (l.Key != who.Key || l.Algorithm != who.Algorithm) {
		return false
	}
	return len(l.To) == 0 || slices.ContainsFunc(l.To, func(p netip.Prefix) bool { return p.Contains(who.Source) })
}

// covers reports whether the scope is among the line's.
func (l *Line) covers(s Scope) bool {
	if l.Region == All {
		return s.Zone == "" && s.Tenant == l.Tenant
	}
	return l.Scope == s
}

// records are those of the operator's file; nil for none.
func (a *Apex) records() *zonefile.Zone {
	if a.Records == nil {
		return nil
	}
	return a.Records()
}

// Apex is the data of a zone at and around its own name.
type Apex struct {
	// Zone is canonical.
	Zone string
	// TTL is that of the plain zone's SOA and NS records.
	TTL uint32
	// SOA is the zone's SOA; its serial and timers are not used.
	SOA dns.SOA
	// Servers are the NS records of the plain zone, and Glue the addresses of those inside it.
	Servers []string
	Glue    []dns.RR
	// Records returns what the operator's file has in the zone. It belongs to the plain zone; nil for nothing.
	Records func() *zonefile.Zone
	// Signed zones are not transferred as plain ones: without signatures they would be bogus.
	Signed bool
}

// These are the SOA timers of feeds. A secondary that missed a NOTIFY finds out within refresh. One that cannot
// reach us keeps serving for a week.
const (
	refresh = 60
	retry   = 15
	expire  = 7 * 24 * 3600
)

// String returns region[/zone], and the tenant.
func (s Scope) String() string {
	text := s.Region
	if s.Zone != "" {
		text += "/" + s.Zone
	}
	if s.Tenant != "" {
		text += " for tenant " + s.Tenant
	}
	return text
}
