package nearcast

import (
	"context"
	"net/netip"
	"time"

	"github.com/coredns/coredns/plugin/metadata"
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/site"
	"github.com/nearcast/nearcast/internal/steering/steer"
	"github.com/nearcast/nearcast/plugin/internal/client"
	"github.com/nearcast/nearcast/plugin/internal/perclient"
	"github.com/nearcast/nearcast/plugin/internal/scratch"
	"github.com/nearcast/nearcast/plugin/nearcast/records"
)

// answer is one reply under construction. For the common case of one IPv4 address it takes one allocation, or none
// if memory is lent, because it contains what the reply points to. It does not contain what other answers need:
// every query would pay for it, and the garbage collector for each byte.
type answer struct {
	ctx    context.Context //nolint:containedctx // an answer lives as long as its query
	n      *Nearcast
	zone   *Zone
	view   *site.View
	client site.Client
	choice steer.Choice
	owner  owner

	ede *dns.EDNS0_EDE

	query *dns.Msg
	msg   dns.Msg

	asked  [1]dns.Question
	opt    dns.OPT
	subnet dns.EDNS0_SUBNET
	option [1]dns.EDNS0
	rr     [1]dns.RR
	extra  [1]dns.RR
	a      dns.A
	addr   [4]byte

	// steered is set if the reply depends on the client, and so has a scope.
	steered bool
	// secured is set if the reply's records have their signatures.
	secured bool
}

func newAnswer(ctx context.Context, n *Nearcast, z *Zone, r *dns.Msg) *answer {
	a := scratch.Take[answer](ctx, r)
	a.ctx, a.n, a.zone, a.query = ctx, n, z, r
	// As dns.Msg.SetReply, with the question in the answer itself, and without CD (RFC 4035, section 3.1.6).
	a.asked[0] = r.Question[0]
	a.msg.Question = a.asked[:]
	a.msg.MsgHdr = dns.MsgHdr{Id: r.Id, Response: true, Opcode: r.Opcode, RecursionDesired: r.RecursionDesired, Authoritative: true}
	a.choice.Cluster = -1
	return a
}

func (a *answer) qtype() uint16 { return a.query.Question[0].Qtype }

// name is the query name, in the client's own case (0x20).
func (a *answer) name() string { return a.query.Question[0].Name }

// zoneName is the zone's name in the client's own case.
func (a *answer) zoneName() string {
	return a.name()[len(a.name())-len(a.zone.Name):]
}

// send finishes the reply and writes it. The returned code tells CoreDNS that a reply was written, whatever the
// reply's own code is; otherwise CoreDNS would write another.
func (a *answer) send(w dns.ResponseWriter, o outcome, rcode int) (int, error) {
	if c, ok := w.(*capture); ok {
		c.note(a)
	}
	a.zone.counters[o].Inc()
	if metadata.ValueFuncs(a.ctx) != nil {
		a.describe(o)
	}
	a.msg.Rcode = rcode
	if rcode == dns.RcodeFormatError {
		a.msg.Authoritative = false // not for a query that was not understood
	}
	if a.zone.signer != nil && !a.secured {
		if err := a.secure(); err != nil {
			return dns.RcodeServerFailure, err // nothing was written: CoreDNS answers
		}
	}
	a.addOPT(w)
	a.fit(w)
	if err := client.Written(w.WriteMsg(&a.msg)); err != nil {
		return dns.RcodeServerFailure, err
	}
	scratch.Return(a.ctx, a.query)
	return dns.RcodeSuccess, nil
}

// addOPT answers the query's OPT with one for the reply. CoreDNS keeps its options and fills in the rest.
func (a *answer) addOPT(w dns.ResponseWriter) {
	if a.query.IsEdns0() == nil {
		return
	}
	a.opt.Hdr.Name, a.opt.Hdr.Rrtype = ".", dns.TypeOPT
	if a.opt.Option == nil { // otherwise there is a cookie
		a.opt.Option = a.option[:0]
	}
	if asked := a.n.settings.ecs.option(w, a.query); asked != nil && a.msg.Rcode != dns.RcodeFormatError {
		a.subnet = *asked
		a.subnet.SourceScope = 0
		if a.steered {
			a.subnet.SourceScope = a.scope(asked)
		}
		a.opt.Option = append(a.opt.Option, &a.subnet)
		perclient.Echo(a.ctx, a.subnet.SourceScope)
	}
	if a.ede != nil {
		a.opt.Option = append(a.opt.Option, a.ede)
	}
	if a.msg.Extra == nil {
		a.msg.Extra = a.extra[:0]
	}
	a.msg.Extra = append(a.msg.Extra, &a.opt)
}

// scope is counted in the family of the query's option.
func (a *answer) scope(asked *dns.EDNS0_SUBNET) uint8 {
	if !a.client.Subnet {
		return 0
	}
	scope := a.client.Scope
	switch a.choice.Grain {
	case steer.ByPrefix:
		scope = max(scope, uint8(a.client.Embedding+steer.StickyPrefix(a.client.Addr)))
	case steer.ByDraw:
		scope = max(scope, asked.SourceNetmask)
	}
	return scope
}

// notReady answers every name while no state is known: a server without a state must not look healthy.
func (a *answer) notReady(w dns.ResponseWriter) (int, error) {
	a.msg.Authoritative = false
	a.ede = &dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeNotReady, ExtraText: "no state of the federation yet"}
	return a.send(w, outcomeNotReady, dns.RcodeServerFailure)
}

// negative answers with only the zone's SOA (RFC 2308).
func (a *answer) negative(w dns.ResponseWriter, o outcome, rcode int) (int, error) {
	a.addSOA()
	return a.send(w, o, rcode)
}

func (a *answer) addSOA() {
	soa := a.zone.soa
	soa.Hdr.Name = a.zoneName()
	a.rr[0] = &soa
	a.msg.Ns = a.rr[:]
}

// function fills in the answer for a function's name and returns the outcome.
func (a *answer) function(q steer.Question) outcome {
	if a.owner.function = q.Function; a.owner.kind == ownerNone {
		a.owner.kind = ownerFunction
	}
	a.choose(q)
	switch w := a.instead(); {
	case len(a.owner.node.Set(a.qtype())) > 0 && (a.choice.Fenced || w != nil):
		return a.beside() // the operator's own records are for everybody
	case a.choice.Fenced:
		return a.fenced()
	case w != nil && w.Name != "" && a.qtype() != dns.TypeANY:
		return a.renamed(w)
	}
	if t := a.qtype(); t == dns.TypeA || t == dns.TypeAAAA {
		return a.addressesOf(q)
	}
	f := a.view.State.Functions.At(q.Function)
	switch a.qtype() {
	case dns.TypeHTTPS, dns.TypeSVCB:
		return a.bindingOf(q, f)
	case dns.TypeTXT:
		return a.textsOf(f)
	case dns.TypeANY:
		a.steered = false
		a.addHINFO(seconds(a.ttl()))
		return outcomeAnswered
	}
	return a.beside()
}

// choose steers the client, and notes what every record of the answer depends on.
func (a *answer) choose(q steer.Question) {
	if a.n.settings.stale > 0 && time.Since(a.n.site.Confirmed()) > a.n.settings.stale {
		a.ede = &dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeStaleAnswer, ExtraText: "the federation's state is old"}
	}
	a.choice = a.view.Pick(a.view.Standing, q)
	if a.view.Asked(q.Function) {
		a.choice.Shaky = true // the state is old
	}
	a.steered = a.choice.Steered
	a.note()
}

// addressesOf answers A and AAAA. For a function without an anycast address it needs only what steering has
// compiled.
func (a *answer) addressesOf(q steer.Question) outcome {
	ttl := seconds(a.ttl())
	switch {
	case a.choice.Anycast:
		a.addAddresses(a.view.State.Functions.At(q.Function).VIPs, ttl)
	case a.instead().Fallback():
		a.addEndpoint(federation.EndpointOf(a.instead().Addresses), ttl)
	case a.fails():
		return a.fail()
	case a.choice.Cluster < 0:
		return a.noData()
	case a.choice.Several():
		a.addEndpoint(joined(a.endpoints(q)), ttl)
	default:
		a.addEndpoint(a.view.Endpoint(q.Function, a.choice.Cluster, q.Horizon), ttl)
	}
	if len(a.msg.Answer) == 0 {
		outcome := a.noData()
		// Another client's cluster may have the family that this one's lacks.
		a.steered = a.choice.Steered && a.view.HasFamily(q.Function, a.qtype() == dns.TypeAAAA)
		return outcome
	}
	return a.answered()
}

// answered is the outcome of an answer that has records.
func (a *answer) answered() outcome {
	switch {
	case a.instead().Fallback():
		return outcomeFallback
	case !a.choice.Steered || a.choice.Tier == steer.Up:
		return outcomeAnswered
	case a.choice.Tier == steer.Down:
		return outcomeFailOpen
	}
	return outcomeDegraded
}

func (a *answer) noData() outcome {
	a.steered = false
	a.addSOA()
	return outcomeNoData
}

func (a *answer) ttl() time.Duration { return a.n.settings.ttls.of(a.choice) }

func seconds(d time.Duration) uint32 { return uint32(d / time.Second) }

// addAddresses adds the addresses of the family that the query asks for.
func (a *answer) addAddresses(addrs []netip.Addr, ttl uint32) {
	for _, addr := range addrs {
		if addr.Is4() != (a.qtype() == dns.TypeA) {
			continue
		}
		if len(addrs) == 1 && a.msg.Answer == nil {
			a.rr[0] = a.only(addr, ttl)
			a.msg.Answer = a.rr[:]
			return
		}
		a.msg.Answer = append(a.msg.Answer, records.Address(a.name(), addr, ttl))
	}
}

// only makes the answer's only record, without an allocation if it is an A record.
func (a *answer) only(addr netip.Addr, ttl uint32) dns.RR {
	if addr.Is4() {
		a.addr = addr.As4()
		a.a = dns.A{Hdr: a.header(dns.TypeA, ttl), A: a.addr[:]}
		return &a.a
	}
	wide := &struct {
		dns.AAAA
		addr [16]byte
	}{addr: addr.As16()}
	wide.AAAA = dns.AAAA{Hdr: a.header(dns.TypeAAAA, ttl), AAAA: wide.addr[:]}
	return &wide.AAAA
}

func (a *answer) header(rrtype uint16, ttl uint32) dns.RR_Header {
	return dns.RR_Header{Name: a.name(), Rrtype: rrtype, Class: dns.ClassINET, Ttl: ttl}
}

// describe records the decision for log and dnstap.
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
