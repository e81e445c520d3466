package perclient

import (
	"context"
	"crypto/tls"
	"slices"
	"sync/atomic"

	"github.com/coredns/coredns/plugin"
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/internal/client"
)

// first stands in front of all plugins of a server block that is not straight. It passes on queries without a
// client-subnet option.
type first struct{ next plugin.Handler }

func inFront(next plugin.Handler) plugin.Handler { return &first{next} }

// Name implements plugin.Handler.
func (f *first) Name() string { return "perclient" }

// ServeDNS implements plugin.Handler.
func (f *first) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	asked := client.Subnet(r)
	if asked == nil {
		return served(f.next, ctx, w, r)
	}
	if _, inner := ctx.Value(echoKey{}).(*echo); inner {
		return served(f.next, ctx, &listener{w, ctx}, r)
	}
	e := &echo{ResponseWriter: w, Context: ctx, query: r, asked: *asked}
	return served(f.next, e, e, r)
}

// served is plugin.NextOrFailure for the first of a block's handlers, without its allocations. A block without
// plugins refuses, as in CoreDNS.
func served(next plugin.Handler, ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) { //nolint:revive // as plugin.NextOrFailure
	if next == nil {
		return dns.RcodeRefused, nil
	}
	return next.ServeDNS(ctx, w, r)
}

// echo is the writer and the context of a client's query, in one allocation.
type echo struct {
	dns.ResponseWriter
	context.Context //nolint:containedctx // it is one
	query           *dns.Msg
	// asked is the query's option as the client sent it.
	asked dns.EDNS0_SUBNET
	// scope is the longest scope noted, plus one; 0 while there is none.
	scope atomic.Int32
}

type echoKey struct{}

// Value implements context.Context.
func (e *echo) Value(key any) any {
	if key == (echoKey{}) {
		return e
	}
	return e.Context.Value(key)
}

func (e *echo) note(scope uint8) {
	for n := int32(scope) + 1; ; {
		before := e.scope.Load()
		if before >= n || e.scope.CompareAndSwap(before, n) {
			return
		}
	}
}

// WriteMsg implements dns.ResponseWriter.
func (e *echo) WriteMsg(m *dns.Msg) error {
	if e.rewritten() {
		e.restore(m)
	} else if scope := e.scope.Load(); scope > 0 {
		e.complete(m, uint8(scope-1))
	}
	return e.ResponseWriter.WriteMsg(m)
}

// rewritten reports whether a plugin, such as rewrite, has replaced the client's subnet with another one.
func (e *echo) rewritten() bool {
	now := client.Subnet(e.query)
	return now == nil || now.Family != e.asked.Family || now.SourceNetmask != e.asked.SourceNetmask || !now.Address.Equal(e.asked.Address)
}

// restore puts the client's own option back into the reply, if the reply has one. Nothing else in the reply depends
// on it.
func (e *echo) restore(m *dns.Msg) {
	if subnet := client.Subnet(m); subnet != nil {
		*subnet = e.asked
		subnet.SourceScope = 0
	}
}

// complete adds the option to the reply, or gives the one that it has the longer scope.
func (e *echo) complete(m *dns.Msg, scope uint8) {
	if subnet := client.Subnet(m); subnet != nil {
		subnet.SourceScope = max(subnet.SourceScope, scope)
		return
	}
	subnet := e.asked
	subnet.SourceScope = scope
	opt := m.IsEdns0()
	if opt == nil {
		opt = &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}} // CoreDNS fills in the rest
		at := len(m.Extra)
		if m.IsTsig() != nil {
			at-- // which must stay the last (RFC 8945, section 5.1)
		}
		m.Extra = slices.Insert(slices.Clip(m.Extra), at, dns.RR(opt))
	}
	opt.Option = append(slices.Clip(opt.Option), &subnet)
}

// ConnectionState implements dns.ConnectionStater for the plugins behind, if the connection does.
func (e *echo) ConnectionState() *tls.ConnectionState {
	if c, ok := e.ResponseWriter.(dns.ConnectionStater); ok {
		return c.ConnectionState()
	}
	return nil
}

// listener notes the scope of an answer that a plugin asks for inside the server and that another server gave.
type listener struct {
	dns.ResponseWriter
	ctx context.Context //nolint:containedctx // a query lives as long as its context
}

// WriteMsg implements dns.ResponseWriter.
func (l *listener) WriteMsg(m *dns.Msg) error {
	if scoped(m) {
		Mark(l.ctx)
		Echo(l.ctx, client.Subnet(m).SourceScope)
	}
	return l.ResponseWriter.WriteMsg(m)
}
