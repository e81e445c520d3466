package rpz

import (
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/internal/client"
	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
)

// truthful reports whether the hit keeps the true answer.
func (q *query) truthful(h *hit) bool {
	return h.action == policyzone.Passthru || h.action == policyzone.TCPOnly && !q.udp()
}

// apply writes the true reply as the hit at a stage changes it.
func (q *query) apply(h *hit, truth *dns.Msg, st *stage) error {
	q.note(h)
	switch {
	case q.truthful(h):
		return q.ResponseWriter.WriteMsg(truth)
	case h.action == policyzone.Drop:
		return nil
	}
	r := rewriting{query: q, hit: h, stage: st, reply: new(dns.Msg).SetReply(q.msg)}
	r.reply.RecursionAvailable = true
	r.reply.Answer = st.kept(truth)
	r.fill(truth)
	r.finish()
	return q.ResponseWriter.WriteMsg(r.reply)
}

// rewriting makes a reply. It does not change the true one, which a cache may hold.
type rewriting struct {
	*query
	*hit
	*stage
	reply *dns.Msg
	// subnet is the client's subnet as echoed by a function's answer.
	subnet *dns.EDNS0_SUBNET
}

// fill does what the action says.
func (r *rewriting) fill(truth *dns.Msg) {
	switch r.action {
	case policyzone.NXDomain:
		r.reply.Rcode = dns.RcodeNameError
	case policyzone.NoData:
	case policyzone.TCPOnly:
		r.reply.Truncated, r.reply.Answer = true, nil
		if r.last {
			r.reply.Rcode = truth.Rcode
		}
	case policyzone.Local:
		r.local()
	}
}

// local answers with local data, as the complete data of the name.
func (r *rewriting) local() {
	if r.policy.override.kind == overrideCNAME && !r.policy.override.spares(r.match) {
		r.redirect(r.policy.override.target, r.overrideTTL())
		return
	}
	data := r.match.Local()
	if cname, ok := data[0].(*dns.CNAME); ok {
		r.alias(cname)
		return
	}
	qtype := r.msg.Question[0].Qtype
	for _, rr := range data {
		if qtype == dns.TypeANY || rr.Header().Rrtype == qtype {
			r.reply.Answer = append(r.reply.Answer, r.own(rr, r.ttl(rr.Header().Ttl)))
		}
	}
}

// alias answers with a rule's CNAME.
func (r *rewriting) alias(cname *dns.CNAME) {
	switch qtype := r.msg.Question[0].Qtype; {
	case strings.HasPrefix(cname.Target, "*."):
		r.redirect(cname.Target, r.ttl(cname.Hdr.Ttl))
	case qtype == dns.TypeCNAME || qtype == dns.TypeANY:
		r.reply.Answer = append(r.reply.Answer, r.own(cname, r.ttl(cname.Hdr.Ttl)))
	default:
		r.redirect(cname.Target, r.ttl(cname.Hdr.Ttl))
	}
}

// redirect answers with a CNAME and its target's answer, to which no policy applies.
func (r *rewriting) redirect(target string, ttl uint32) {
	if garden, ok := strings.CutPrefix(target, "*."); ok {
		target = strings.TrimSuffix(r.name, ".") + "." + garden
		if r.name == "." {
			target = garden
		}
		if !fits(target) {
			r.reply.Rcode = dns.RcodeYXDomain
			return
		}
	}
	header := dns.RR_Header{Name: r.name, Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: ttl}
	r.reply.Answer = append(r.reply.Answer, &dns.CNAME{Hdr: header, Target: target})
	answer, err := ask(r.ctx, r.ResponseWriter, r.msg, target, r.msg.Question[0].Qtype)
	if err != nil || answer.Rcode != dns.RcodeSuccess && answer.Rcode != dns.RcodeNameError && answer.Rcode != dns.RcodeYXDomain {
		r.reply.Rcode, r.reply.Answer = dns.RcodeServerFailure, nil
		return
	}
	r.reply.Rcode = answer.Rcode
	for _, rr := range answer.Answer {
		if !r.aliased(rr) {
			r.reply.Answer = append(r.reply.Answer, rr)
		}
	}
	r.reply.Ns = answer.Ns
	r.subnet = client.Subnet(answer)
}

// aliased reports whether the record is a CNAME of a name that already has one, which happens if a rule leads back
// into its own chain.
func (r *rewriting) aliased(rr dns.RR) bool {
	return rr.Header().Rrtype == dns.TypeCNAME && slices.ContainsFunc(r.reply.Answer, func(o dns.RR) bool {
		return o.Header().Rrtype == dns.TypeCNAME && equal(o.Header().Name, rr.Header().Name)
	})
}

// fits reports whether the name is within the length limit.
func fits(name string) bool {
	var wire [256]byte
	n, err := dns.PackDomainName(name, wire[:], 0, nil, false)
	return err == nil && n <= 255
}

// own returns a copy of a rule's record with the answered name as owner.
func (r *rewriting) own(rr dns.RR, ttl uint32) dns.RR {
	rr = dns.Copy(rr)
	rr.Header().Name, rr.Header().Ttl = r.name, ttl
	return rr
}

func (r *rewriting) ttl(rule uint32) uint32 {
	return min(rule, uint32(r.policy.maxTTL/time.Second))
}

// defaultTTL is BIND's default, in seconds, if no record of the rule gives a TTL.
const defaultTTL = 5

// overrideTTL is the rule's TTL, if the rule has what was queried.
func (r *rewriting) overrideTTL() uint32 {
	qtype := r.msg.Question[0].Qtype
	for _, rr := range r.match.Local() {
		if t := rr.Header().Rrtype; t == qtype || t == dns.TypeCNAME {
			return r.ttl(rr.Header().Ttl)
		}
	}
	if len(r.match.Local()) == 0 {
		return r.ttl(r.match.TTL())
	}
	return r.ttl(defaultTTL)
}

// finish adds what tells the client that policy was applied.
func (r *rewriting) finish() {
	if r.policy.addSOA && !r.reply.Truncated && r.reply.Rcode != dns.RcodeServerFailure {
		soa := *r.policy.rules.SOA()
		soa.Hdr.Ttl = min(soa.Hdr.Ttl, soa.Minttl)
		r.reply.Extra = append(r.reply.Extra, &soa)
	}
	var options []dns.EDNS0
	if r.subnet != nil {
		options = append(options, r.subnet)
	}
	if r.policy.hasEDE {
		options = append(options, &dns.EDNS0_EDE{InfoCode: r.policy.ede})
	}
	addOptions(r.reply, r.msg, options...)
}

// addEDE explains a reply to clients that speak EDNS.
func addEDE(m, query *dns.Msg, code uint16, text string) {
	addOptions(m, query, &dns.EDNS0_EDE{InfoCode: code, ExtraText: text})
}

// addOptions adds an OPT for the reply if the query has one. CoreDNS keeps its options and fills in the rest.
func addOptions(m, query *dns.Msg, options ...dns.EDNS0) {
	if len(options) == 0 || query.IsEdns0() == nil {
		return
	}
	m.Extra = append(slices.Clip(m.Extra), &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}, Option: options})
}
