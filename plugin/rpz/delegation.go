package rpz

import (
	"context"
	"net/netip"
	"slices"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/policyzone"
)

// delegation are the name servers on the way to a name.
type delegation struct {
	// names are canonical; the last in DNSSEC's order, whose rule wins, is first.
	names     []string
	addresses []netip.Addr
}

const (
	// delegationsKept is how many zones' name servers are remembered.
	delegationsKept = 10_000
	// delegationsAtOnce bounds the queries that wait for look-ups; more of them go
	// on without.
	delegationsAtOnce = 64
	// delegationTime bounds what looking up may add to a query.
	delegationTime = 2 * time.Second
	// mostServers is how many of a zone's name servers are looked at: as many as
	// the root has.
	mostServers = 13
	// leastLabels is how many labels a zone must have to be looked at: what a
	// top-level domain is served by says nothing of a name (BIND's min-ns-dots).
	leastLabels = 2
	// absentTime is how long it is remembered that a name has no name servers.
	absentTime = time.Minute
	// keptMost bounds the TTLs that are believed.
	keptMost = time.Hour
)

// delegations looks up and remembers the name servers of zones.
type delegations struct {
	known *lru.Cache[string, servers]
	slots chan struct{}
}

// servers are the name servers of one zone.
type servers struct {
	delegation
	until time.Time
}

func newDelegations() *delegations {
	known, _ := lru.New[string, servers](delegationsKept) // the size is more than zero
	return &delegations{known: known, slots: make(chan struct{}, delegationsAtOnce)}
}

// of returns the name servers of the name and of every zone above it but the
// top-level ones. What cannot be found in time is left out.
func (d *delegations) of(q *query, name string) delegation {
	var all delegation
	ctx, cancel := context.WithTimeout(q.ctx, delegationTime)
	defer cancel()
	for _, zone := range zonesAbove(name) {
		s := d.zone(ctx, q, zone)
		all.names = append(all.names, s.names...)
		all.addresses = append(all.addresses, s.addresses...)
	}
	slices.SortFunc(all.names, func(a, b string) int { return policyzone.CompareNames(b, a) })
	return all
}

// zonesAbove returns the name and its ancestors with enough labels.
func zonesAbove(name string) (zones []string) {
	starts := dns.Split(name)
	for i := 0; i+leastLabels <= len(starts); i++ {
		zones = append(zones, name[starts[i]:])
	}
	return zones
}

// zone returns the name servers of one zone.
func (d *delegations) zone(ctx context.Context, q *query, zone string) delegation {
	if s, ok := d.known.Get(zone); ok && time.Now().Before(s.until) {
		lookups.WithLabelValues("cached").Inc()
		return s.delegation
	}
	select {
	case d.slots <- struct{}{}:
		defer func() { <-d.slots }()
	case <-ctx.Done():
		lookups.WithLabelValues("failed").Inc()
		return delegation{}
	}
	s, ok := lookUp(ctx, q, zone)
	switch {
	case !ok:
		lookups.WithLabelValues("failed").Inc()
		return s.delegation
	case len(s.names) == 0:
		lookups.WithLabelValues("none").Inc()
	default:
		lookups.WithLabelValues("found").Inc()
	}
	d.known.Add(zone, s)
	return s.delegation
}

// lookUp asks for a zone's name servers and their addresses; false where not all
// was answered.
func lookUp(ctx context.Context, q *query, zone string) (servers, bool) {
	records, ttl, ok := find(ctx, q, zone, dns.TypeNS)
	s := servers{until: time.Now().Add(ttl)}
	for _, rr := range records {
		ns, isNS := rr.(*dns.NS)
		if !isNS || ns.Ns == "." || len(s.names) == mostServers {
			continue
		}
		name := policyzone.Canonical(ns.Ns)
		s.names = append(s.names, name)
		for _, qtype := range [...]uint16{dns.TypeA, dns.TypeAAAA} {
			addresses, ttl, found := find(ctx, q, name, qtype)
			ok = ok && found
			s.until = earlier(s.until, time.Now().Add(ttl))
			s.addresses = append(s.addresses, addressesOf(addresses)...)
		}
	}
	return s, ok
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func addressesOf(records []dns.RR) (addresses []netip.Addr) {
	for _, rr := range records {
		var ip []byte
		switch rr := rr.(type) {
		case *dns.A:
			ip = rr.A
		case *dns.AAAA:
			ip = rr.AAAA
		}
		if a, ok := netip.AddrFromSlice(ip); ok {
			addresses = append(addresses, a.Unmap())
		}
	}
	return addresses
}

// find returns the name's own records of the type, and for how long that is to be
// believed; false where there was no answer.
func find(ctx context.Context, q *query, name string, qtype uint16) (records []dns.RR, ttl time.Duration, ok bool) {
	if ctx.Err() != nil {
		return nil, 0, false
	}
	answer, err := ask(ctx, q.ResponseWriter, q.msg, name, qtype)
	if err != nil || answer.Rcode != dns.RcodeSuccess && answer.Rcode != dns.RcodeNameError {
		return nil, 0, false
	}
	ttl = keptMost
	for _, rr := range answer.Answer {
		if h := rr.Header(); h.Rrtype == qtype && equal(h.Name, name) {
			records = append(records, rr)
			ttl = min(ttl, time.Duration(h.Ttl)*time.Second)
		}
	}
	if len(records) == 0 {
		ttl = absentTime
	}
	return records, ttl, true
}
