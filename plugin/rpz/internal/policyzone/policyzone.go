// Package policyzone represents a Response Policy Zone as rules: what its owner names trigger on, what their data
// does, and which rule of a zone matches a name or an address (draft-vixie-dnsop-dns-rpz-00).
//
// A Zone is one immutable generation, safe for concurrent use. An Editor makes the next one, sharing what does not
// change, and belongs to one goroutine.
package policyzone

import (
	"iter"
	"net/netip"

	"github.com/gaissmai/bart"
	"github.com/miekg/dns"
)

// Trigger is what a rule looks at. Triggers are in the order of their
// precedence within a zone.
type Trigger uint8

// The triggers of a policy zone.
const (
	ClientIP Trigger = iota
	QName
	IP
	NSDName
	NSIP
	triggers
)

// String returns the trigger as in logs and metrics.
func (t Trigger) String() string {
	return [...]string{"client-ip", "qname", "ip", "nsdname", "nsip"}[t]
}

// Zone is one generation of a policy zone.
type Zone struct {
	name    string
	soa     *dns.SOA
	records int

	// names are for QName and NSDName, prefixes for the others.
	names    [triggers]*tree
	prefixes [triggers]*bart.Table[rule]
	rules    [triggers]int
	// inert are the records whose owner triggers on nothing, by owner.
	inert map[string][]dns.RR
	// faults are why an owner's data is not a rule, or may not be the one that is meant.
	faults map[string]remark
	// torn is set if the file ended within a line.
	torn bool
}

// Name returns the origin: canonical and fully qualified.
func (z *Zone) Name() string { return z.name }

// SOA returns the SOA record, which is shared and must not be changed.
func (z *Zone) SOA() *dns.SOA { return z.soa }

// Serial returns the SOA's serial.
func (z *Zone) Serial() uint32 { return z.soa.Serial }

// Len returns how many records the zone has, without the SOA.
func (z *Zone) Len() int { return z.records }

// Rules returns how many owners trigger with t.
func (z *Zone) Rules(t Trigger) int { return z.rules[t] }

// Families reports for which address families there are rules of trigger t, which is ClientIP, IP or NSIP.
func (z *Zone) Families(t Trigger) (v4, v6 bool) {
	table := z.prefixes[t]
	return table != nil && table.Size4() > 0, table != nil && table.Size6() > 0
}

// Torn reports whether the zone's file ended within a line, as a file that is still being written does.
func (z *Zone) Torn() bool { return z.torn }

// Records yields the SOA and then every other record, in any order.
func (z *Zone) Records() iter.Seq[dns.RR] {
	return func(yield func(dns.RR) bool) {
		if !yield(z.soa) {
			return
		}
		for _, rrs := range z.inert {
			for _, rr := range rrs {
				if !yield(rr) {
					return
				}
			}
		}
		for t, r := range z.all() {
			for _, rr := range r.records(t.owner(z.name)) {
				if !yield(rr) {
					return
				}
			}
		}
	}
}

// all yields each target and its rule.
func (z *Zone) all() iter.Seq2[target, rule] {
	return func(yield func(target, rule) bool) {
		for t := range triggers {
			if tree := z.names[t]; tree != nil {
				for name, n := range tree.all() {
					if n.exact.set() && !yield(target{trigger: t, name: name}, n.exact) {
						return
					}
					if n.wild.set() && !yield(target{trigger: t, name: name, wild: true}, n.wild) {
						return
					}
				}
			}
			if table := z.prefixes[t]; table != nil {
				for p, r := range table.All() {
					if !yield(target{trigger: t, prefix: p}, r) {
						return
					}
				}
			}
		}
	}
}

// ByName returns the rule of trigger t, QName or NSDName, that matches the name: its own, or else that of the
// wildcard at the closest ancestor that exists in the zone (RFC 4592). The name must be Canonical.
func (z *Zone) ByName(t Trigger, name string) (Match, bool) {
	tree := z.names[t]
	if tree == nil {
		return Match{}, false
	}
	r, found, wild := tree.find(name)
	if !r.usable() {
		return Match{}, false
	}
	if r.action == Local && r.isCNAME(name) {
		r.action = Passthru // its old spelling
	}
	return Match{target: target{trigger: t, name: found, wild: wild}, rule: r}, true
}

// ByAddress returns the rule of trigger t, ClientIP, IP or NSIP, with the longest
// prefix that holds the address.
func (z *Zone) ByAddress(t Trigger, a netip.Addr) (Match, bool) {
	table := z.prefixes[t]
	if table == nil || !table.Contains(a) { // which is faster than what follows
		return Match{}, false
	}
	whole := netip.PrefixFrom(a, a.BitLen())
	p, r, ok := table.LookupPrefixLPM(whole)
	switch {
	case !ok:
		return Match{}, false
	case r.usable():
		return Match{target: target{trigger: t, prefix: p}, rule: r}, true
	}
	for p, r := range table.Supernets(whole) { // the longest first
		if r.usable() {
			return Match{target: target{trigger: t, prefix: p}, rule: r}, true
		}
	}
	return Match{}, false
}

// Match is a rule that matches a query.
type Match struct {
	target
	rule
}

// Trigger returns what matched.
func (m Match) Trigger() Trigger { return m.trigger }

// Owner returns the rule's owner name in the zone.
func (m Match) Owner(z *Zone) string { return m.owner(z.name) }

// Beats reports whether m takes precedence over o, of the same zone and address trigger: the longer prefix does,
// then the smaller address.
func (m Match) Beats(o Match) bool {
	mine, theirs := mappedBits(m.prefix), mappedBits(o.prefix)
	if mine != theirs {
		return mine > theirs
	}
	return m.prefix.Addr().Compare(o.prefix.Addr()) < 0
}

// mappedBits is the length in bits of the prefix among IPv4-mapped addresses.
func mappedBits(p netip.Prefix) int {
	if p.Addr().Is4() {
		return p.Bits() + 96
	}
	return p.Bits()
}
