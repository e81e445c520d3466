package rpz

import (
	"net"
	"slices"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
)

// bindsServices reports whether answers of the type say where clients connect (RFC 9460).
func bindsServices(qtype uint16) bool { return qtype == dns.TypeHTTPS || qtype == dns.TypeSVCB }

// bindingOf returns the data of an HTTPS or SVCB record, and nil for other records.
func bindingOf(rr dns.RR) *dns.SVCB {
	switch rr := rr.(type) {
	case *dns.SVCB:
		return rr
	case *dns.HTTPS:
		return &rr.SVCB
	}
	return nil
}

// targetOf returns the canonical target name of the record, which is its own name if it says ".".
func targetOf(b *dns.SVCB) string {
	if b.Target == "." {
		return policyzone.Canonical(b.Hdr.Name)
	}
	return policyzone.Canonical(b.Target)
}

// addHints adds the addresses of the record's hints (RFC 9460, section 7.3).
func (st *stage) addHints(b *dns.SVCB) {
	for _, parameter := range b.Value {
		var hints []net.IP
		switch p := parameter.(type) {
		case *dns.SVCBIPv4Hint:
			hints = p.Hint
		case *dns.SVCBIPv6Hint:
			hints = p.Hint
		}
		for _, ip := range hints {
			st.add(ip)
		}
	}
}

// addTargets adds what the additional section has for the targets of the stage's HTTPS and SVCB records (RFC 9460,
// section 4.2), even after further records and CNAMEs. Clients do not connect to the other addresses there, such as
// those of name servers.
func (st *stage) addTargets(reply *dns.Msg) {
	if !slices.ContainsFunc(reply.Extra, func(rr dns.RR) bool { return rr.Header().Rrtype != dns.TypeOPT }) {
		return
	}
	targets := map[string]bool{}
	for _, rr := range reply.Answer {
		if b := bindingOf(rr); b != nil && equal(b.Hdr.Name, st.name) {
			targets[targetOf(b)] = true
		}
	}
	if len(targets) == 0 {
		return
	}
	for _, rr := range reply.Extra {
		if b := bindingOf(rr); b != nil {
			targets[targetOf(b)] = true
			st.addHints(b)
		} else if cname, ok := rr.(*dns.CNAME); ok {
			targets[policyzone.Canonical(cname.Target)] = true
		}
	}
	for _, rr := range reply.Extra {
		if bindingOf(rr) == nil && targets[policyzone.Canonical(rr.Header().Name)] {
			st.addOf(rr)
		}
	}
}
