// Package nearcast is the CoreDNS plugin that answers a function's name with
// the nearest healthy cluster of a Karmada federation.
//
// ServeDNS reads one published View and starts nothing; everything that runs
// belongs to the site that setup acquires at start-up and releases at shutdown.
package nearcast

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/pkg/fall"
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/site"
	"github.com/nearcast/nearcast/internal/steering/steer"
	"github.com/nearcast/nearcast/plugin/internal/imputed"
	"github.com/nearcast/nearcast/plugin/internal/perclient"
	"github.com/nearcast/nearcast/plugin/nearcast/feed"
)

// Nearcast is the handler of one server block.
type Nearcast struct {
	Next  plugin.Handler
	Zones []Zone
	Fall  fall.F

	settings settings
	// turn numbers the answers for which a cluster is drawn each time.
	turn    atomic.Uint64
	site    state
	exports *feed.Set // nil if the block has none
	// neighbours are the other blocks of the Corefile at the same addresses.
	neighbours []*Nearcast
	// server is the block's configuration; nil if none is served.
	server   *dnsserver.Config
	instance *instance
	// sized is set if bufsize limits answers over UDP.
	sized bool
}

// state is what a block answers from: that of a running site.
type state interface {
	// View returns what is published; nil until there is something.
	View() *site.View
	// Confirmed returns when the source last agreed with its origin.
	Confirmed() time.Time
}

// settings are those of one server block only; the rest is in site.Config.
type settings struct {
	ecs  ecs
	ttls ttls
	// stale is the age past which answers carry EDE 3; 0 for never.
	stale   time.Duration
	feeds   []feed.Line
	cookies cookies
	records fileRecords
}

// Name implements plugin.Handler.
func (n *Nearcast) Name() string { return "nearcast" }

// ServeDNS implements plugin.Handler.
func (n *Nearcast) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	var buf [maxName]byte
	name := canonical(&buf, r.Question[0].Name)
	z := n.zoneOf(name)
	if r.Question[0].Qtype == dns.TypeDS {
		who, above := n.above(ctx, w, r, name)
		if who != n {
			return who.ServeDNS(ctx, w, r)
		}
		if above != nil {
			z = above
		}
	}
	if z == nil {
		return n.pass(ctx, w, r)
	}
	if r.Question[0].Qclass != dns.ClassINET { // CoreDNS accepts it for chaos and forward
		return n.ofAnotherClass(ctx, w, r)
	}
	// Whether a name exists depends on the client, too.
	perclient.Mark(ctx)
	if r.Opcode != dns.OpcodeQuery { // CoreDNS accepts NOTIFY
		if n.anothers(z, name, r) {
			return n.pass(ctx, w, r)
		}
		return dns.RcodeNotImplemented, nil // CoreDNS writes it
	}
	if severalOPTs(r) {
		z.counters[outcomeMalformed].Inc()
		return dns.RcodeFormatError, nil // CoreDNS writes it
	}
	n.bound(ctx, w, r)
	if n.exports != nil {
		if answered, rcode, err := n.serveFeed(ctx, w, r, z, name); answered {
			return rcode, err
		}
	}
	if t := r.Question[0].Qtype; t == dns.TypeAXFR || t == dns.TypeIXFR {
		return dns.RcodeRefused, nil // CoreDNS writes it
	}
	a := newAnswer(ctx, n, z, r)
	if refusal, rcode := a.bite(w); refusal != outcomes {
		return a.send(w, refusal, rcode)
	}
	if a.qtype() == dns.TypeNXNAME { // RFC 9824, section 3.5
		a.ede = &dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeInvalidQueryType}
		return a.send(w, outcomeMalformed, dns.RcodeFormatError)
	}
	view := n.site.View()
	if view == nil {
		return a.notReady(w)
	}
	who, err := n.settings.ecs.who(view, w, r)
	if err != nil {
		return a.send(w, outcomeMalformed, dns.RcodeFormatError)
	}
	a.view, a.client = view, who
	if len(name) == len(z.Name) {
		return a.apex(w, name)
	}
	if d := z.delegation(name); d != nil && a.qtype() == dns.TypeDS {
		return a.delegated(w, d)
	}
	if ns := z.server(name); ns != nil {
		return a.glue(w, ns)
	}
	file := z.records()
	if file != nil {
		if answered, rcode, err := a.ofFile(w, file, name); answered {
			return rcode, err
		}
	}
	function, existence := view.Names.Lookup(name, who.Own)
	if name[0] == '_' && existence != site.Exact {
		if s, ok := a.serviceOf(name); ok {
			return a.service(w, s)
		}
	}
	if existence == site.Absent || existence == site.Synthesised {
		existence = a.aroundServers(name, existence)
	}
	if file != nil && (existence == site.Absent || existence == site.Synthesised) {
		if wild := a.wildcard(file, name); wild != nil {
			if existence == site.Absent || wild.Excludes() {
				imputed.To(ctx, wild.Name)
				return a.fixed(w, wild)
			}
			a.owner.node = wild
		}
	}
	if a.isNobodys(name, existence) && n.Fall.Through(r.Question[0].Name) {
		return n.pass(ctx, w, r)
	}
	switch existence {
	case site.Absent:
		imputed.Absent(ctx, z.Name)
		return a.negative(w, outcomeAbsent, dns.RcodeNameError)
	case site.Ancestor:
		return a.ancestor(w, name)
	}
	if existence == site.Synthesised {
		a.impute(name, function)
	}
	o := a.function(a.question(function))
	return a.send(w, o, o.rcode())
}

// isNobodys reports whether the name has no records: it does not exist, or exists only because of others, and is
// not the name of a VIP.
func (a *answer) isNobodys(name []byte, e site.Existence) bool {
	return e == site.Absent || e == site.Ancestor && len(a.view.Names.Pointers(name, a.client.Own)) == 0
}

// pass passes the query to the next plugin.
func (n *Nearcast) pass(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	if c, explaining := w.(*capture); explaining {
		c.passed = true
		return dns.RcodeSuccess, nil
	}
	return plugin.NextOrFailure(n.Name(), n.Next, ctx, w, r)
}

// question is the question put to steering for a function.
func (a *answer) question(function int) steer.Question {
	q := steer.Question{Function: function, Location: a.client.Location, Horizon: a.client.Horizon, Client: a.client.Addr}
	if !a.view.Independent {
		q.Turn = site.Turn(time.Now())
		return q
	}
	q.Turn = a.n.turn.Add(1)
	switch a.qtype() {
	case dns.TypeA:
		q.Family = steer.V4
	case dns.TypeAAAA:
		q.Family = steer.V6
	}
	return q
}

// maxName is the most octets that a name's text can have without escapes.
const maxName = 255

// canonical writes the lower-case name into buf. Names of functions have no escapes: a label that has one becomes a
// single backslash, which no function's name contains, so that neither its length nor a dot in it can mislead.
func canonical(buf *[maxName]byte, name string) []byte {
	if len(name) > len(buf) || strings.IndexByte(name, '\\') >= 0 {
		return withoutEscapes(name)
	}
	for i := range len(name) {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		buf[i] = c
	}
	return buf[:len(name)]
}

func withoutEscapes(name string) []byte {
	var plain []byte
	for _, label := range dns.SplitDomainName(name) {
		if strings.IndexByte(label, '\\') >= 0 {
			label = `\`
		}
		plain = append(append(plain, strings.ToLower(label)...), '.')
	}
	return plain
}
