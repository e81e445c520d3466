package rpz

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// families is the number of address families.
const families = 2

// family is what is looked up for addresses of one family; its value is its index.
var family = [families]uint16{dns.TypeA, dns.TypeAAAA}

// wanted says for which address families there are rules.
type wanted [families]bool

// beginAddresses starts to look up the unknown addresses of the path's servers.
func (d *delegations) beginAddresses(b func() *budget, p *path, want wanted) {
	p.addressed = true
	cuts := slices.Clone(p.cuts)
	missing := hosts(cuts, want)
	p.addresses, p.lackOfAddresses = gather(cuts)
	if len(missing) == 0 {
		return
	}
	found := make(chan addressing, 1)
	p.lackOfAddresses, p.addressing = overTime, found
	budget := b()
	go func() {
		ctx, cancel := context.WithDeadline(budget.ctx, budget.until)
		defer cancel()
		lack := d.resolve(ctx, budget, cuts, missing, want)
		addresses, failed := gather(cuts)
		found <- addressing{addresses, worse(lack, failed)}
	}()
}

// gather joins the addresses of all zones.
func gather(cuts []cut) (all []netip.Addr, why lack) {
	for _, c := range cuts {
		for _, found := range c.addresses {
			all = append(all, found.values...)
			if found.failed {
				why = unanswered
			}
		}
	}
	return all, why
}

// waitAddresses waits until the servers' addresses are known or the look-ups have failed.
func (p *path) waitAddresses() {
	if p.addressing != nil {
		a := <-p.addressing
		p.addresses, p.lackOfAddresses, p.addressing = a.addresses, a.lack, nil
	}
}

// host is a name server whose addresses of one family must be looked up.
type host struct {
	name   string
	family int
}

// hosts returns the hosts whose addresses are unknown, in the order of the cuts, and drops expired addresses from
// the cuts.
func hosts(cuts []cut, want wanted) (missing []host) {
	seen := map[host]bool{}
	for i := range cuts {
		c := &cuts[i]
		for f := range families {
			if c.addresses[f].known() {
				continue
			}
			c.addresses[f] = found[netip.Addr]{}
			if !want[f] {
				continue
			}
			for _, name := range c.names.values {
				if h := (host{name, f}); !seen[h] {
					seen[h] = true
					missing = append(missing, h)
				}
			}
		}
	}
	return missing
}

// resolve looks up the hosts, adds their addresses to the cuts, and caches what it found. If the budget does not
// suffice, the first zones are complete, and the next query continues from there.
func (d *delegations) resolve(ctx context.Context, b *budget, cuts []cut, missing []host, want wanted) (why lack) {
	domain := registrable(cuts[len(cuts)-1].zone)
	outcomes, spent := map[host]outcome{}, false
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, h := range missing {
		if spent = !b.take(); spent {
			break
		}
		wg.Go(func() {
			o := b.ask(ctx, domain, h.name, family[h.family])
			mu.Lock()
			defer mu.Unlock()
			outcomes[h] = o
			why = worse(why, o.lack)
		})
	}
	wg.Wait()
	if spent {
		why = overQuery
	}
	for i := range cuts {
		c := &cuts[i]
		for f := range families {
			if want[f] && !c.addresses[f].known() {
				c.addresses[f] = addressesOf(c.names, outcomes, f)
			}
		}
		d.known.put(c.zone, c.servers)
	}
	return why
}

// addressesOf returns the addresses of one family of a zone's servers. They must not be used if missing ones were
// not looked up.
func addressesOf(names found[string], outcomes map[host]outcome, f int) (all found[netip.Addr]) {
	all.until = names.until
	keep := true
	for _, name := range names.values {
		o, asked := outcomes[host{name, f}]
		switch {
		case o.msg != nil:
			records, ttl := own(o.msg, name, family[f])
			all.values = append(all.values, addressesIn(records)...)
			all.until = earlier(all.until, time.Now().Add(ttl))
		case asked && o.lack == unanswered:
			all.failed = true
			all.until = earlier(all.until, time.Now().Add(failedTime))
		default:
			keep = false
		}
	}
	if len(all.values) > mostAddresses {
		all.values, all.failed = all.values[:mostAddresses], true
	}
	if !keep {
		all.until = time.Time{}
	}
	return all
}

func addressesIn(records []dns.RR) (addresses []netip.Addr) {
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

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
