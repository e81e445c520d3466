package rpz

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
)

const (
	// mostZones is how many names, from the name itself up, are queried for name servers at a time
	// (MAX_MINIMISE_COUNT of RFC 9156). For a longer name, the zone that it is in is found first.
	mostZones = 10
	// mostServers is how many name servers of a zone are considered, and mostAddresses how many addresses of one
	// family: more than legitimate zones have.
	mostServers   = 32
	mostAddresses = 128
)

// delegations find the name servers of zones.
type delegations struct {
	known  *known
	shares *shares
	// served is the zone of the server block. This server does not answer for what is above it.
	served string
	// minDots is how many dots a zone's name must have to be considered, without the final one.
	minDots int
}

func newDelegations(served string, minDots int) *delegations {
	return &delegations{known: newKnown(), shares: newShares(), served: served, minDots: minDots}
}

// cut is a zone on the way to a name.
type cut struct {
	zone string
	servers
}

// path is the way to a name. It belongs to one query.
type path struct {
	// cuts are those of the name and its ancestors that are the apex of a zone, the shortest first.
	cuts []cut
	// lack is why not all zones' servers are known.
	lack lack
	// naming is in progress, or nil.
	naming chan naming

	// addressed is set if the servers' addresses are considered, and lackOfAddresses says why not all are known.
	addressed       bool
	addresses       []netip.Addr
	lackOfAddresses lack
	addressing      chan addressing // in progress, or nil
}

// naming and addressing hold the results of look-ups.
type (
	naming struct {
		cuts []cut
		lack
	}
	addressing struct {
		addresses []netip.Addr
		lack
	}
)

// begin reads what is known of the way to the name, and starts to look up the rest.
func (d *delegations) begin(b func() *budget, name string) *path {
	zones := d.zones(name)
	cuts, missing, before := d.read(zones)
	p := &path{cuts: cuts, lack: before}
	if len(missing) == 0 {
		return p
	}
	result := make(chan naming, 1)
	p.lack, p.naming = overTime, result
	budget := b()
	go func() {
		ctx, cancel := context.WithDeadline(budget.ctx, budget.until)
		defer cancel()
		found, lack := d.findZones(ctx, budget, missing)
		cuts := slices.Concat(found, cuts)
		slices.SortFunc(cuts, func(a, b cut) int { return len(a.zone) - len(b.zone) })
		result <- naming{cuts, worse(before, lack)}
	}()
	return p
}

// zones returns the name and those of its ancestors that have enough labels, the shortest first.
func (d *delegations) zones(name string) (zones []string) {
	least := d.minDots + 1 // labels
	if dns.IsSubDomain(d.served, name) {
		least = max(least, dns.CountLabel(d.served))
	}
	starts := dns.Split(name)
	for i := len(starts) - least; i >= 0; i-- {
		zones = append(zones, name[starts[i]:])
	}
	return zones
}

// read divides zones into those that are known and those that must be looked up. It looks up none below a zone that
// does not answer, which would not answer either.
func (d *delegations) read(zones []string) (cuts []cut, missing []string, why lack) {
	all := d.known.get(zones)
	for i := len(zones) - 1; i >= 0; i-- {
		s := all[i]
		switch {
		case !s.names.known():
			missing = append(missing, zones[i])
			continue
		case s.names.failed:
			why, missing = unanswered, nil
		}
		cachedLookups.Inc()
		if len(s.names.values) > 0 {
			cuts = append(cuts, cut{zones[i], s})
		} else if len(zones) > mostZones {
			i = below(zones, i, s.above)
		}
	}
	slices.Reverse(cuts)
	slices.Reverse(missing)
	return cuts, missing, why
}

// below returns the index after the zone that the name at i said it is in, among names of which each is below the
// one before. It does not skip a registered domain: that zone's server might say so.
func below(zones []string, i int, above string) int {
	for i > 0 && zones[i-1] != above && len(zones[i-1]) > max(len(above), len(registrable(zones[i-1]))) {
		i--
	}
	return i
}

// findZones looks up which of the names are zones. Each name is below the one before.
func (d *delegations) findZones(ctx context.Context, b *budget, names []string) (cuts []cut, why lack) {
	for range mostZones {
		if len(names) <= mostZones {
			break
		}
		last := len(names) - 1
		s, why := d.findNames(ctx, b, names[last])
		if why != "" {
			return cuts, why
		}
		if len(s.names.values) > 0 {
			cuts = append(cuts, cut{names[last], s})
		} else {
			last = below(names, last, s.above)
		}
		names = names[:last]
	}
	if len(names) > mostZones {
		return cuts, overQuery
	}
	results := make([]servers, len(names))
	lacks := make([]lack, len(names))
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() { results[i], lacks[i] = d.findNames(ctx, b, name) })
	}
	wg.Wait()
	for i, s := range results {
		why = worse(why, lacks[i])
		if len(s.names.values) > 0 {
			cuts = append(cuts, cut{names[i], s})
		}
	}
	return cuts, why
}

// worse prefers a reason that says more than that time ran out.
func worse(a, b lack) lack {
	if a == "" || a == overTime && b != "" {
		return b
	}
	return a
}

// findNames looks up a zone's name servers, and caches what it finds.
func (d *delegations) findNames(ctx context.Context, b *budget, zone string) (servers, lack) {
	if !b.take() {
		return servers{}, overQuery
	}
	o := b.ask(ctx, registrable(zone), zone, dns.TypeNS)
	switch o.lack {
	case "":
	case unanswered:
		lookups.WithLabelValues("failed").Inc()
		d.known.put(zone, servers{names: failure[string]()})
		return servers{}, o.lack
	default:
		lookups.WithLabelValues("failed").Inc()
		return servers{}, o.lack
	}
	s := servers{names: namesOf(o.msg, zone), above: soaOwner(o.msg, zone)}
	d.known.put(zone, s)
	switch {
	case s.names.failed:
		lookups.WithLabelValues("failed").Inc()
		return s, unanswered
	case len(s.names.values) == 0:
		lookups.WithLabelValues("none").Inc()
	default:
		lookups.WithLabelValues("found").Inc()
	}
	return s, ""
}

func failure[T any]() found[T] { return found[T]{failed: true, until: time.Now().Add(failedTime)} }

// namesOf returns the name servers in an answer.
func namesOf(m *dns.Msg, zone string) (f found[string]) {
	records, ttl := own(m, zone, dns.TypeNS)
	f.until = time.Now().Add(ttl)
	for _, rr := range records {
		if ns := rr.(*dns.NS); ns.Ns != "." {
			f.values = append(f.values, policyzone.Canonical(ns.Ns))
		}
	}
	if len(f.values) > mostServers {
		f.values, f.failed = f.values[:mostServers], true
	}
	return f
}

// own returns the name's own records of the type, and how long they are valid.
func own(m *dns.Msg, name string, qtype uint16) (records []dns.RR, ttl time.Duration) {
	ttl = keptMost
	for _, rr := range m.Answer {
		if h := rr.Header(); h.Rrtype == qtype && equal(h.Name, name) {
			records = append(records, rr)
			ttl = min(ttl, time.Duration(h.Ttl)*time.Second)
		}
	}
	if len(records) == 0 {
		ttl = absentTime
	}
	return records, ttl
}

// soaOwner returns the zone that a negative answer says the name is in (RFC 2308, 3), or
// "".
func soaOwner(m *dns.Msg, name string) string {
	for _, rr := range m.Ns {
		if soa, ok := rr.(*dns.SOA); ok && dns.IsSubDomain(soa.Hdr.Name, name) {
			return policyzone.Canonical(soa.Hdr.Name)
		}
	}
	return ""
}

// waitNames waits until the servers' names are known or the look-ups have failed.
func (p *path) waitNames() {
	if p.naming != nil {
		n := <-p.naming
		p.cuts, p.lack, p.naming = n.cuts, n.lack, nil
	}
}

// names returns the names of the servers. The last in DNSSEC's order, whose rule wins, comes first.
func (p *path) names() (names []string) {
	for _, c := range p.cuts {
		names = append(names, c.names.values...)
	}
	slices.SortFunc(names, func(a, b string) int { return policyzone.CompareNames(b, a) })
	return names
}
