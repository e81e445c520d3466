package rpz_test

import (
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// path is the true answer to a question as policy sees it: the names of the chain and the
// addresses at its end.
type path struct {
	names     []string
	addresses []netip.Addr
	signed    bool // some record has a signature
	rcode     int
}

func (w *world) path(q question) path {
	name := strings.ToLower(q.name)
	answer, end, rcode := w.chain(name, q.qtype)
	p := path{names: []string{name}, rcode: rcode, signed: isSigned(end)}
	for _, rr := range answer {
		p.signed = p.signed || isSigned(rr.Header().Name)
		switch rr := rr.(type) {
		case *dns.CNAME:
			p.names = append(p.names, rr.Target)
		case *dns.A:
			p.add(rr.A)
		case *dns.AAAA:
			p.add(rr.AAAA)
		}
	}
	return p
}

func (p *path) add(raw []byte) {
	if a, ok := netip.AddrFromSlice(raw); ok {
		p.addresses = append(p.addresses, a.Unmap())
	}
}

// meets reports whether the rule by itself matches anywhere on the path.
func (r rule) meets(q question, p path) bool {
	switch r.on {
	case qname:
		for _, name := range p.names {
			if r.name == name || strings.HasPrefix(r.name, "*.") && name != r.name[2:] && dns.IsSubDomain(r.name[2:], name) {
				return true
			}
		}
	case clientIP:
		return r.prefix.Contains(q.client)
	case ip:
		for _, a := range p.addresses {
			if r.prefix.Contains(a) {
				return true
			}
		}
	default:
		return true
	}
	return false
}

// hides reports whether the rule's name may stop a wildcard.
func (r rule) hides(p path) bool {
	for _, name := range p.names {
		common := dns.CompareDomainName(r.name, name)
		if r.on == qname && common > 2 {
			return true
		}
	}
	return false
}

// relevant returns the setup with only the rules that may affect a question.
func (s setup) relevant(q question, p path) setup {
	zones := s.zones
	s.zones = nil
	for _, z := range zones {
		rules := z.rules
		z.rules = nil
		for _, r := range rules {
			if r.meets(q, p) || r.hides(p) || r.spelt != "" {
				z.rules = append(z.rules, r)
			}
		}
		s.zones = append(s.zones, z)
	}
	return s
}
