package perclient

import (
	"context"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/cache"
	"github.com/miekg/dns"
)

// before stands in front of a cache. When the cache holds a note in place of an answer, before asks behind the
// cache for the client's own answer.
type before struct {
	cache *cache.Cache
	// next is what the cache's own refreshes query, without the handler behind it.
	next plugin.Handler
}

// beforeCache wraps a cache in its two handlers and returns any other handler unchanged.
func beforeCache(next plugin.Handler) plugin.Handler {
	c, ok := next.(*cache.Cache)
	if !ok {
		return next
	}
	b := &before{c, c.Next}
	c.Next = &behind{c.Next}
	return b
}

// nameBefore is the name of that handler among the handlers of a server block.
const nameBefore = "perclient-cache"

// Name implements plugin.Handler.
func (b *before) Name() string { return nameBefore }

// ServeDNS implements plugin.Handler.
func (b *before) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	n := &noteReader{ResponseWriter: w}
	rcode, err := plugin.NextOrFailure(b.Name(), b.cache, ctx, n, r)
	if !n.found {
		return rcode, err
	}
	Mark(ctx) // for a cache in front of this one
	return plugin.NextOrFailure(b.cache.Name(), b.next, ctx, w, r)
}

// noteReader intercepts the note that a cache writes.
type noteReader struct {
	dns.ResponseWriter
	found bool
}

// WriteMsg implements dns.ResponseWriter.
func (n *noteReader) WriteMsg(m *dns.Msg) error {
	if isNote(m) {
		n.found = true
		return nil
	}
	return n.ResponseWriter.WriteMsg(m)
}

// behind stands between a cache and what it queries. It gives the cache only a note in place of an answer that
// depends on the client.
type behind struct{ next plugin.Handler }

// Name implements plugin.Handler.
func (b *behind) Name() string { return "perclient-behind" }

// ServeDNS implements plugin.Handler.
func (b *behind) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	outer := heard(ctx)
	n := &noteWriter{ResponseWriter: w, query: r}
	n.dependence.outer = outer
	rcode, err := plugin.NextOrFailure("cache", b.next, context.WithValue(ctx, dependenceKey{}, &n.dependence), n, r)
	if err != nil && !n.written && n.dependence.noted.Load() {
		// The cache would store the failure.
		return dns.RcodeSuccess, n.ResponseWriter.WriteMsg(note(r))
	}
	return rcode, err
}

// noteWriter is the writer of a query that a cache could not answer.
type noteWriter struct {
	dns.ResponseWriter
	query      *dns.Msg
	dependence dependence
	written    bool
}

// WriteMsg implements dns.ResponseWriter.
func (n *noteWriter) WriteMsg(m *dns.Msg) error {
	n.written = true
	if n.dependence.noted.Load() || scoped(m) {
		m = note(n.query)
	}
	return n.ResponseWriter.WriteMsg(m)
}

const (
	// noteName is the target of a note's alias; it does not exist (RFC 6761, section 6.4).
	noteName = "depends-on-the-client.nearcast.invalid."
	// noteTTL is how long a note stands for the answer, in seconds. A note is never wrong; once it has expired, its
	// name is asked for twice.
	noteTTL = 60
)

// note is what a cache stores in place of an answer that depends on the client. It looks like an answer of that
// type, for which cache.prefer_positive gives up what it held.
func note(query *dns.Msg) *dns.Msg {
	m := new(dns.Msg).SetReply(query)
	q := query.Question[0]
	m.Answer = []dns.RR{&dns.CNAME{Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeCNAME, Class: q.Qclass, Ttl: noteTTL}, Target: noteName}}
	if q.Qtype != dns.TypeRRSIG { // for which CoreDNS expects a dns.RRSIG
		m.Answer = append(m.Answer, &dns.RFC3597{Hdr: dns.RR_Header{Name: noteName, Rrtype: q.Qtype, Class: q.Qclass, Ttl: noteTTL}})
	}
	return m
}

// isNote reports whether the message is a note. If an upstream's answer looks like one, its name is only asked for
// again.
func isNote(m *dns.Msg) bool {
	if len(m.Answer) == 0 {
		return false
	}
	cname, ok := m.Answer[0].(*dns.CNAME)
	return ok && cname.Target == noteName
}
