package nearcast

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/site"
	"github.com/nearcast/nearcast/internal/steering/steer"
	"github.com/nearcast/nearcast/plugin/nearcast/records"
)

// textsOf answers TXT, which does not depend on the client.
func (a *answer) textsOf(f *federation.Function) outcome {
	a.msg.Answer = records.Texts(a.header(dns.TypeTXT, seconds(a.n.settings.ttls.most)), f)
	return a.beside()
}

// bindingOf answers HTTPS and SVCB (RFC 9460). Only a function that states its protocol has them, because an HTTPS
// record makes browsers replace http with https.
func (a *answer) bindingOf(q steer.Question, f *federation.Function) outcome {
	if len(f.ALPN) == 0 {
		return a.noData()
	}
	if a.fails() {
		return a.fail()
	}
	return a.addBindings(q, f, ".", nil)
}

// addBindings answers with the function's bindings of its port p or, if p is nil, of its own name.
func (a *answer) addBindings(q steer.Question, f *federation.Function, target string, p *federation.Port) outcome {
	a.msg.Answer = records.Bindings(a.header(a.qtype(), seconds(a.ttl())), f, a.endpoints(q), target, p)
	if len(a.msg.Answer) == 0 {
		return a.noData()
	}
	return a.answered()
}

// service is the meaning of a name of the form _service._protocol.host.
type service struct {
	function int
	// host is the function's name in the client's own case.
	host string
	// port is nil if the name has no records but names below it have.
	port *federation.Port
	// https is set if the name is _port._https.host (RFC 9460, section 2.3).
	https bool
}

// serviceOf returns the service of a name that begins with an underscore; false if the function or its port does
// not exist.
func (a *answer) serviceOf(name []byte) (service, bool) {
	first, rest, _ := bytes.Cut(name[1:], []byte{'.'})
	if function, ok := a.functionAt(rest); ok {
		return service{function: function}, a.hasPorts(function, string(first))
	}
	if len(rest) == 0 || rest[0] != '_' {
		return service{}, false
	}
	second, host, _ := bytes.Cut(rest[1:], []byte{'.'})
	function, ok := a.functionAt(host)
	if !ok {
		return service{}, false
	}
	f := a.view.State.Functions.At(function)
	s := service{function: function, host: a.name()[len(name)-len(host):], https: string(second) == "https"}
	for i := range f.Ports {
		p := &f.Ports[i]
		byName := p.Name != "" && p.Name == string(first) && p.Protocol == string(second)
		if byName || s.https && len(f.ALPN) > 0 && strconv.Itoa(int(p.Number)) == string(first) {
			s.port = p
			return s, true
		}
	}
	return service{}, false
}

func (a *answer) functionAt(name []byte) (int, bool) {
	if len(name) < len(a.zone.Name) || a.zone.records().Taken(name) {
		return 0, false
	}
	function, existence := a.view.Names.Lookup(name, a.client.Own)
	if existence == site.Synthesised {
		existence = a.aroundServers(name, existence)
		a.impute(name, function)
	}
	return function, existence == site.Exact || existence == site.Synthesised && name[0] != '_'
}

// hasPorts reports whether there are names below _label of the function.
func (a *answer) hasPorts(function int, label string) bool {
	f := a.view.State.Functions.At(function)
	if label == "https" && len(f.ALPN) > 0 && len(f.Ports) > 0 {
		return true
	}
	return slices.ContainsFunc(f.Ports, func(p federation.Port) bool { return p.Name != "" && p.Protocol == label })
}

// service answers for the name of a service.
func (a *answer) service(w dns.ResponseWriter, s service) (int, error) {
	a.owner = owner{kind: ownerService, service: &s}
	if s.port == nil {
		return a.negative(w, outcomeNoData, dns.RcodeSuccess)
	}
	o := a.serviceAt(a.question(s.function), s)
	return a.send(w, o, o.rcode())
}

// serviceAt fills in the answer for the name of a service.
func (a *answer) serviceAt(q steer.Question, s service) outcome {
	a.choose(q)
	f := a.view.State.Functions.At(s.function)
	https, srv := s.https && a.qtype() == dns.TypeHTTPS, !s.https && a.qtype() == dns.TypeSRV
	switch {
	case a.choice.Fenced:
		return a.fenced()
	case (https || srv) && a.fails():
		return a.fail()
	case https:
		return a.addBindings(q, f, s.host, s.port)
	case srv:
		return a.addSRV(q, f, s)
	case a.qtype() == dns.TypeANY:
		a.steered = false
		a.addHINFO(seconds(a.ttl()))
		return outcomeAnswered
	}
	return a.noData()
}

// addSRV answers with the function itself as the target, and its addresses as additional data. These come from the
// same cluster as the answers to A and AAAA.
func (a *answer) addSRV(q steer.Question, f *federation.Function, s service) outcome {
	if w := a.instead(); w != nil && w.Name != "" {
		a.msg.Answer = []dns.RR{&dns.SRV{Hdr: a.header(dns.TypeSRV, seconds(a.ttl())), Port: s.port.Number, Target: w.Name}}
		return outcomeFallback
	}
	all, ttl := a.endpoints(q), seconds(a.ttl())
	a.msg.Answer = records.Services(a.header(dns.TypeSRV, ttl), f, all, s.host, *s.port)
	if len(a.msg.Answer) == 0 {
		return a.noData()
	}
	e := joined(all)
	for _, addr := range slices.Concat(e.V4, e.V6) {
		a.msg.Extra = append(a.msg.Extra, records.Address(s.host, addr, ttl))
	}
	return a.answered()
}

// maxPointers bounds the PTR records of one VIP, which any number of its namespace's
// functions may have.
const maxPointers = 16

// ancestor answers for a name without a function of its own: the reverse name of a VIP, or a name with others below
// it.
func (a *answer) ancestor(w dns.ResponseWriter, name []byte) (int, error) {
	pointers := a.view.Names.Pointers(name, a.client.Own)
	if len(pointers) > 0 {
		a.owner.kind = ownerPointer
	}
	a.addFixed(a.owner.node)
	switch {
	case a.qtype() == dns.TypeANY && len(pointers) > 0:
		a.addHINFO(seconds(a.n.settings.ttls.most))
		return a.send(w, outcomeAnswered, dns.RcodeSuccess)
	case a.qtype() != dns.TypePTR && len(a.msg.Answer) > 0:
		return a.send(w, outcomeApex, dns.RcodeSuccess)
	case a.qtype() != dns.TypePTR:
		return a.negative(w, outcomeNoData, dns.RcodeSuccess)
	}
	for _, function := range pointers {
		f := a.view.State.Functions.At(int(function))
		i := slices.IndexFunc(f.Hostnames, func(h string) bool { return h[0] != '*' })
		if i >= 0 && len(a.msg.Answer) < maxPointers {
			a.msg.Answer = append(a.msg.Answer, &dns.PTR{Hdr: a.header(dns.TypePTR, seconds(a.n.settings.ttls.most)), Ptr: f.Hostnames[i]})
		}
	}
	if len(a.msg.Answer) == 0 {
		return a.negative(w, outcomeNoData, dns.RcodeSuccess)
	}
	return a.send(w, outcomeAnswered, dns.RcodeSuccess)
}
