package nearcast

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/request"
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/internal/domain"
)

// delegation is a zone inside another one that the same Corefile serves. Its DS records belong to the parent zone
// (RFC 4035, section 3.1.4.1): without them, or signed proof that there are none, a validator takes the child's
// answers for forged.
type delegation struct {
	// name is canonical.
	name string
	// signers are those of the zone in each block that serves it. There are none if one of these blocks does not
	// sign, or if they have no algorithm in common: the zone is then unsigned for all clients.
	signers []*signer
}

// delegate makes the zones of all nearcast blocks delegate the zones inside them, and tells each block about the
// others. Elsewhere are the zones that other plugins answer for.
func delegate(all []*Nearcast, elsewhere []string) {
	signers := map[string][]*signer{}
	for _, name := range elsewhere {
		signers[name] = append(signers[name], nil)
	}
	for _, n := range all {
		for _, z := range n.Zones {
			signers[z.Name] = append(signers[z.Name], z.signer)
		}
	}
	names := slices.Sorted(maps.Keys(signers))
	for _, n := range all {
		n.neighbours = slices.DeleteFunc(slices.Clone(all), func(m *Nearcast) bool { return m == n || !n.meets(m) })
		for i := range n.Zones {
			n.Zones[i].delegations = nil
			n.Zones[i].keys = delegation{n.Zones[i].Name, complete(signers[n.Zones[i].Name])}
			for _, name := range names {
				if upper(name, names) == n.Zones[i].Name {
					n.Zones[i].delegations = append(n.Zones[i].delegations, delegation{name, complete(signers[name])})
				}
			}
		}
	}
}

// upper returns the longest of the names that is above the name, or "" if none is.
func upper(name string, names []string) (above string) {
	for _, other := range names {
		if len(other) < len(name) && len(other) > len(above) && domain.Under([]byte(name), other) {
			above = other
		}
	}
	return above
}

// complete returns the signers if none is missing and all have an algorithm in common.
func complete(all []*signer) []*signer {
	if slices.Contains(all, nil) || len(common(all)) == 0 {
		return nil
	}
	return all
}

// common returns the algorithms with which every signer signs. DS records may use only these, because each
// algorithm among them must sign the zone (RFC 4035, section 2.2).
func common(all []*signer) (algorithms []uint8) {
	for _, k := range all[0].keys {
		if !slices.ContainsFunc(all, func(s *signer) bool { return !s.has(k.public.Algorithm) }) {
			algorithms = append(algorithms, k.public.Algorithm)
		}
	}
	return algorithms
}

func (s *signer) has(algorithm uint8) bool {
	return slices.ContainsFunc(s.keys, func(k signingKey) bool { return k.public.Algorithm == algorithm })
}

// servedElsewhere returns the zones of the blocks that a plugin other than nearcast answers for.
func servedElsewhere(all []caddyfile.ServerBlock) (names []string) {
	for _, block := range all {
		ours := caddyfile.NewDispenserTokens("", block.Tokens["nearcast"])
		if !ours.Next() {
			names = append(names, zonesOf(block.Keys)...)
		} else if args := zonesOf(ours.RemainingArgs()); len(args) > 0 {
			names = append(names, slices.DeleteFunc(zonesOf(block.Keys), func(zone string) bool { return slices.Contains(args, zone) })...)
		}
	}
	return names
}

// unsigned warns of names inside the signed zones of a block whose answers are not signed.
func (s *stanza) unsigned(n *Nearcast) (warnings []error) {
	for i := range n.Zones {
		z := &n.Zones[i]
		if z.signer == nil {
			continue
		}
		if meets(s.fall.Zones, z.Name) {
			warnings = append(warnings, fmt.Errorf("%s: fallthrough: %s is signed, but answers of the next plugin in it are not: validating resolvers reject them", s.lines["fallthrough"], z.Name))
		}
		for _, d := range z.delegations {
			if len(d.signers) == 0 {
				warnings = append(warnings, fmt.Errorf("%s: sign: %s is inside the signed zone %s, and the blocks that serve it do not all sign it with one algorithm: "+
					"resolvers accept its answers without validation; add `sign KEY` there", s.lines["sign"], d.name, z.Name))
			}
		}
	}
	return warnings
}

// meets reports whether the blocks share a listening address. If nothing is served, all do.
func (n *Nearcast) meets(m *Nearcast) bool {
	if n.server == nil || m.server == nil {
		return true
	}
	return n.server.Transport == m.server.Transport && n.server.Port == m.server.Port &&
		slices.ContainsFunc(n.server.ListenHosts, func(host string) bool { return slices.Contains(m.server.ListenHosts, host) })
}

// above returns the block that answers for the DS records of the name, and the zone: the longest one above the
// name. CoreDNS gives these queries to the shortest zone that has a block, or to the name's own.
func (n *Nearcast) above(ctx context.Context, w dns.ResponseWriter, r *dns.Msg, name []byte) (who *Nearcast, above *Zone) {
	who, above = n, n.zoneAbove(name)
	for _, m := range n.neighbours {
		if z := m.zoneAbove(name); z != nil && (above == nil || len(z.Name) > len(above.Name)) && m.chosen(ctx, w, r) {
			who, above = m, z
		}
	}
	return who, above
}

// zoneAbove returns the longest zone that the name is below, or nil.
func (n *Nearcast) zoneAbove(name []byte) (above *Zone) {
	for i := range n.Zones {
		z := &n.Zones[i]
		if len(name) > len(z.Name) && domain.Under(name, z.Name) && (above == nil || len(z.Name) > len(above.Name)) {
			above = z
		}
	}
	return above
}

// chosen reports whether the block's views admit the query.
func (n *Nearcast) chosen(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) bool {
	return n.server == nil || !slices.ContainsFunc(n.server.FilterFuncs, func(pass dnsserver.FilterFunc) bool {
		return !pass(ctx, &request.Request{Req: r, W: w})
	})
}

// delegation returns the delegation at the name, or nil.
func (z *Zone) delegation(name []byte) *delegation {
	for i := range z.delegations {
		if z.delegations[i].name == string(name) {
			return &z.delegations[i]
		}
	}
	return nil
}

// own separates the additional records that the zone's keys sign from the others: those of servers elsewhere, or
// below a delegation.
func (z *Zone) own(additional []dns.RR) (own, others []dns.RR) {
	for _, rr := range additional {
		if z.owns(rr.Header().Name) {
			own = append(own, rr)
		} else {
			others = append(others, rr)
		}
	}
	return own, others
}

func (z *Zone) owns(name string) bool {
	return dns.IsSubDomain(z.Name, name) &&
		!slices.ContainsFunc(z.delegations, func(d delegation) bool { return dns.IsSubDomain(d.name, name) })
}

// delegated answers for the DS records of a zone inside this one.
func (a *answer) delegated(w dns.ResponseWriter, d *delegation) (int, error) {
	a.owner = owner{kind: ownerDelegation, delegation: d}
	a.msg.Answer = d.records(a.header(dns.TypeDS, seconds(a.n.settings.ttls.zone)))
	if len(a.msg.Answer) == 0 {
		return a.negative(w, outcomeNoData, dns.RcodeSuccess)
	}
	return a.send(w, outcomeApex, dns.RcodeSuccess)
}

// forParent are the CDS or CDNSKEY records with the header (RFC 7344): they say which DS records the parent zone should
// have.
func (d *delegation) forParent(h dns.RR_Header) (all []dns.RR) {
	if h.Rrtype == dns.TypeCDS {
		for _, rr := range d.records(h) {
			all = append(all, rr.(*dns.DS).ToCDS())
		}
		return all
	}
	for _, k := range d.keys() {
		key := k.public.ToCDNSKEY()
		key.Hdr = h
		all = append(all, key)
	}
	return all
}

// keys are those that DS records may name, without duplicates.
func (d *delegation) keys() (all []signingKey) {
	if len(d.signers) == 0 {
		return nil
	}
	algorithms := common(d.signers)
	for _, s := range d.signers {
		for _, k := range s.keys {
			same := func(o signingKey) bool { return dns.IsDuplicate(o.public, k.public) }
			if slices.Contains(algorithms, k.public.Algorithm) && !slices.ContainsFunc(all, same) {
				all = append(all, k)
			}
		}
	}
	return all
}

// records are the DS records with the header.
func (d *delegation) records(h dns.RR_Header) (all []dns.RR) {
	for _, k := range d.keys() {
		ds := k.public.ToDS(dns.SHA256)
		ds.Hdr = h
		all = append(all, ds)
	}
	slices.SortFunc(all, func(x, y dns.RR) int { return cmp.Compare(x.(*dns.DS).Digest, y.(*dns.DS).Digest) })
	return all
}
