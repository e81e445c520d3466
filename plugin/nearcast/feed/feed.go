// Package feed exports routes as zones for resolvers that are not ours: for each
// region, and tenant, a Response Policy Zone, and the plain zone as that region's
// clients would be answered. Secondaries take them by AXFR and IXFR.
//
// A Set is the feeds of one server block. One goroutine per Set makes zones of the
// published View; what it publishes is immutable, and a transfer reads it with one
// atomic load. A Book is one zone's history: it outlives the Set that writes it, so
// that a reload continues its serials, and a restart does where there is a folder.
package feed

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// All stands for every region that the federation has.
const All = "all"

// Scope is for whom a zone is.
type Scope struct {
	Region string
	// Zone is of the region; "" for all of it.
	Zone string
	// Tenant is the namespace whose private functions are seen; "" for none.
	Tenant string
}

// policyLabel is below the zone, and above the names of its policy zones.
const policyLabel = "_rpz."

// Policies returns the name below which the zone's policy zones are.
func Policies(zone string) string { return policyLabel + strings.TrimPrefix(zone, ".") }

// PolicyZone returns the name of the scope's policy zone; false where the parts are
// not labels.
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

// Line is one declaration of who may have which feeds.
type Line struct {
	// Scope's Region may be All.
	Scope
	// To are the sources that may ask, and Key the TSIG key that they must have
	// signed with, by Algorithm. Where both are set both must hold; one of them is.
	To             []netip.Prefix
	Key, Algorithm string // canonical
	// Notify are who is told of a change.
	Notify []netip.AddrPort
	// At is where the line is, for people.
	At string
}

// Identity is who asks.
type Identity struct {
	Source netip.Addr
	// Key is the TSIG key that was validated, and Algorithm by what; "" if none was.
	Key, Algorithm string
}

// admits reports whether the line lets who asks have its feeds.
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

// Apex is what a zone has at its own name, and around it.
type Apex struct {
	// Zone is canonical.
	Zone string
	// SOA is the zone's; its serial and timers do not count.
	SOA dns.SOA
	// Servers are the NS records of the plain zone, and Glue the addresses of those
	// that are in it.
	Servers []string
	Glue    []dns.RR
	// Signed zones are not transferred as plain ones: without their signatures they
	// would be bogus.
	Signed bool
}

// The SOA timers of feeds. A secondary that missed a NOTIFY finds out within
// refresh; one that has lost us goes on for a week.
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
