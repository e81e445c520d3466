package rrl

import (
	"context"
	"errors"
	"hash/maphash"
	"net"
	"net/netip"
	"time"

	"github.com/coredns/coredns/plugin"
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/internal/client"
	"github.com/nearcast/nearcast/plugin/internal/cookie"
	"github.com/nearcast/nearcast/plugin/internal/imputed"
	"github.com/nearcast/nearcast/plugin/internal/scratch"
	"github.com/nearcast/nearcast/plugin/internal/udp"
)

// rrl is the handler of one server block.
type rrl struct {
	next plugin.Handler

	exempt       []netip.Prefix
	bits4, bits6 int
	// limits are nil for kinds without one.
	limits     [kinds]*limit
	reportOnly bool
	// quic is set if UDP may carry more than plain DNS.
	quic bool
	// cookies are those of the block's nearcast; nil if it has none.
	cookies *cookie.Jar

	seed     maphash.Seed
	accounts *table
	counters counters
}

func newRRL(s *settings) *rrl {
	r := &rrl{
		exempt: s.exempt, bits4: s.bits4, bits6: s.bits6, reportOnly: s.reportOnly,
		seed: maphash.MakeSeed(), accounts: newTable(s.size), counters: countersOf(s.reportOnly),
	}
	for k, rate := range s.perSecond {
		if rate > 0 {
			l := limitOf(rate, s.window, s.slip)
			r.limits[k] = &l
		}
	}
	return r
}

// Name implements plugin.Handler.
func (r *rrl) Name() string { return "rrl" }

// ServeDNS implements plugin.Handler.
func (r *rrl) ServeDNS(ctx context.Context, w dns.ResponseWriter, m *dns.Msg) (int, error) {
	if r.next == nil || m.Opcode == dns.OpcodeUpdate || !r.forgeable(ctx, w) {
		return plugin.NextOrFailure(r.Name(), r.next, ctx, w, m)
	}
	if imputed.Within(ctx) {
		// This is a query that the server makes on behalf of a client: what the client is sent is limited.
		return plugin.NextOrFailure(r.Name(), r.next, imputed.Own(ctx), w, m)
	}
	from := client.Source(w.RemoteAddr())
	if r.trusts(from, m) {
		return plugin.NextOrFailure(r.Name(), r.next, ctx, w, m)
	}
	e := scratch.Beside[exchange](ctx, m)
	e.ResponseWriter, e.rrl, e.query, e.from, e.ctx.Context = w, r, m, from, ctx
	// This does not use plugin.NextOrFailure, whose writer would record for the plugins in front which plugin wrote
	// the reply, and which this plugin's writer would hide from them.
	rcode, err := r.next.ServeDNS(&e.ctx, e, m)
	if plugin.ClientWrite(rcode) {
		return rcode, err
	}
	return e.refuse(rcode, err)
}

// forgeable reports whether the query's source address is unproven.
func (r *rrl) forgeable(ctx context.Context, w dns.ResponseWriter) bool {
	if _, ok := w.RemoteAddr().(*net.UDPAddr); ok && !r.quic {
		return true
	}
	return udp.Plain(ctx, w)
}

// trusts reports whether the query is exempt from limits.
func (r *rrl) trusts(from netip.Addr, m *dns.Msg) bool {
	for _, p := range r.exempt {
		if p.Contains(from) {
			return true
		}
	}
	if r.cookies == nil {
		return false
	}
	option := cookie.Of(m)
	if option == nil {
		return false
	}
	now := uint32(time.Now().Unix()) //nolint:gosec // serial arithmetic
	return r.cookies.Secrets().Judge(option, from, now).Standing == cookie.Valid
}

// judge charges a reply to the network.
func (r *rrl) judge(from netip.Addr, s said) verdict {
	l := r.limits[s.kind]
	if l == nil {
		return within
	}
	bits := r.bits6
	if from.Is4() {
		bits = r.bits4
	}
	network, err := from.Prefix(bits)
	if err != nil {
		return within // the client is unknown
	}
	v := r.accounts.debit(s.hash(r.seed, network.Addr()), l)
	if v == within {
		return within
	}
	r.counters[s.kind][v].Inc()
	if r.reportOnly {
		return within
	}
	return v
}

// exchange is one query that may be limited. It is the writer and the context for the plugins that answer.
type exchange struct {
	dns.ResponseWriter
	ctx   imputed.Context
	rrl   *rrl
	query *dns.Msg
	from  netip.Addr
}

// WriteMsg implements dns.ResponseWriter.
func (e *exchange) WriteMsg(reply *dns.Msg) error {
	switch e.rrl.judge(e.from, saidBy(reply, &e.query.Question[0], &e.ctx.Note)) {
	case drop:
		return nil
	case slip:
		reply = udp.Emptied(reply)
	}
	return e.ResponseWriter.WriteMsg(reply)
}

// Write implements dns.ResponseWriter.
func (e *exchange) Write(data []byte) (int, error) {
	reply := new(dns.Msg)
	if err := reply.Unpack(data); err != nil {
		return 0, err
	}
	return len(data), e.WriteMsg(reply)
}

// refuse judges an error that CoreDNS would write, and returns it if it may be sent.
func (e *exchange) refuse(rcode int, err error) (int, error) {
	switch e.rrl.judge(e.from, said{kind: failures}) {
	case within:
		return rcode, err
	case slip:
		reply := new(dns.Msg).SetRcode(e.query, rcode)
		reply.Truncated = true
		err = errors.Join(err, e.ResponseWriter.WriteMsg(reply))
	}
	return dns.RcodeSuccess, err
}
