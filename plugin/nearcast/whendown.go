package nearcast

import (
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/federation/policy"
	"github.com/nearcast/nearcast/internal/steering/steer"
)

// fenced answers a client that the policy turns away: the name exists, and has no records for it.
func (a *answer) fenced() outcome {
	a.ede = &dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeProhibited, ExtraText: "the policy turns away clients from there"}
	o := a.noData()
	a.steered = true
	return o
}

// instead returns what answers for the candidates if all is lost; nil if they do. A zone's own name has no CNAME (RFC
// 2181, section 10.1).
func (a *answer) instead() *policy.WhenDown {
	function := a.owner.function
	if a.owner.kind == ownerService {
		function = a.owner.service.function
	}
	w := a.view.Instead(function, a.choice)
	if w != nil && w.Name != "" && a.owner.kind == ownerApexFunction {
		return nil
	}
	return w
}

// fails reports whether the client is to try elsewhere, as all is down. A function without a candidate has no records
// instead: it does not fail, it is nowhere.
func (a *answer) fails() bool {
	w := a.instead()
	return w != nil && w.Fail && a.choice.Cluster >= 0
}

// fail answers SERVFAIL: a resolver then tries other servers, and may serve what it has kept (RFC 8767).
func (a *answer) fail() outcome {
	a.msg.Authoritative = false
	return outcomeFail
}

// renamed answers every type with a CNAME record of the fallback's name.
func (a *answer) renamed(w *policy.WhenDown) outcome {
	a.msg.Answer = []dns.RR{&dns.CNAME{Hdr: a.header(dns.TypeCNAME, seconds(a.ttl())), Target: w.Name}}
	return outcomeFallback
}

// rcode is that of a reply with the outcome of a function's name.
func (o outcome) rcode() int {
	if o == outcomeFail {
		return dns.RcodeServerFailure
	}
	return dns.RcodeSuccess
}

// note says with EDE that all is down.
func (a *answer) note() {
	if a.choice.Tier == steer.Down && a.choice.Cluster >= 0 {
		a.ede = &dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeOther, ExtraText: "all candidates down"}
	}
}
