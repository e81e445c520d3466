package rpz

import (
	"net/netip"
	"slices"

	"github.com/miekg/dns"
)

// stage is one name of a chain of CNAMEs, with the reply's data for it.
type stage struct {
	name  string
	qtype uint16
	// before are the names that led to it.
	before []string
	// first is set for the stage at which the client's address is checked.
	first bool
	// answerless is set until the true answer is known.
	answerless bool
	// last is set if the chain ends here; addresses are then those of the answer.
	last      bool
	addresses []netip.Addr
	// inside is the zone that a negative answer says the name is in; "" for other answers.
	inside string
	// path is the way to the name, once a rule looks at its servers.
	path *path
	// undecided is why it could not be decided whether a rule matches.
	undecided lack
}

// chained reports whether answers of the type follow CNAMEs.
func chained(qtype uint16) bool {
	return qtype != dns.TypeANY && qtype != dns.TypeCNAME && qtype != dns.TypeDNAME
}

// look finds the reply's data for the stage's name.
func (st *stage) look(reply *dns.Msg) {
	st.addresses = st.addresses[:0]
	st.last = !chained(st.qtype) || st.target(reply) == ""
	st.inside = st.negative(reply)
	if !st.last || !addressed(st.qtype) {
		return
	}
	for _, rr := range reply.Answer {
		if equal(rr.Header().Name, st.name) {
			st.addOf(rr)
		}
	}
	if bindsServices(st.qtype) {
		st.addTargets(reply)
	}
}

// addressed reports whether answers of the type have addresses that rules look at.
func addressed(qtype uint16) bool {
	return qtype == dns.TypeA || qtype == dns.TypeAAAA || qtype == dns.TypeANY || bindsServices(qtype)
}

// addOf adds the addresses in the record.
func (st *stage) addOf(rr dns.RR) {
	switch rr := rr.(type) {
	case *dns.A:
		st.add(rr.A)
	case *dns.AAAA:
		st.add(rr.AAAA)
	case *dns.SVCB:
		st.addHints(rr)
	case *dns.HTTPS:
		st.addHints(&rr.SVCB)
	}
}

// negative returns the zone of a negative answer. For DS that is the parent zone (RFC 4035, 3.1.4.1), and says
// nothing about the name.
func (st *stage) negative(reply *dns.Msg) string {
	if st.qtype == dns.TypeDS || slices.ContainsFunc(reply.Answer, func(rr dns.RR) bool { return equal(rr.Header().Name, st.name) }) {
		return ""
	}
	return soaOwner(reply, st.name)
}

func (st *stage) add(ip []byte) {
	if a, ok := netip.AddrFromSlice(ip); ok {
		st.addresses = append(st.addresses, a.Unmap())
	}
}

// target returns the next name of the chain, or "" at its end.
func (st *stage) target(reply *dns.Msg) string {
	for _, rr := range reply.Answer {
		if cname, ok := rr.(*dns.CNAME); ok && equal(cname.Hdr.Name, st.name) {
			return cname.Target
		}
	}
	return ""
}

// next moves on along the chain; false at its end. A circular chain ends when its records are used up.
func (st *stage) next(reply *dns.Msg) bool {
	if st.last || len(st.before) >= len(reply.Answer) {
		return false
	}
	*st = stage{name: st.target(reply), qtype: st.qtype, addresses: st.addresses, before: append(st.before, st.name)}
	st.look(reply)
	return true
}

// signed reports whether the reply's data for the stage is signed.
func (st *stage) signed(reply *dns.Msg) bool {
	found := false
	for _, rr := range reply.Answer {
		switch {
		case !leads(rr, st.name) && !equal(rr.Header().Name, st.name):
		case rr.Header().Rrtype == dns.TypeRRSIG:
			return true
		default:
			found = true
		}
	}
	if found {
		return false
	}
	for _, rr := range reply.Ns {
		switch rr.Header().Rrtype {
		case dns.TypeRRSIG, dns.TypeNSEC, dns.TypeNSEC3:
			return true
		}
	}
	return false
}

// kept returns the records of the reply that led to the stage.
func (st *stage) kept(reply *dns.Msg) (records []dns.RR) {
	for _, rr := range reply.Answer {
		for _, name := range st.before {
			if leads(rr, name) {
				records = append(records, rr)
				break
			}
		}
	}
	return records
}

// leads reports whether the record, or what it signs, is a CNAME at the name or a
// DNAME above it.
func leads(rr dns.RR, name string) bool {
	h := rr.Header()
	rrtype := h.Rrtype
	if sig, ok := rr.(*dns.RRSIG); ok {
		rrtype = sig.TypeCovered
	}
	switch rrtype {
	case dns.TypeCNAME:
		return equal(h.Name, name)
	case dns.TypeDNAME:
		return !equal(h.Name, name) && dns.IsSubDomain(h.Name, name)
	}
	return false
}
