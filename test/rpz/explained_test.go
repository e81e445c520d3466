package rpz_test

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// explanation is an allowed difference and its reason. The first reply is BIND's.
type explanation struct {
	when      func(*judge, difference) bool
	why       string
	paragraph string // of plugin/rpz's README, of the draft or of BIND's source
}

var explanations []explanation

func init() { // they refer to themselves
	explanations = []explanation{
		{unresolved, "RD=0: BIND does not resolve, and answers from its empty cache; Nearcast answers like BIND with RD=1", "BIND query.c, query_getdb and RECURSIONOK"},
		{leftoverAD, "BIND leaves the query's AD in a truncated reply and in a YXDOMAIN reply", "RFC 6840, 5.8"},
		{cappedANY, "BIND caps the TTLs of answers to ANY at 5 s, whatever max-policy-ttl is", "BIND query.c, query_respond_any"},
		{hiddenByDisabled, "a disabled zone's address rule hides later zones' address rules in BIND", "README of plugin/rpz, Syntax: disabled"},
		{reserved, "a CNAME to another rpz-* name is an unusable rule here, but local data in BIND", "draft-vixie-dnsop-dns-rpz-00, 3; README of plugin/rpz, Rules"},
		{misspelt, "a misspelt address rule hides later and shorter ones in BIND, although it has no effect", "README of plugin/rpz, Rules: a rule that cannot be used is skipped; BIND name2ipkey"},
		{cachedRcode, "with qname-wait-recurse no the rcode of BIND's truncated replies depends on its cache", "BIND query_checkrpz; README of plugin/rpz, Syntax: qname-wait-recurse"},
		{cachedGlue, "BIND adds addresses from its cache to an answer to NS", "RFC 1034, 4.3.2: step 6"},
		{smallestAddress, "of rules with the same prefix length, BIND uses the smallest owner, Nearcast the smallest address", "README of plugin/rpz, Rules: the smallest address; BIND rpz_rewrite_ip"},
		{sharedPrefix, "of zones with the same prefix, BIND checks the last first, and stops there at a longer prefix that another address matched", "README of plugin/rpz, Rules: the zone written first; BIND rpz_rewrite_ip, zbit_to_num"},
		{signedANY, "BIND does not see the signatures of an answer to ANY, and rewrites a signed answer despite DO", "README of plugin/rpz, Syntax: break-dnssec"},
		{chainOfDNAME, "BIND follows CNAMEs for the type DNAME, and stops at a DNAME", "README of plugin/rpz, Rules: not followed for DNAME"},
	}
}

// plain returns the setup without disabled zones and without bad rules, whose names stay:
// they stop wildcards.
func (s setup) plain() setup {
	zones := s.zones
	s.zones = nil
	for _, z := range zones {
		if z.policy == "disabled" {
			continue
		}
		rules := z.rules
		z.rules = nil
		for _, r := range rules {
			switch bad := r.spelt != "" || r.reserved(); {
			case !bad:
				z.rules = append(z.rules, r)
			case !r.prefix.IsValid() && r.spelt == "" && len(r.name) < 200:
				r.name, r.data = "no-such-name."+strings.TrimPrefix(r.name, "*."), []string{"60 CNAME rpz-passthru."}
				z.rules = append(z.rules, r)
			}
		}
		s.zones = append(s.zones, z)
	}
	return s
}

func unresolved(j *judge, d difference) bool {
	if d.rd {
		return false
	}
	resolved := j.resolved[d.question]
	if equal(resolved, d.second) {
		return true
	}
	// BIND needs no true answer for a rule that matches the name or the client, and so
	// does not see that there is none.
	if d.rcode == dns.RcodeServerFailure && d.second.msg != nil && d.second.msg.Rcode == dns.RcodeServerFailure {
		return true
	}
	d.rd, d.first = true, resolved
	if j.of(d.question).mixed() {
		d.setup, d.withoutRD = d.setup.withoutRD(), true
	}
	return j.explain(d) >= 0
}

func leftoverAD(_ *judge, d difference) bool {
	if d.first.msg == nil || !d.first.msg.Truncated && d.first.msg.Rcode != dns.RcodeYXDomain {
		return false
	}
	return equal(d.first.with(func(m *dns.Msg) { m.AuthenticatedData = false }), d.second)
}

func cappedANY(_ *judge, d difference) bool {
	const bindsCap = 5
	return d.qtype == dns.TypeANY && equal(d.first, d.second.with(func(m *dns.Msg) {
		for _, rr := range m.Answer {
			rr.Header().Ttl = min(rr.Header().Ttl, bindsCap)
		}
	}))
}

func hiddenByDisabled(j *judge, d difference) bool {
	hidden := false
	for _, z := range d.setup.zones {
		for _, r := range z.rules {
			if !r.prefix.IsValid() || !r.meets(d.question, d.path) {
				continue
			}
			if z.policy != "disabled" && hidden {
				return j.otherwise(d)
			}
			hidden = hidden || z.policy == "disabled"
		}
	}
	return false
}

// reserved reports whether the rule's action does not exist.
func (r rule) reserved() bool {
	return strings.HasSuffix(r.data[0], " rpz-unknown.") || strings.HasSuffix(r.data[0], ".rpz-passthru.")
}

func reserved(j *judge, d difference) bool {
	for _, z := range d.setup.zones {
		for _, r := range z.rules {
			if r.meets(d.question, d.path) && r.reserved() {
				return j.otherwise(d)
			}
		}
	}
	return false
}

// smallestAddress looks for a zone with two address rules of the same length of which the
// smaller owner has the larger address.
func smallestAddress(_ *judge, d difference) bool {
	for _, z := range d.setup.zones {
		var met []netip.Prefix
		for _, r := range z.rules {
			if r.on != ip && r.on != nsip || !r.meets(d.question, d.path) {
				continue
			}
			for _, other := range met {
				if length(other) == length(r.prefix) {
					return true
				}
			}
			met = append(met, r.prefix)
		}
	}
	return false
}

// length returns the length of a prefix, comparable between both families.
func length(p netip.Prefix) int {
	if p.Addr().Is4() {
		return p.Bits() + 96
	}
	return p.Bits()
}

func chainOfDNAME(_ *judge, d difference) bool {
	return d.qtype == dns.TypeDNAME && (len(d.names) > 1 || d.first.msg != nil && len(d.first.msg.Answer) > 0)
}

func signedANY(_ *judge, d difference) bool {
	return d.qtype == dns.TypeANY && d.do && d.signed && !d.setup.breakDNSSEC
}

func misspelt(j *judge, d difference) bool {
	for _, z := range d.setup.zones {
		for _, r := range z.rules {
			if r.spelt != "" && len(d.addresses) > 0 {
				return j.otherwise(d)
			}
		}
	}
	return false
}

func cachedRcode(_ *judge, d difference) bool {
	if d.setup.waitRecurse || d.first.msg == nil || d.second.msg == nil {
		return false
	}
	return d.first.msg.Truncated && equal(d.second, d.first.with(func(m *dns.Msg) {
		m.Rcode, m.AuthenticatedData = d.second.msg.Rcode, false
	}))
}

func sharedPrefix(_ *judge, d difference) bool {
	if len(d.addresses) < 2 {
		return false
	}
	met := map[netip.Prefix]bool{}
	for _, z := range d.setup.zones {
		for _, r := range z.rules {
			if r.on != ip || !r.meets(d.question, d.path) {
				continue
			}
			if met[r.prefix] {
				return true
			}
			met[r.prefix] = true
		}
	}
	return false
}

func cachedGlue(_ *judge, d difference) bool {
	return d.qtype == dns.TypeNS && equal(d.second, d.first.with(func(m *dns.Msg) {
		m.Extra = slices.DeleteFunc(m.Extra, func(rr dns.RR) bool {
			return rr.Header().Rrtype == dns.TypeA || rr.Header().Rrtype == dns.TypeAAAA
		})
	}))
}
