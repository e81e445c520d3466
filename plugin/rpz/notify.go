package rpz

import (
	"context"
	"time"

	"github.com/coredns/coredns/request"
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/internal/client"
	"github.com/nearcast/nearcast/plugin/internal/seldom"
	"github.com/nearcast/nearcast/plugin/internal/signature"
)

// strangers logs events that anybody can cause, from any address.
var strangers = seldom.New(log.Warningf)

// notified returns the transferred zone that a NOTIFY (RFC 1996) is for, or nil.
func (h *RPZ) notified(r *dns.Msg) *configuredZone {
	if len(r.Question) != 1 {
		return nil
	}
	for _, z := range h.zones {
		if z.source != nil && z.source.secondary != nil && equal(r.Question[0].Name, z.name) {
			return z
		}
	}
	return nil
}

// notify takes a NOTIFY from a primary. One without a signature suffices to ask a primary whether there is
// something new. One with a wrong signature, or with another algorithm than the key's, does not.
func (z *configuredZone) notify(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	from := client.Source(w.RemoteAddr())
	m := new(dns.Msg).SetReply(r)
	m.Authoritative = true
	switch {
	case r.IsTsig() != nil && w.TsigStatus() != nil, z.weak(ctx):
		m.Rcode = dns.RcodeNotAuth
	case !z.source.secondary.Accepts(from):
		m.Rcode = dns.RcodeRefused
	default:
		serial, has := serialOf(r)
		z.source.secondary.Notify(from, serial, has)
	}
	if m.Rcode != dns.RcodeSuccess {
		strangers.Printf(from, z.name, "zone %s: refused NOTIFY from %s: %s", z.name, from, dns.RcodeToString[m.Rcode])
	}
	sign(m, w, r)
	if err := client.Written(w.WriteMsg(m)); err != nil {
		return dns.RcodeServerFailure, err
	}
	return dns.RcodeSuccess, nil
}

// weak reports whether a NOTIFY is signed with the zone's key but another algorithm.
func (z *configuredZone) weak(ctx context.Context) bool {
	key, algorithm := signature.By(ctx)
	return key != "" && key == z.origin.key && algorithm != z.origin.algorithm
}

// serialOf returns the zone's serial according to a NOTIFY.
func serialOf(r *dns.Msg) (uint32, bool) {
	for _, rr := range r.Answer {
		if soa, ok := rr.(*dns.SOA); ok {
			return soa.Serial, true
		}
	}
	return 0, false
}

// sign signs the reply to a query with a valid signature. Elsewhere the plugin tsig does so, but it comes after
// this one.
func sign(m *dns.Msg, w dns.ResponseWriter, r *dns.Msg) {
	tsig := r.IsTsig()
	if tsig == nil || w.TsigStatus() != nil {
		return
	}
	state := request.Request{Req: r, W: w}
	state.SizeAndDo(m) // an OPT added later would follow the signature
	m.SetTsig(tsig.Hdr.Name, tsig.Algorithm, 300, time.Now().Unix())
}
