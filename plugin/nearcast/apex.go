package nearcast

import (
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/nearcast/records"
)

// apex answers for the zone's own name; all sites give the same answer.
func (a *answer) apex(w dns.ResponseWriter) (int, error) {
	a.owner = owner{kind: ownerApex, node: a.zone.records().Apex()}
	ttl := seconds(a.n.settings.ttls.most)
	switch a.qtype() {
	case dns.TypeSOA:
		soa := a.zone.soa
		soa.Hdr.Name = a.zoneName()
		soa.Hdr.Ttl = ttl
		a.msg.Answer = []dns.RR{&soa}
	case dns.TypeNS:
		for i := range a.zone.Servers {
			s := &a.zone.Servers[i]
			a.msg.Answer = append(a.msg.Answer, &dns.NS{Hdr: a.header(dns.TypeNS, ttl), Ns: s.Name})
			for _, addr := range s.Addrs {
				a.msg.Extra = append(a.msg.Extra, records.Address(s.Name, addr, ttl))
			}
		}
	case dns.TypeDNSKEY:
		if a.zone.signer != nil {
			a.msg.Answer = a.zone.signer.dnskeys()
		}
	case dns.TypeA, dns.TypeAAAA:
		a.addAddresses(a.zone.apexAddrs(), ttl)
	case dns.TypeANY:
		a.addHINFO(ttl)
	}
	a.addFixed(a.owner.node)
	if len(a.msg.Answer) == 0 {
		return a.negative(w, outcomeNoData, dns.RcodeSuccess)
	}
	return a.send(w, outcomeApex, dns.RcodeSuccess)
}

// glue answers for one of the zone's name servers.
func (a *answer) glue(w dns.ResponseWriter, s *Server) (int, error) {
	a.owner = owner{kind: ownerServer, server: s, node: a.zone.records().Node(s.Name)}
	switch a.qtype() {
	case dns.TypeA, dns.TypeAAAA:
		a.addAddresses(s.Addrs, seconds(a.n.settings.ttls.most))
	case dns.TypeANY:
		if len(s.Addrs) > 0 || len(a.owner.node.Types()) > 0 {
			a.addHINFO(seconds(a.n.settings.ttls.most))
		}
	}
	a.addFixed(a.owner.node)
	if len(a.msg.Answer) == 0 {
		return a.negative(w, outcomeNoData, dns.RcodeSuccess)
	}
	return a.send(w, outcomeApex, dns.RcodeSuccess)
}

// addHINFO answers ANY at a name that has records (RFC 8482, section 4.2).
func (a *answer) addHINFO(ttl uint32) {
	a.msg.Answer = []dns.RR{records.HINFO(a.header(dns.TypeHINFO, ttl))}
}
