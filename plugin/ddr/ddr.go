package ddr

import (
	"context"
	"slices"
	"strings"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/metrics"
	"github.com/coredns/coredns/request"
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/internal/udp"
)

const (
	// special is the name of RFC 9462, section 6.4, which is never queried at other servers.
	special = "resolver.arpa."
	// label precedes a resolver's name in queries for its designations (RFC 9461).
	label = "_dns."
)

// DDR is the handler of one server block.
type DDR struct {
	Next plugin.Handler
	answers
}

// answers is what a block answers. It is immutable.
type answers struct {
	// designated are the records without an owner, with the addresses that go with them, by query name.
	designated map[string]designated
	soa        *dns.SOA
	ns         *dns.NS
}

type designated struct {
	records []*dns.SVCB
	glue    []dns.RR
}

func answersOf(all []Designation, ttl uint32) answers {
	// As in RFC 6303, section 3, but cached no longer than a designation would be.
	a := answers{
		designated: map[string]designated{},
		soa: &dns.SOA{
			Hdr: dns.RR_Header{Name: special, Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: ttl},
			Ns:  special, Mbox: "nobody.invalid.", Serial: 1, Refresh: 3600, Retry: 1200, Expire: 604800, Minttl: ttl,
		},
		ns: &dns.NS{Hdr: dns.RR_Header{Name: special, Rrtype: dns.TypeNS, Class: dns.ClassINET, Ttl: ttl}, Ns: special},
	}
	for i := range all {
		d := &all[i]
		a.add(label+special, d, ttl)
		if !d.Elsewhere {
			a.add(label+d.Target, d, ttl)
		}
	}
	return a
}

// add adds a designation to the answers for a name.
func (a answers) add(name string, d *Designation, ttl uint32) {
	there := a.designated[name]
	there.records = append(there.records, d.record(ttl))
	for _, rr := range d.glue(ttl) {
		if !slices.ContainsFunc(there.glue, func(other dns.RR) bool { return dns.IsDuplicate(rr, other) }) {
			there.glue = append(there.glue, rr)
		}
	}
	a.designated[name] = there
}

// Name implements plugin.Handler.
func (d *DDR) Name() string { return "ddr" }

// ServeDNS implements plugin.Handler.
func (d *DDR) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	reply, answer := d.answer(r)
	if reply == nil {
		return plugin.NextOrFailure(d.Name(), d.Next, ctx, w, r)
	}
	answered.WithLabelValues(metrics.WithServer(ctx), answer).Inc()
	fit(ctx, w, r, reply)
	if err := w.WriteMsg(reply); err != nil {
		return dns.RcodeServerFailure, err
	}
	return dns.RcodeSuccess, nil
}

// fit limits a reply over plain UDP to the size that passes every network.
func fit(ctx context.Context, w dns.ResponseWriter, r, reply *dns.Msg) {
	if !udp.Plain(ctx, w) {
		return
	}
	state := request.Request{W: w, Req: r}
	state.SizeAndDo(reply) // CoreDNS would add an OPT later
	udp.Fit(reply, min(udp.Size(r), udp.MaxSize))
}

// answer returns the reply and the label under which it is counted, or nil for names that are not ours.
func (d *DDR) answer(r *dns.Msg) (reply *dns.Msg, answer string) {
	q := r.Question[0]
	if r.Opcode != dns.OpcodeQuery || q.Qclass != dns.ClassINET {
		return nil, ""
	}
	below := belowSpecial(q.Name)
	there, known := d.designatedFor(q)
	if !below && !known {
		return nil, ""
	}
	reply = new(dns.Msg).SetReply(r)
	reply.Authoritative = true
	reply.RecursionAvailable = true // as for the resolver that was asked
	switch {
	case known:
		there.fill(reply)
	case len(q.Name) == len(special) && q.Qtype == dns.TypeSOA:
		reply.Answer = []dns.RR{dns.Copy(d.soa)}
		return reply, "apex"
	case len(q.Name) == len(special) && q.Qtype == dns.TypeNS:
		reply.Answer = []dns.RR{dns.Copy(d.ns)}
		return reply, "apex"
	default:
		reply.Ns = []dns.RR{dns.Copy(d.soa)}
		return reply, "nodata"
	}
	return reply, "designation"
}

// belowSpecial reports whether the name is resolver.arpa or below it. Most names are not, which their last label
// shows.
func belowSpecial(name string) bool {
	above := len(name) - len(special)
	return above >= 0 && strings.EqualFold(name[above:], special) && dns.IsSubDomain(special, name)
}

// designatedFor returns what is designated for the question.
func (d *DDR) designatedFor(q dns.Question) (there designated, known bool) {
	if q.Qtype != dns.TypeSVCB || len(q.Name) < len(label) || !strings.EqualFold(q.Name[:len(label)], label) {
		return designated{}, false
	}
	there, known = d.designated[strings.ToLower(q.Name)]
	return there, known
}

// fill puts copies into the reply, because plugins in front may change them. The owner is spelled as in the query.
func (there designated) fill(reply *dns.Msg) {
	for _, rr := range there.records {
		own := *rr // values are shared: no plugin changes them
		own.Hdr.Name = reply.Question[0].Name
		reply.Answer = append(reply.Answer, &own)
	}
	for _, rr := range there.glue {
		reply.Extra = append(reply.Extra, dns.Copy(rr))
	}
}
