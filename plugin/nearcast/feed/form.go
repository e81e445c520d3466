package feed

import (
	"iter"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/nearcast/records"
	"github.com/nearcast/nearcast/plugin/nearcast/zonefile"
)

// form is the form in which a content is served.
type form uint8

const (
	// policy is a Response Policy Zone: its triggers are the names, below its apex.
	policy form = iota
	// plain is the zone itself.
	plain
)

// head is what surrounds a content. Only the configuration and the operator's file of records change it.
type head struct {
	apex   Apex
	policy string // the policy zone's name
	// records are those of the operator's file.
	records *zonefile.Zone
	ttl     uint32 // if there is no record to take it from
}

// String tells two heads apart.
func (h *head) String() string {
	var b strings.Builder
	for _, form := range []form{policy, plain} {
		for _, rr := range h.around(form, 0) {
			b.WriteString(rr.String() + "\n")
		}
	}
	return b.String()
}

func (h *head) name(f form) string {
	if f == plain {
		return h.apex.Zone
	}
	return h.policy
}

func (h *head) header(f form, rrtype uint16, ttl uint32) dns.RR_Header {
	return dns.RR_Header{Name: h.name(f), Rrtype: rrtype, Class: dns.ClassINET, Ttl: ttl}
}

// ttlOf is the TTL of what is at the apex.
func (h *head) ttlOf(f form) uint32 {
	if f == plain && h.apex.TTL > 0 {
		return h.apex.TTL
	}
	return h.ttl
}

func (h *head) soa(f form, serial uint32) *dns.SOA {
	soa := h.apex.SOA
	soa.Hdr = h.header(f, dns.TypeSOA, h.ttlOf(f))
	soa.Serial, soa.Refresh, soa.Retry, soa.Expire = serial, refresh, retry, expire
	return &soa
}

// servers are the NS records. Resolvers never follow those of a policy zone.
func (h *head) servers(f form) []dns.RR {
	names := h.apex.Servers
	if f == policy {
		names = []string{"localhost."}
	}
	var all []dns.RR
	for _, name := range names {
		all = append(all, &dns.NS{Hdr: h.header(f, dns.TypeNS, h.ttlOf(f)), Ns: name})
	}
	return all
}

// around is everything except the content.
func (h *head) around(f form, serial uint32) []dns.RR {
	all := append([]dns.RR{h.soa(f, serial)}, h.servers(f)...)
	if f == plain {
		all = append(append(all, h.apex.Glue...), h.records.All()...)
	}
	return all
}

// owner returns the name of the content's node in the form; false if it would be too long.
func (h *head) owner(f form, name string) (string, bool) {
	if f == plain {
		return name, true
	}
	name += h.policy
	return name, len(name) <= maxName
}

// maxName is the longest text of a name without escapes: it takes 255 octets on the wire.
const maxName = 254

// of returns the node's records in the form.
func (h *head) of(f form, n *Node) []dns.RR {
	if n == nil {
		return nil
	}
	owner, ok := h.owner(f, n.Owner)
	if !ok {
		return nil
	}
	if n.body == "" {
		return []dns.RR{h.nothing(f, owner)}
	}
	var all []dns.RR
	for _, r := range split(n.body) {
		if rr, err := unpack(owner, r); err == nil { // what this process packed can be unpacked
			all = append(all, rr)
		}
	}
	return all
}

// nothing stands for a name that exists and has no records: the policy NODATA or, in a plain zone, what every name
// has for the type ANY.
func (h *head) nothing(f form, owner string) dns.RR {
	if f == policy {
		return &dns.CNAME{Hdr: dns.RR_Header{Name: owner, Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: h.apex.SOA.Minttl}, Target: "*."}
	}
	return records.HINFO(dns.RR_Header{Name: owner, Rrtype: dns.TypeHINFO, Class: dns.ClassINET, Ttl: h.apex.SOA.Minttl})
}

// whole is the history as an AXFR.
func (h *history) whole(f form) iter.Seq[dns.RR] {
	return func(yield func(dns.RR) bool) {
		for _, rr := range h.head.around(f, h.serial) {
			if !yield(rr) {
				return
			}
		}
		for _, n := range h.nodes {
			for _, rr := range h.head.of(f, n) {
				if !yield(rr) {
					return
				}
			}
		}
		yield(h.head.soa(f, h.serial))
	}
}

// changed is an IXFR of the changes since the serial, condensed into one difference (RFC 1995, section 5).
func (h *history) changed(f form, serial uint32, changes []Change) iter.Seq[dns.RR] {
	return func(yield func(dns.RR) bool) {
		now := h.head.soa(f, h.serial)
		if !yield(now) || !yield(h.head.soa(f, serial)) {
			return
		}
		for _, c := range changes {
			gone, _ := h.head.parts(f, c)
			for _, rr := range gone {
				if !yield(rr) {
					return
				}
			}
		}
		if !yield(now) {
			return
		}
		for _, c := range changes {
			_, come := h.head.parts(f, c)
			for _, rr := range come {
				if !yield(rr) {
					return
				}
			}
		}
		yield(now)
	}
}

// parts returns the records that a change removes, and those that it adds.
func (h *head) parts(f form, c Change) (gone, come []dns.RR) {
	was, is := h.of(f, c.Before), h.of(f, c.After)
	return without(was, is), without(is, was)
}

func without(all, but []dns.RR) []dns.RR {
	return slices.DeleteFunc(slices.Clone(all), func(rr dns.RR) bool {
		return slices.ContainsFunc(but, func(o dns.RR) bool {
			return dns.IsDuplicate(rr, o) && rr.Header().Ttl == o.Header().Ttl
		})
	})
}
