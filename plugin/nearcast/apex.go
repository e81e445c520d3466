package nearcast

import (
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/nearcast/records"
)

// apex answers for the zone's own name. What it has of a function depends on the client, all else is the same at all
// sites.
func (a *answer) apex(w dns.ResponseWriter, name []byte) (int, error) {
	a.owner = owner{kind: ownerApex, node: a.zone.records().Apex()}
	if function, has := a.functionAt(name); has {
		a.owner.kind, a.owner.function = ownerApexFunction, function
	}
	ttl := seconds(a.n.settings.ttls.zone)
	switch a.qtype() {
	case dns.TypeSOA:
		soa := a.zone.soa
		soa.Hdr.Name = a.zoneName()
		soa.Hdr.Ttl = ttl
		a.msg.Answer = []dns.RR{&soa}
	case dns.TypeNS:
		a.addServers(ttl)
	case dns.TypeDNSKEY:
		if a.zone.signer != nil {
			a.msg.Answer = a.zone.signer.dnskeys()
		}
	case dns.TypeCDS, dns.TypeCDNSKEY:
		a.msg.Answer = a.zone.keys.forParent(a.header(a.qtype(), ttl))
	case dns.TypeANY:
		a.addHINFO(seconds(a.n.settings.ttls.most))
	default:
		return a.atApex(w)
	}
	if len(a.msg.Answer) == 0 {
		return a.negative(w, outcomeNoData, dns.RcodeSuccess)
	}
	return a.send(w, outcomeApex, dns.RcodeSuccess)
}

// atApex answers with what the zone's own name has of a name server, of a function and of the file.
func (a *answer) atApex(w dns.ResponseWriter) (int, error) {
	if a.owner.kind == ownerApexFunction {
		o := a.function(a.question(a.owner.function))
		return a.send(w, o, o.rcode())
	}
	if t := a.qtype(); t == dns.TypeA || t == dns.TypeAAAA {
		a.addAddresses(a.zone.apexAddrs(), a.zone.serverTTL)
	}
	if a.addFixed(a.owner.node); len(a.msg.Answer) == 0 {
		return a.negative(w, outcomeNoData, dns.RcodeSuccess)
	}
	return a.send(w, outcomeApex, dns.RcodeSuccess)
}

// addServers adds the zone's name servers with their addresses.
func (a *answer) addServers(ttl uint32) {
	for i := range a.zone.Servers {
		s := &a.zone.Servers[i]
		a.msg.Answer = append(a.msg.Answer, &dns.NS{Hdr: a.header(dns.TypeNS, ttl), Ns: s.Name})
		for _, addr := range s.Addrs {
			a.msg.Extra = append(a.msg.Extra, records.Address(s.Name, addr, a.zone.serverTTL))
		}
	}
}

// glue answers for one of the zone's name servers.
func (a *answer) glue(w dns.ResponseWriter, s *Server) (int, error) {
	a.owner = owner{kind: ownerServer, server: s, node: a.zone.records().Node(s.Name)}
	switch a.qtype() {
	case dns.TypeA, dns.TypeAAAA:
		a.addAddresses(s.Addrs, a.zone.serverTTL)
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
