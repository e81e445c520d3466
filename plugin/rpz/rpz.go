// Package rpz is the CoreDNS plugin that applies Response Policy Zones to the server's answers
// (draft-vixie-dnsop-dns-rpz-00).
//
// ServeDNS reads one published set of policies and starts nothing. Zones are kept
// up to date by sources, which setup acquires at start-up and releases at
// shutdown; each new generation of a zone makes a new set.
package rpz

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/coredns/coredns/plugin"
	"github.com/miekg/dns"
	"github.com/opentracing/opentracing-go"
	"golang.org/x/time/rate"

	"github.com/nearcast/nearcast/plugin/internal/client"
	"github.com/nearcast/nearcast/plugin/internal/imputed"
	"github.com/nearcast/nearcast/plugin/internal/perclient"
)

// RPZ is the handler of one server block.
type RPZ struct {
	Next plugin.Handler

	settings settings
	zones    []*configuredZone
	building sync.Mutex // held while a set is being made
	set      atomic.Pointer[set]
	logging  *rate.Limiter
	paths    *delegations // nil if they are not looked up
}

// settings are those of the block.
type settings struct {
	treatment          // for zones that have none of their own
	breakDNSSEC        bool
	servfailUntilReady bool
	waitRecurse        bool
	delegation         bool
	minDots            int  // in names whose name servers are checked
	serverNames        wait // for nsdname
	serverAddresses    wait // for nsip
	log                int
	state              string // directory; "" for none
	admin              string // socket; "" for none
}

// Name implements plugin.Handler.
func (h *RPZ) Name() string { return "rpz" }

// Ready implements ready.Readiness. It stays true: a zone that expires later is not a reason to take the name server
// out of service.
func (h *RPZ) Ready() bool {
	s := h.set.Load()
	return s != nil && s.ready
}

// ServeDNS implements plugin.Handler.
func (h *RPZ) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	if r.Opcode == dns.OpcodeNotify {
		if z := h.notified(r); z != nil {
			return z.notify(ctx, w, r)
		}
	}
	if !h.applies(ctx, r) {
		return h.next(ctx, w, r)
	}
	s, t := h.consulted(r), (*trace)(nil)
	if explaining.Load() > 0 {
		s, t = h.traced(ctx, s)
	}
	if s == nil || !s.ready && h.settings.servfailUntilReady {
		return notReady(w, r)
	}
	if len(s.policies) == 0 {
		return h.next(ctx, w, r)
	}
	if s.perClient {
		perclient.Mark(ctx)
	}
	q := &query{ResponseWriter: w, ctx: ctx, handler: h, set: s, msg: r, trace: t}
	q.init()
	if q.settled() {
		return dns.RcodeSuccess, q.err
	}
	rcode, err := h.next(ctx, q, r)
	return q.finish(rcode, err)
}

// next is plugin.NextOrFailure without its stack frame. CoreDNS serves each packet on a new stack, and growing it
// once more costs as much as a plugin.
func (h *RPZ) next(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	if h.Next == nil || opentracing.SpanFromContext(ctx) != nil {
		return plugin.NextOrFailure(h.Name(), h.Next, ctx, w, r)
	}
	return h.Next.ServeDNS(ctx, w, r)
}

// applies reports whether policy could change the reply.
func (h *RPZ) applies(ctx context.Context, r *dns.Msg) bool {
	// A cache answers NOTIFY as if it were a query.
	if r.Opcode != dns.OpcodeQuery && r.Opcode != dns.OpcodeNotify || len(r.Question) != 1 || r.Question[0].Qclass != dns.ClassINET {
		return false
	}
	switch r.Question[0].Qtype {
	case dns.TypeAXFR, dns.TypeIXFR:
		return false
	}
	return !imputed.IsOwn(ctx) // no policy applies to its own look-ups
}

// consulted returns the set that applies to the query; nil before there is one.
func (h *RPZ) consulted(r *dns.Msg) *set {
	s := h.set.Load()
	if s == nil || r.RecursionDesired {
		return s
	}
	return s.iterative
}

// notReady answers every query until all zones have loaded, so that names that they block are not answered
// meanwhile.
func notReady(w dns.ResponseWriter, r *dns.Msg) (int, error) {
	m := new(dns.Msg).SetRcode(r, dns.RcodeServerFailure)
	addEDE(m, r, dns.ExtendedErrorCodeNotReady, "a policy zone is not loaded yet")
	if err := client.Written(w.WriteMsg(m)); err != nil {
		return dns.RcodeServerFailure, err
	}
	return dns.RcodeSuccess, nil
}
