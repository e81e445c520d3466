package nearcast

import (
	"context"
	"net/netip"
	"time"

	"github.com/coredns/coredns/plugin/metadata"
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/site"
	"github.com/nearcast/nearcast/internal/steer"
)

// answer is one reply under construction. It is one allocation for the common
// case of one address: what the reply points to is in it.
type answer struct {
	ctx    context.Context //nolint:containedctx // an answer lives as long as its query
	n      *Nearcast
	zone   *Zone
	view   *site.View
	client site.Client
	choice steer.Choice

	// steered is set where the reply depends on who asks, and so has a scope.
	steered bool
	ede     *dns.EDNS0_EDE

	query *dns.Msg
	msg   dns.Msg

	opt    dns.OPT
	subnet dns.EDNS0_SUBNET
	option [2]dns.EDNS0
	rr     [1]dns.RR
	extra  [1]dns.RR
	a      dns.A
	aaaa   dns.AAAA
	addr   [16]byte
	soa    dns.SOA
}

func (a *answer) init(r *dns.Msg) {
	a.query = r
	a.msg.SetReply(r)
	a.msg.Authoritative = true
	a.choice.Cluster = -1
}

func (a *answer) qtype() uint16 { return a.query.Question[0].Qtype }

// name is the name asked for, in the client's own case (0x20).
func (a *answer) name() string { return a.query.Question[0].Name }

// zoneName is the zone's name in the client's own case.
func (a *answer) zoneName() string {
	return a.name()[len(a.name())-len(a.zone.Name):]
}

// send finishes the reply and writes it. The returned code tells CoreDNS that a
// reply was written, whatever its own code is: else it would write another.
func (a *answer) send(w dns.ResponseWriter, o outcome, rcode int) (int, error) {
	a.zone.counters[o].Inc()
	if metadata.ValueFuncs(a.ctx) != nil {
		a.describe(o)
	}
	a.msg.Rcode = rcode
	a.addOPT()
	if err := w.WriteMsg(&a.msg); err != nil {
		return dns.RcodeServerFailure, err
	}
	return dns.RcodeSuccess, nil
}

// addOPT answers the query's OPT with one of its own: CoreDNS keeps its options
// and fills in the rest.
func (a *answer) addOPT() {
	if a.query.IsEdns0() == nil {
		return
	}
	a.opt.Hdr.Name, a.opt.Hdr.Rrtype = ".", dns.TypeOPT
	a.opt.Option = a.option[:0]
	if asked := subnetOption(a.query); asked != nil && a.msg.Rcode != dns.RcodeFormatError {
		a.subnet = *asked
		a.subnet.SourceScope = 0
		if a.steered {
			a.subnet.SourceScope = a.scope(asked)
		}
		a.opt.Option = append(a.opt.Option, &a.subnet)
	}
	if a.ede != nil {
		a.opt.Option = append(a.opt.Option, a.ede)
	}
	if a.msg.Extra == nil {
		a.msg.Extra = a.extra[:0]
	}
	a.msg.Extra = append(a.msg.Extra, &a.opt)
}

// scope is in the terms of the family that was asked with.
func (a *answer) scope(asked *dns.EDNS0_SUBNET) uint8 {
	if a.choice.PerClient && a.client.Subnet {
		return max(asked.SourceNetmask, a.client.Scope)
	}
	if asked.Family == 2 && a.client.Addr.Is4() && a.client.Scope > 0 {
		return 96 + a.client.Scope
	}
	return a.client.Scope
}

// notReady answers every name while no state is known: a server that has
// nothing must not look healthy.
func (a *answer) notReady(w dns.ResponseWriter) (int, error) {
	a.msg.Authoritative = false
	a.ede = &dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeNotReady, ExtraText: "no state of the federation yet"}
	return a.send(w, outcomeNotReady, dns.RcodeServerFailure)
}

// negative answers with the zone's SOA alone (RFC 2308).
func (a *answer) negative(w dns.ResponseWriter, o outcome, rcode int) (int, error) {
	a.addSOA()
	return a.send(w, o, rcode)
}

func (a *answer) addSOA() {
	a.soa = a.zone.soa
	a.soa.Hdr.Name = a.zoneName()
	a.rr[0] = &a.soa
	a.msg.Ns = a.rr[:]
}

// function fills in the answer for a function's name and says what it is.
func (a *answer) function(q steer.Question) outcome {
	if a.n.settings.stale > 0 && time.Since(a.n.site.Confirmed()) > a.n.settings.stale {
		a.ede = &dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeStaleAnswer, ExtraText: "the federation's state is old"}
	}
	f := a.view.State.Functions[q.Function]
	a.choice = a.view.Pick(a.view.Standing, q)
	a.steered = a.choice.Steered
	switch qtype := a.qtype(); {
	case qtype == dns.TypeANY:
		a.steered = false
		a.msg.Answer = []dns.RR{&dns.HINFO{Hdr: a.header(dns.TypeHINFO, a.ttl(f)), Cpu: "RFC8482"}}
		return outcomeAnswered
	case qtype != dns.TypeA && qtype != dns.TypeAAAA:
		return a.noData()
	case a.choice.Anycast:
		a.addAddresses(f.VIPs, a.ttl(f))
	case a.choice.Cluster < 0:
		return a.noData()
	case a.choice.Tier == steer.Down:
		return a.failOpen(q)
	default:
		a.addEndpoint(a.view.Endpoint(q.Function, a.choice.Cluster, q.Horizon), a.ttl(f))
	}
	if len(a.msg.Answer) == 0 {
		outcome := a.noData()
		// Another client's cluster may have the family that this one's lacks.
		a.steered = a.choice.Steered && a.view.HasFamily(q.Function, a.qtype() == dns.TypeAAAA)
		return outcome
	}
	if a.choice.Steered && a.choice.Tier != steer.Up {
		return outcomeDegraded
	}
	return outcomeAnswered
}

// failOpen answers with every candidate, best first: one of them may live, and
// the probes may be what is broken.
func (a *answer) failOpen(q steer.Question) outcome {
	a.ede = &dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeOther, ExtraText: "all candidates down"}
	least := seconds(a.n.settings.least)
	for _, cluster := range a.view.Rank(nil, a.view.Standing, q) {
		a.addEndpoint(a.view.Endpoint(q.Function, cluster, q.Horizon), least)
	}
	if len(a.msg.Answer) == 0 {
		return a.noData()
	}
	return outcomeFailOpen
}

func (a *answer) noData() outcome {
	a.steered = false
	a.addSOA()
	return outcomeNoData
}

// ttl is the most that the zone and the function allow; an answer that is
// expected to change soon is kept the least.
func (a *answer) ttl(f *federation.Function) uint32 {
	ttl := a.n.settings.most
	if a.choice.Steered && a.choice.Tier != steer.Up {
		ttl = a.n.settings.least
	}
	if f.TTL > 0 && f.TTL < ttl {
		ttl = max(f.TTL, a.n.settings.least)
	}
	return seconds(ttl)
}

func seconds(d time.Duration) uint32 { return uint32(d / time.Second) }

func (a *answer) addEndpoint(e federation.Endpoint, ttl uint32) {
	if a.qtype() == dns.TypeA {
		a.addAddresses(e.V4, ttl)
	} else {
		a.addAddresses(e.V6, ttl)
	}
}

// addAddresses adds those of the family that was asked for.
func (a *answer) addAddresses(addrs []netip.Addr, ttl uint32) {
	for _, addr := range addrs {
		if addr.Is4() != (a.qtype() == dns.TypeA) {
			continue
		}
		if len(addrs) == 1 && a.msg.Answer == nil {
			a.rr[0] = a.inPlace(addr, ttl)
			a.msg.Answer = a.rr[:]
			return
		}
		a.msg.Answer = append(a.msg.Answer, address(a.name(), addr, ttl))
	}
}

// inPlace makes the record from the answer's own memory.
func (a *answer) inPlace(addr netip.Addr, ttl uint32) dns.RR {
	if addr.Is4() {
		raw := addr.As4()
		copy(a.addr[:], raw[:])
		a.a = dns.A{Hdr: a.header(dns.TypeA, ttl), A: a.addr[:4]}
		return &a.a
	}
	a.addr = addr.As16()
	a.aaaa = dns.AAAA{Hdr: a.header(dns.TypeAAAA, ttl), AAAA: a.addr[:]}
	return &a.aaaa
}

func (a *answer) header(rrtype uint16, ttl uint32) dns.RR_Header {
	return dns.RR_Header{Name: a.name(), Rrtype: rrtype, Class: dns.ClassINET, Ttl: ttl}
}

func address(name string, addr netip.Addr, ttl uint32) dns.RR {
	if addr.Is4() {
		return &dns.A{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: ttl}, A: addr.AsSlice()}
	}
	return &dns.AAAA{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeAAAA, Class: dns.ClassINET, Ttl: ttl}, AAAA: addr.AsSlice()}
}

// describe leaves what was decided for log and dnstap.
func (a *answer) describe(o outcome) {
	var cluster, location string
	if a.choice.Cluster >= 0 {
		cluster = a.view.State.Clusters[a.choice.Cluster].Name
	}
	if a.view != nil {
		location = a.view.Locations.Location(a.client.Location).String()
	}
	metadata.SetValueFunc(a.ctx, "nearcast/cluster", func() string { return cluster })
	metadata.SetValueFunc(a.ctx, "nearcast/location", func() string { return location })
	metadata.SetValueFunc(a.ctx, "nearcast/outcome", o.String)
}
